"""The rows that an endpoint can learn from, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.components import Outcomes
from mmcare_baselines.columns import Floats

__all__ = ["Mask", "Rows"]

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rows:
    """Patients whose arm and time are known.

    Attributes:
        values: (n, P) columns.
        time: (n,) years.
        event: (n,) 0 censored, 1 the event, 2 competing.
        arm: (n,) codes.
        training: (n,) False for validation patients.
    """

    values: Floats
    time: Floats
    event: npt.NDArray[np.int64]
    arm: npt.NDArray[np.int64]
    training: Mask

    @classmethod
    def of(cls, values: Floats, outcomes: Outcomes, column: int, training: Mask) -> Rows:
        """Those of `values (B, P)` that one endpoint can learn from."""
        time, event = outcomes.time[:, column].cpu().numpy(), outcomes.event[:, column].cpu().numpy()
        return cls(values, time, event, outcomes.arm.cpu().numpy(), training).take(outcomes.known(column).cpu().numpy())

    def take(self, chosen: Mask) -> Rows:
        """Some of them."""
        return Rows(self.values[chosen], self.time[chosen], self.event[chosen], self.arm[chosen], self.training[chosen])

"""The rows that an endpoint can learn from, each under the arm it received."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from mmcare.components import Outcomes

__all__ = ["FactualRows", "factual_rows"]


@dataclass(frozen=True, slots=True)
class FactualRows:
    """Patients whose arm and time are known.

    Attributes:
        index: (n,) their rows in the batch.
        arm: (n,) codes.
        time: (n,) float64 years.
        event: (n,) codes.
    """

    index: Tensor
    arm: Tensor
    time: Tensor
    event: Tensor

    def __len__(self) -> int:
        return len(self.index)

    def of(self, scores: Tensor) -> Tensor:
        """(n, ...) scores of the arm received, of (B, A, ...): the others get no gradient."""
        return scores[self.index, self.arm]

    def take(self, index: Tensor) -> FactualRows:
        """Some of them (positions or a bool mask)."""
        return FactualRows(self.index[index], self.arm[index], self.time[index], self.event[index])

    def arrays(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Time, event and arm, in the order in which `mmcare.survival` takes them."""
        return self.time.cpu().numpy(), self.event.cpu().numpy(), self.arm.cpu().numpy()


def factual_rows(outcomes: Outcomes, column: int) -> FactualRows:
    """The rows of one endpoint that carry information: an unknown arm or time skips the row."""
    index = outcomes.known(column).nonzero()[:, 0]
    return FactualRows(index, outcomes.arm[index], outcomes.time[index, column], outcomes.event[index, column])

"""The rows that an endpoint can learn from, each under the arm it received."""

from __future__ import annotations

from dataclasses import dataclass

import torch
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
        """(n, S) scores of the arm received, of (B, A, S): the others get no gradient."""
        return scores[self.index, self.arm]


def factual_rows(outcomes: Outcomes, column: int) -> FactualRows:
    """The rows of one endpoint that carry information: an unknown arm (-1) or time (NaN) skips the row."""
    known = (outcomes.arm >= 0) & ~torch.isnan(outcomes.time[:, column])
    index = known.nonzero()[:, 0]
    return FactualRows(index, outcomes.arm[index], outcomes.time[index, column], outcomes.event[index, column])

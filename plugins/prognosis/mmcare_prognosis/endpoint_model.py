"""The model of one endpoint: what its scores are, their loss, and the course that they mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmcare.components import Endpoint, EndpointPrognosis, Outcomes, Split, arm_curves
from mmcare.survival import IntervalGrid
from mmcare_prognosis.concordance import concordance_loss
from mmcare_prognosis.factual import FactualRows, factual_rows
from mmcare_prognosis.fitted import FittedArmCurves

__all__ = ["EndpointModel", "validation_rows"]


class EndpointModel(nn.Module, ABC):
    """Base of the models of one endpoint; has no trainable weights, only what is fitted.

    Args:
        arms: A.
        grid: Intervals, one grid for all endpoints.
        endpoint: Which endpoint.
        column: Its column in `Outcomes`.

    Attributes:
        size: S, scores a patient and arm.
        bias: Whether the last layer has one.
    """

    size: int
    bias: bool = True

    def __init__(self, arms: int, grid: IntervalGrid, endpoint: Endpoint, column: int) -> None:
        super().__init__()
        self.arms, self.grid, self.endpoint, self.column = arms, grid, endpoint, column
        self.arm_curves = FittedArmCurves(arms, grid)

    def fit(self, outcomes: Outcomes) -> None:
        """Before the first step, on the training patients."""
        self.arm_curves.keep(arm_curves(outcomes, self.column, self.arms, self.grid))

    def start(self, arm: int) -> Tensor | None:
        """(S,) bias of the last layer at which an arm starts at its own curve; None where it has no bias."""
        return None

    def loss(self, scores: Tensor, outcomes: Outcomes) -> Tensor:
        """Loss of scores (B, A, S) under the arm received; without a row a 0 that keeps its graph."""
        rows = factual_rows(outcomes, self.column)
        nothing = scores.sum() * 0
        return nothing + self.rows_loss(rows.of(scores), rows) if len(rows) else nothing

    @abstractmethod
    def rows_loss(self, scores: Tensor, rows: FactualRows) -> Tensor:
        """Loss of the patients who can be learned from, of their scores (n, S) under the arm received."""

    def ranking_loss(self, scores: Tensor, outcomes: Outcomes) -> Tensor:
        """`concordance_loss` of the arm received, of scores (B, A, S)."""
        rows = factual_rows(outcomes, self.column)
        return concordance_loss(rows.of(self.ranking_score(scores)), rows.time, rows.event, rows.arm)

    @abstractmethod
    def ranking_score(self, scores: Tensor) -> Tensor:
        """(B, A) what the ranking loss compares: larger is worse, on the scale of a log hazard."""

    @abstractmethod
    def risk(self, scores: Tensor) -> Tensor:
        """(B, A) larger is worse."""

    def finish(self, scores: Tensor, outcomes: Outcomes, split: Sequence[Split]) -> None:
        """After the last step: nothing to recalibrate."""

    @abstractmethod
    def predict(self, scores: Tensor) -> EndpointPrognosis:
        """Every patient's own figures, before `with_arm_curves`."""


def validation_rows(rows: FactualRows, split: Sequence[Split]) -> Tensor:
    """(n,) bool, which rows are of validation patients."""
    chosen = [split[row] == "validation" for row in rows.index.tolist()]
    return torch.tensor(chosen, dtype=torch.bool, device=rows.index.device)

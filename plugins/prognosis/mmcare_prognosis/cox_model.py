"""Proportional hazards within each arm."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mmcare.components import Endpoint, EndpointPrognosis, Outcomes, Split
from mmcare.survival import IntervalGrid, breslow_baseline, calibration_slope
from mmcare_prognosis.curves import prognosis_of_curves
from mmcare_prognosis.endpoint_model import EndpointModel, validation_rows
from mmcare_prognosis.factual import FactualRows, factual_rows
from mmcare_prognosis.fitted import FittedSteps
from mmcare_prognosis.partial_likelihood import efron_log_likelihood

__all__ = ["CoxHazard"]

log = logging.getLogger(__name__)


class CoxHazard(EndpointModel):
    """A ranking score eta, made absolute by Breslow's baseline hazard of each arm."""

    size = 1
    bias = False  # a constant added to all scores changes nothing
    slope: Tensor
    event_rate: Tensor

    def __init__(self, arms: int, grid: IntervalGrid, endpoint: Endpoint, column: int) -> None:
        super().__init__(arms, grid, endpoint, column)
        self.baseline = FittedSteps(arms, start=0.0)
        self.register_buffer("slope", torch.ones((), dtype=torch.float64))
        self.register_buffer("event_rate", torch.ones((), dtype=torch.float64))

    def fit(self, outcomes: Outcomes) -> None:
        """The rate of events, and the baseline of a score that is the same for all."""
        super().fit(outcomes)
        rows = factual_rows(outcomes, self.column)
        events = int((rows.event == 1).sum())
        self.event_rate.fill_(max(events, 1) / max(len(rows), 1))
        self._fit_baseline(np.zeros(len(rows)), rows)

    def rows_loss(self, scores: Tensor, rows: FactualRows) -> Tensor:
        """Minus the partial log-likelihood (Efron, stratified by arm) over the expected number of events of the batch.

        That number, training event rate times rows, is the same for all batches of one size: dividing by the events
        that happen to be there would weight patients by their batch mates.
        """
        likelihood = efron_log_likelihood(scores[:, 0], rows.time, rows.event, rows.arm)
        return (-likelihood / (self.event_rate * len(rows))).to(scores.dtype)

    def risk(self, scores: Tensor) -> Tensor:
        """(B, A) the score itself."""
        return scores[..., 0]

    def ranking_score(self, scores: Tensor) -> Tensor:
        """(B, A) the score itself."""
        return self.risk(scores)

    def finish(self, scores: Tensor, outcomes: Outcomes, split: Sequence[Split]) -> None:
        """Slope on the validation patients, baseline on training and validation patients."""
        rows = factual_rows(outcomes, self.column)
        eta = rows.of(scores)[:, 0].detach().double().cpu().numpy()
        held_out = validation_rows(rows, split)
        slope = calibration_slope(eta[held_out.cpu().numpy()], *rows.take(held_out).arrays())
        if slope.reason:
            log.warning("%s: %s.", self.endpoint.name, slope.reason)
        self.slope.fill_(slope.gamma)
        self._fit_baseline(eta, rows)

    def _fit_baseline(self, eta: np.ndarray, rows: FactualRows) -> None:  # type: ignore[type-arg]
        self.baseline.keep(breslow_baseline(eta, *rows.arrays(), float(self.slope), self.arms))

    def incidence(self, scores: Tensor) -> Tensor:
        """`1 - exp(-H0_a(t) exp(slope * eta_a(x)))`; one cause."""
        hazard = self.baseline.at(torch.from_numpy(self.grid.edges))
        relative = torch.exp(self.slope * scores.double())
        return -torch.expm1(-hazard * relative).to(scores.dtype)[:, :, None]

    def predict(self, scores: Tensor) -> EndpointPrognosis:
        """Survival under each arm's baseline hazard."""
        return prognosis_of_curves(self.endpoint, self.grid, self.incidence(scores), self.arm_curves.curves)

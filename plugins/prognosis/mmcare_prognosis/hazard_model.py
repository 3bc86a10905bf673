"""Discrete hazards an interval: of one event, or of an event and a competing one."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mmcare.components import Endpoint, EndpointPrognosis, Outcomes, Split
from mmcare.survival import IntervalGrid, intercept_only
from mmcare_prognosis.curves import incidence_at, log_minus_log, prognosis_of_curves
from mmcare_prognosis.endpoint_model import EndpointModel, validation_rows
from mmcare_prognosis.factual import FactualRows, factual_rows
from mmcare_prognosis.hazards import cumulative_incidence, hazards_nll
from mmcare_prognosis.recalibration import LEAST_EVENTS, recalibration

__all__ = ["HazardModel"]

log = logging.getLogger(__name__)


class HazardModel(EndpointModel):
    """Hazards of C causes an interval, `softmax(0, f_1 + log width, ..., f_C + log width)`.

    The offset keeps a shared f the same hazard a year. Where an arm has fewer than 5 events of a cause in an interval,
    neighbours share f: the score of the group's first interval stands for all.

    Args:
        arms: A.
        grid: Intervals.
        endpoint: Which endpoint.
        column: Its column in `Outcomes`.
        causes: C; 1 is a logistic hazard, whose survival never rises; with 2, local failure (1) and death (2) compete.
        recalibrate: Whether `finish` recalibrates the hazards on the validation patients.
    """

    groups: Tensor
    intercepts: Tensor
    shift: Tensor
    slope: Tensor

    def __init__(
        self, arms: int, grid: IntervalGrid, endpoint: Endpoint, column: int, *, causes: int, recalibrate: bool = False
    ) -> None:
        super().__init__(arms, grid, endpoint, column)
        self.causes, self.size, self.recalibrate = causes, causes * grid.count, recalibrate
        self.register_buffer("groups", torch.arange(grid.count).repeat(arms, self.causes, 1))
        self.register_buffer("intercepts", torch.zeros(arms, self.causes, grid.count, dtype=torch.float64))
        self.register_buffer("shift", torch.zeros(arms, self.causes, dtype=torch.float64))
        self.register_buffer("slope", torch.ones(arms, self.causes, dtype=torch.float64))

    def fit(self, outcomes: Outcomes) -> None:
        """Which intervals share, and the solution without covariates."""
        super().fit(outcomes)
        time, event, arm = factual_rows(outcomes, self.column).arrays()
        for code in np.unique(arm):
            of = arm == code
            found = intercept_only(time[of], event[of], self.grid, self.endpoint.horizons, self.causes)
            self.groups[code] = torch.from_numpy(found.groups)
            self.intercepts[code] = torch.from_numpy(found.logits)

    def start(self, arm: int) -> Tensor:
        """The solution without covariates."""
        return self.intercepts[arm].flatten().float()

    def logits(self, scores: Tensor) -> Tensor:
        """(B, A, C, K) logits of each cause against none, from scores (B, A, C * K)."""
        own = scores.unflatten(-1, (self.causes, self.grid.count))
        shared = own.gather(-1, self.groups.expand(len(scores), -1, -1, -1))
        return shared + torch.as_tensor(np.log(self.grid.widths), dtype=scores.dtype, device=scores.device)

    def loss(self, scores: Tensor, outcomes: Outcomes) -> Tensor:
        """Mean of `hazards_nll` over the patients who can be learned from."""
        return super().loss(self.logits(scores), outcomes)

    def rows_loss(self, scores: Tensor, rows: FactualRows) -> Tensor:
        """Mean of `hazards_nll`, of logits (n, C, K)."""
        return hazards_nll(scores, *self._located(rows), rows.event).mean()

    def incidence(self, scores: Tensor) -> Tensor:
        """Cumulative incidence of the recalibrated hazards."""
        shift, slope = (x.to(scores.dtype)[..., None] for x in (self.shift, self.slope))
        return cumulative_incidence(shift + slope * self.logits(scores))

    def risk(self, scores: Tensor) -> Tensor:
        """(B, A) probability of the event by the endpoint's last horizon."""
        return incidence_at(self.grid, self.incidence(scores), self.endpoint.horizons[-1])

    def ranking_score(self, scores: Tensor) -> Tensor:
        """(B, A) log(-log(1 - F)) at the endpoint's last horizon: a log hazard, up to a constant."""
        return log_minus_log(self.risk(scores))

    def predict(self, scores: Tensor) -> EndpointPrognosis:
        """The courses that the hazards mean."""
        return prognosis_of_curves(self.endpoint, self.grid, self.incidence(scores), self.arm_curves.curves)

    def finish(self, scores: Tensor, outcomes: Outcomes, split: Sequence[Split]) -> None:
        """Recalibrate on the validation patients where that was asked for."""
        if not self.recalibrate:
            return
        rows = factual_rows(outcomes, self.column)
        rows = rows.take(validation_rows(rows, split))
        events = int((rows.event == 1).sum())
        if events < LEAST_EVENTS:
            log.warning(
                "%s: %d events among the validation patients, %d are needed: no recalibration.",
                self.endpoint.name, events, LEAST_EVENTS,
            )  # fmt: skip
        logits = rows.of(self.logits(scores))
        found = recalibration(logits, *self._located(rows), rows.event, rows.arm, self.arms)
        self.shift.copy_(found.shift)
        self.slope.copy_(found.slope)

    def _located(self, rows: FactualRows) -> tuple[Tensor, Tensor]:
        """Interval and elapsed share of each time; found in float64."""
        where = self.grid.locate(rows.time.cpu().numpy())
        device = rows.time.device
        return torch.from_numpy(where.interval).to(device), torch.from_numpy(where.fraction).to(device)

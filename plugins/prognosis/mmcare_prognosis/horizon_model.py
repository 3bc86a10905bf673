"""Independent sigmoids at the horizons, trained by weighted binary cross-entropy (Eq. 16-17 to the letter)."""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mmcare.components import Endpoint, EndpointPrognosis, Outcomes
from mmcare.survival import (
    CensoringWeights,
    IntervalGrid,
    censoring_weights,
    landmark_labels,
    reverse_kaplan_meier,
)
from mmcare_prognosis.endpoint_model import EndpointModel
from mmcare_prognosis.factual import FactualRows, factual_rows
from mmcare_prognosis.fitted import FittedSteps

__all__ = ["LEAST_G", "HorizonSigmoids"]

log = logging.getLogger(__name__)

LEAST_G = 0.05
"""The probability to be uncensored is not taken smaller than this, so that no weight exceeds 20."""


class HorizonSigmoids(EndpointModel):
    """F(t) = sigmoid(f_t) at each horizon t, no curve between; what the paper writes down, and what is wrong with it.

    The horizons know nothing of each other: the risk by 1 year can come out larger than the one by 3 years (`monotone`
    is False), and there is no hazard, so nothing can be said between the horizons, and no calibration by expected
    events. A patient censored before t says nothing about t here, where hazards learn from every year of follow-up.

    The label y_i(t) is 1 where the event came by t. Who is censored before t has none, so the others stand in:
    w_i(t) = known / G(min(T_i, t)-), G the Kaplan-Meier of censoring of the arm, fitted once on the training patients.
    A competing event before t is a known 0 with weight 1 / G(T-), neither masked nor a censoring. The loss is
    sum of w * cross-entropy over the *number of patients*; dividing by the batch's sum of weights would bias it.
    A horizon beyond an arm's training follow-up is not trained and not predicted there.

    Source: Zheng, Cai and Feng 2006, doi 10.1111/j.1541-0420.2005.00441.x, for weighted labels.
    """

    intercepts: Tensor
    supported: Tensor

    def __init__(self, arms: int, grid: IntervalGrid, endpoint: Endpoint, column: int) -> None:
        super().__init__(arms, grid, endpoint, column)
        self.size = len(endpoint.horizons)
        self.censoring = FittedSteps(arms, start=1.0)
        self.register_buffer("intercepts", torch.zeros(arms, self.size, dtype=torch.float64))
        self.register_buffer("supported", torch.zeros(arms, self.size, dtype=torch.bool))

    def fit(self, outcomes: Outcomes) -> None:
        """Censoring by arm, which horizons each arm supports, and the risks without covariates."""
        super().fit(outcomes)
        rows = factual_rows(outcomes, self.column)
        time, event, arm = rows.arrays()
        self.censoring.keep(
            [
                reverse_kaplan_meier(time[arm == a], event[arm == a]) if (arm == a).any() else None
                for a in range(self.arms)
            ]
        )
        horizons = torch.tensor(self.endpoint.horizons, dtype=torch.float64, device=self.supported.device)
        self.supported.copy_(horizons <= self.arm_curves.support_years[:, None])
        self._fit_intercepts(rows)
        self._say_clipped(rows)

    def _fit_intercepts(self, rows: FactualRows) -> None:
        """Logits of the weighted means of the labels, the best that a constant can do."""
        label, weight = self.labels(rows)
        for arm in range(self.arms):
            w, y = weight[rows.arm == arm], label[rows.arm == arm]
            self.intercepts[arm] = torch.logit((w * y).sum(0) / w.sum(0).clamp(min=1e-12), eps=1e-4)

    def start(self, arm: int) -> Tensor:
        """The solution without covariates."""
        return self.intercepts[arm].float()

    def labels(self, rows: FactualRows) -> tuple[Tensor, Tensor]:
        """(n, H) labels and (n, H) weights in float64; weight 0 where the label or the arm's censoring is unknown."""
        labels, weights = [], []
        for horizon, found in zip(self.endpoint.horizons, self._weights(rows), strict=True):
            labels.append(landmark_labels(*rows.arrays()[:2], horizon).label)
            weights.append(found.weight)
        label, weight = (torch.from_numpy(np.stack(x, 1)).to(rows.time.device) for x in (labels, weights))
        return label, torch.where(self.supported[rows.arm], weight, 0)

    def _weights(self, rows: FactualRows) -> list[CensoringWeights]:
        """The weights at each horizon."""
        time, event, arm = rows.arrays()
        censoring = self.censoring.curves(self.arm_curves.support_years)
        return [
            censoring_weights(time, event, horizon, arm, censoring=censoring, least=LEAST_G)
            for horizon in self.endpoint.horizons
        ]

    def _say_clipped(self, rows: FactualRows) -> None:
        for horizon, found in zip(self.endpoint.horizons, self._weights(rows), strict=True):
            if found.share_clipped > 0:
                text = "%s by %g years: %.1f %% of the censoring weights were clipped at %g; effective size %.0f of %d."
                share = 100 * found.share_clipped
                log.warning(text, self.endpoint.name, horizon, share, 1 / LEAST_G, found.effective_size, len(rows))

    def rows_loss(self, scores: Tensor, rows: FactualRows) -> Tensor:
        """Sum of w * cross-entropy over the number of patients, mean over the horizons."""
        label, weight = (x.to(scores.dtype) for x in self.labels(rows))
        return (weight * binary_cross_entropy_with_logits(scores, label, reduction="none")).sum(0).mean() / len(rows)

    def ranking_score(self, scores: Tensor) -> Tensor:
        """(B, A) logit at the last horizon that the arm's follow-up reaches."""
        last = (self.supported.sum(1) - 1).clamp(min=0)
        return scores[:, torch.arange(self.arms, device=scores.device), last]

    def risk(self, scores: Tensor) -> Tensor:
        """(B, A) probability of the event by the last horizon that the arm's follow-up reaches."""
        return torch.sigmoid(self.ranking_score(scores))

    def predict(self, scores: Tensor) -> EndpointPrognosis:
        """Figures at the horizons only."""
        curves = self.arm_curves.curves
        return EndpointPrognosis(
            horizons=self.endpoint.horizons,
            at_horizons=torch.sigmoid(-scores),
            free=None,
            competing=None,
            support_years=curves.support_years,
            monotone=False,
            personal=curves.personal,
        )

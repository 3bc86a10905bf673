"""One model an endpoint: what its scores are, their loss, and the prognosis that they mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mmcare.components import Endpoint, EndpointPrognosis, Outcomes, Split
from mmcare.survival import IntervalGrid, breslow_baseline, calibration_slope, intercept_only
from mmcare_prognosis.arm_curves import ArmCurves
from mmcare_prognosis.factual import FactualRows, factual_rows
from mmcare_prognosis.likelihood import competing_log_hazards, competing_nll, discrete_nll, efron_log_likelihood

__all__ = ["CompetingRisk", "CoxHazard", "DiscreteHazard", "EndpointModel"]


class EndpointModel(nn.Module, ABC):
    """Base of the models of one endpoint; has no trainable weights, only what is fitted.

    Args:
        arms: A.
        grid: Intervals, one grid for all endpoints.
        endpoint: Which endpoint.
        column: Its column in `Outcomes`.
    """

    size: int
    bias = True

    def __init__(self, arms: int, grid: IntervalGrid, endpoint: Endpoint, column: int) -> None:
        super().__init__()
        self.arms, self.grid, self.endpoint, self.column = arms, grid, endpoint, column
        self.curves = ArmCurves(arms, grid, endpoint)

    def fit(self, outcomes: Outcomes) -> None:
        """Before the first step, on the training patients."""
        self.curves.fit(outcomes, self.column)

    def start(self, arm: int) -> Tensor | None:
        """(S,) bias of the last layer at which an arm starts at its own curve; None where it has no bias."""
        return None

    @abstractmethod
    def loss(self, scores: Tensor, outcomes: Outcomes) -> Tensor:
        """Mean loss over the patients of known time and arm, of scores (B, A, S)."""

    @abstractmethod
    def incidences(self, scores: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, A, K+1) probability to be free of the event, and of a competing event having come first, at the edges."""

    def risk(self, scores: Tensor) -> Tensor:
        """(B, A) probability of the event by the endpoint's last horizon."""
        free, _ = self.incidences(scores)
        return 1 - free[..., int(self._places()[-1])]

    def finish(self, scores: Tensor, outcomes: Outcomes, split: Sequence[Split]) -> None:
        """After the last step: nothing to recalibrate."""

    def predict(self, scores: Tensor) -> EndpointPrognosis:
        """The prognosis: NaN beyond an arm's support, the arm's curve where it is not personal."""
        free, competing = self.incidences(scores)
        free = self.curves.applied(free, self.curves.free)
        if competing is not None:
            competing = self.curves.applied(competing, self.curves.competing)
        return EndpointPrognosis(
            horizons=self.endpoint.horizons,
            at_horizons=free[..., self._places()],
            free=free,
            competing=competing,
            support_years=self.curves.support_years,
            monotone=True,
            personal=self.curves.personal,
        )

    def _places(self) -> Tensor:
        """(H,) the horizons' edges."""
        return torch.from_numpy(np.searchsorted(self.grid.edges, self.endpoint.horizons))

    def _located(self, rows: FactualRows) -> tuple[Tensor, Tensor]:
        """Interval and elapsed share of each time; found in float64."""
        where = self.grid.locate(rows.time.cpu().numpy())
        device = rows.time.device
        return torch.from_numpy(where.interval).to(device), torch.from_numpy(where.fraction).to(device)


class _Hazards(EndpointModel):
    """Hazards of C causes an interval; thin neighbours share a parameter, the offset is the log of the width."""

    causes: int
    groups: Tensor
    intercepts: Tensor

    def __init__(self, arms: int, grid: IntervalGrid, endpoint: Endpoint, column: int) -> None:
        super().__init__(arms, grid, endpoint, column)
        self.size = self.causes * grid.count
        own = torch.arange(grid.count).repeat(arms, self.causes, 1)
        self.register_buffer("groups", own)
        self.register_buffer("intercepts", torch.zeros(arms, self.causes, grid.count, dtype=torch.float64))

    def fit(self, outcomes: Outcomes) -> None:
        """Which intervals share, and the solution without covariates."""
        super().fit(outcomes)
        rows = factual_rows(outcomes, self.column)
        for arm in range(self.arms):
            of = (rows.arm == arm).cpu().numpy()
            if of.any():
                time, event = rows.time.cpu().numpy()[of], rows.event.cpu().numpy()[of]
                event = np.where(event <= self.causes, event, 0)
                found = intercept_only(time, event, self.grid, self.endpoint.horizons, self.causes)
                self.groups[arm] = torch.from_numpy(found.groups)
                self.intercepts[arm] = torch.from_numpy(found.logits)

    def start(self, arm: int) -> Tensor:
        """The solution without covariates."""
        return self.intercepts[arm].flatten().float()

    def logits(self, scores: Tensor) -> Tensor:
        """(B, A, C, K) logits of each cause against none, from scores (B, A, C * K)."""
        own = scores.unflatten(-1, (self.causes, self.grid.count))
        shared = own.gather(-1, self.groups[None].expand(len(scores), -1, -1, -1))
        offset = torch.as_tensor(np.log(self.grid.widths), dtype=scores.dtype, device=scores.device)
        return shared + offset


class DiscreteHazard(_Hazards):
    """Logistic hazard an interval; survival never rises."""

    causes = 1

    def loss(self, scores: Tensor, outcomes: Outcomes) -> Tensor:
        """Mean of `discrete_nll` under the arm received."""
        rows = factual_rows(outcomes, self.column)
        logits = rows.of(self.logits(scores))[:, 0]
        return _mean(discrete_nll(logits, *self._located(rows), (rows.event == 1).long()), scores)

    def incidences(self, scores: Tensor) -> tuple[Tensor, None]:
        """S(t_k) = prod over j <= k of (1 - h_j)."""
        log_free = nn.functional.logsigmoid(-self.logits(scores)[:, :, 0]).cumsum(-1)
        return torch.cat([torch.ones_like(log_free[..., :1]), log_free.exp()], -1), None


class CompetingRisk(_Hazards):
    """Hazards of the event (1) and of a competing event (2) an interval; the cumulative incidence never falls."""

    causes = 2

    def loss(self, scores: Tensor, outcomes: Outcomes) -> Tensor:
        """Mean of `competing_nll` under the arm received."""
        rows = factual_rows(outcomes, self.column)
        return _mean(competing_nll(rows.of(self.logits(scores)), *self._located(rows), rows.event), scores)

    def incidences(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """F_c(t_k) = sum over j <= k of h_cj * prod over l < j of h_0l; free of the event is 1 - F_1."""
        log_h = competing_log_hazards(self.logits(scores))
        log_none = log_h[:, :, 0]
        before = torch.cat([torch.zeros_like(log_none[..., :1]), log_none.cumsum(-1)[..., :-1]], -1)
        incidence = (log_h[:, :, 1:] + before[:, :, None]).exp().cumsum(-1)
        incidence = torch.cat([torch.zeros_like(incidence[..., :1]), incidence], -1)
        return 1 - incidence[:, :, 0], incidence[:, :, 1]


class CoxHazard(EndpointModel):
    """Proportional hazards within each arm: a ranking score, made absolute by Breslow's baseline in `finish`."""

    size = 1
    bias = False  # a constant added to all scores changes nothing
    baseline: Tensor
    slope: Tensor
    event_rate: Tensor

    def __init__(self, arms: int, grid: IntervalGrid, endpoint: Endpoint, column: int) -> None:
        super().__init__(arms, grid, endpoint, column)
        self.register_buffer("baseline", torch.zeros(arms, len(grid.edges), dtype=torch.float64))
        self.register_buffer("slope", torch.ones((), dtype=torch.float64))
        self.register_buffer("event_rate", torch.ones((), dtype=torch.float64))

    def fit(self, outcomes: Outcomes) -> None:
        """The rate of events, and the baseline of a score that is the same for all."""
        super().fit(outcomes)
        rows = factual_rows(outcomes, self.column)
        if len(rows):
            self.event_rate.fill_(max(float((rows.event == 1).double().mean()), 1 / len(rows)))
            self._fit_baseline(torch.zeros(len(rows)), rows)

    def loss(self, scores: Tensor, outcomes: Outcomes) -> Tensor:
        """Minus the partial log-likelihood (Efron, stratified by arm) over the expected number of events of the batch.

        The expected number, training event rate times rows, is the same for batches of one size: dividing by the
        events that happen to be there would weight patients by their batch mates.
        """
        rows = factual_rows(outcomes, self.column)
        eta = rows.of(scores)[:, 0]
        likelihood = efron_log_likelihood(eta, rows.time, rows.event, rows.arm) + scores.sum() * 0
        return (-likelihood / (self.event_rate * max(len(rows), 1))).to(scores.dtype)

    def risk(self, scores: Tensor) -> Tensor:
        """(B, A) the score itself."""
        return scores[..., 0]

    def finish(self, scores: Tensor, outcomes: Outcomes, split: Sequence[Split]) -> None:
        """Slope on the validation patients, baseline on training and validation patients."""
        rows = factual_rows(outcomes, self.column)
        eta = rows.of(scores)[:, 0].detach()
        held_out = torch.tensor([split[row] == "validation" for row in rows.index.tolist()])
        slope = calibration_slope(*(x[held_out].cpu().numpy() for x in (eta, rows.time, rows.event == 1, rows.arm)))
        self.slope.fill_(slope.gamma)
        self._fit_baseline(eta, rows)

    def _fit_baseline(self, eta: Tensor, rows: FactualRows) -> None:
        arrays = (x.cpu().numpy() for x in (eta, rows.time, rows.event, rows.arm))
        curves = breslow_baseline(*arrays, float(self.slope), self.arms)
        for arm, curve in enumerate(curves):
            if curve is not None:
                self.baseline[arm] = torch.from_numpy(curve.at(self.grid.edges))

    def incidences(self, scores: Tensor) -> tuple[Tensor, None]:
        """S_a(t|x) = exp(-H0_a(t) exp(slope * eta_a(x))); NaN beyond the arm's follow-up."""
        hazard = self.baseline[None] * torch.exp(self.slope * scores.double())
        return torch.exp(-hazard).to(scores.dtype), None


def _mean(values: Tensor, scores: Tensor) -> Tensor:
    """The mean; without a row a 0 that keeps its graph."""
    return values.mean() + scores.sum() * 0 if len(values) else scores.sum() * 0

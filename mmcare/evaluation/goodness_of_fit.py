"""How far what happened is from what was predicted, in standard errors and over groups of rising risk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from mmcare.evaluation.calibration import risk_groups
from mmcare.evaluation.scored import Floats, Ints
from mmcare.survival import kaplan_meier, landmark_labels

__all__ = ["ChiSquare", "EventCalibration", "event_calibration", "greenwood_nam_dagostino"]

_EVENTS_A_GROUP, _MOST_GROUPS = 5, 10


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A chi-square over risk groups and its degrees of freedom on held-out patients."""

    value: float
    degrees: int

    @property
    def p(self) -> float:
        """Probability of so large a value for a calibrated model; a large one proves nothing."""
        return float(chi2.sf(self.value, self.degrees))


@dataclass(frozen=True, slots=True)
class EventCalibration:
    """Events observed and expected by a horizon, whoever was followed how long.

    Attributes:
        observed: Events of the endpoint. expected: Sum of the predicted cumulative hazards.
        groups: Over groups of rising risk.
    """

    observed: int
    expected: float
    groups: ChiSquare

    @property
    def z(self) -> float:
        """(observed - expected) / sqrt(expected): about standard normal for a calibrated model."""
        return (self.observed - self.expected) / self.expected**0.5 if self.expected > 0 else float("nan")


def event_calibration(risk: Floats, expected: Floats, time: Floats, event: Ints, horizon: float) -> EventCalibration:
    """Events against the predicted cumulative hazard up to min(T, horizon); no censoring weights are needed.

    Groups by rising risk (ties in order of place), a tenth of the patients' expected events each, or more where a group
    would expect fewer than 5; the chi-square has as many degrees of freedom as groups, on held-out patients.

    Args:
        risk: (n,) predicted risk by the horizon.
        expected: (n,) predicted cumulative hazard of the event up to min(T, horizon).
        time: (n,) years.
        event: (n,) 0 censored, 1 the event, 2 competing.
        horizon: Years.
    """
    observed, total = landmark_labels(time, event, horizon).label, float(expected.sum())
    if not total > 0:
        return EventCalibration(int(observed.sum()), total, ChiSquare(float("nan"), 1))
    count = int(max(1, min(_MOST_GROUPS, total // _EVENTS_A_GROUP)))
    order = np.argsort(risk, kind="stable")
    share = count * np.cumsum(expected[order]) / total
    group = np.maximum(np.ceil(share - 1e-9), 1).astype(np.int64) - 1  # a sum that rounds up opens no group
    o, e = (np.bincount(group, weights=values[order], minlength=count) for values in (observed, expected))
    held = e > 0
    value = float(((o[held] - e[held]) ** 2 / e[held]).sum())
    return EventCalibration(int(observed.sum()), total, ChiSquare(value, int(held.sum())))


def greenwood_nam_dagostino(risk: Floats, time: Floats, event: Ints, horizon: float, groups: int = 5) -> ChiSquare:
    """Chi-square of (1 - KM_g - mean p_g)^2 / Var_Greenwood over risk groups, for an endpoint of one cause.

    NaN where a group has no event by the horizon or ends before it: use fewer groups.

    Source: Demler, Paynter and Cook 2015, doi 10.1002/sim.6428.
    """
    group, total = risk_groups(risk, groups), 0.0
    for g in range(groups):
        of = group == g
        fitted = kaplan_meier(time[of], event[of])
        difference = 1 - float(fitted.curve.at(horizon)) - float(risk[of].mean())
        variance = float(fitted.variance.at(horizon))
        total += difference**2 / variance if variance > 0 else float("nan")
    return ChiSquare(total, groups)

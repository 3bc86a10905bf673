"""Calibration: observed over expected, and groups of rising risk with what was observed in each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcare.evaluation.scored import Bools, Floats, Ints
from mmcare.survival import aalen_johansen

__all__ = ["CalibrationPoint", "calibration_points", "observed_over_expected", "risk_groups"]

_EVENTS = 5


@dataclass(frozen=True, slots=True)
class CalibrationPoint:
    """One group of patients of similar risk: mean predicted and observed (Aalen-Johansen) risk, and its size."""

    predicted: float
    observed: float
    patients: int


def observed_over_expected(risk: Floats, time: Floats, event: Ints, horizon: float) -> float:
    """Aalen-Johansen risk by the horizon over the mean predicted risk; 1 is calibrated in the large.

    Args:
        risk: (n,) predicted risk by the horizon.
        time: (n,) years.
        event: (n,) 0 censored, 1 the event, 2 competing.
        horizon: Years.
    """
    expected = float(risk.mean())
    return float(aalen_johansen(time, event).at(horizon)) / expected if expected > 0 else float("nan")


def risk_groups(risk: Floats, groups: int) -> Ints:
    """(n,) group of each patient, 0 the lowest: ceiling(groups * rank / n) - 1, ties in order of place."""
    rank = np.empty(len(risk), dtype=np.int64)
    rank[np.argsort(risk, kind="stable")] = np.arange(1, len(risk) + 1)
    return -(-groups * rank // len(risk)) - 1


def calibration_points(
    risk: Floats, time: Floats, event: Ints, horizon: float, groups: int = 5
) -> tuple[CalibrationPoint, ...]:
    """Groups of equal size by rising risk; as many as leave at least 5 events in each, at most `groups`."""
    failed = (event == 1) & (time <= horizon)
    group = next(g for g in (risk_groups(risk, n) for n in range(groups, 0, -1)) if _has_events(g, failed))
    points = []
    for g in range(int(group.max()) + 1):
        of = group == g
        observed = float(aalen_johansen(time[of], event[of]).at(horizon))
        points.append(CalibrationPoint(float(risk[of].mean()), observed, int(of.sum())))
    return tuple(points)


def _has_events(group: Ints, failed: Bools) -> bool:
    """Whether each group has events enough; one group alone may have fewer."""
    return int(group.max()) == 0 or int(np.bincount(group[failed], minlength=int(group.max()) + 1).min()) >= _EVENTS

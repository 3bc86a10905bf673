"""Whether predicted risks are too extreme or too timid."""

from __future__ import annotations

import numpy as np

from mmcare.evaluation.scored import Floats, Ints
from mmcare.survival import StepCurve, censoring_weights, landmark_labels

__all__ = ["risk_slope"]

_MOST_STEPS = 50
_STEEPEST = 10.0
"""Largest coefficient of one standard deviation of the logit that is taken for a finite one."""


def risk_slope(risk: Floats, time: Floats, event: Ints, horizon: float, censoring: StepCurve | None = None) -> float:
    """Slope b of logit P(event by the horizon) = a + b logit(risk), with censoring weights; 1 is calibrated.

    Below 1 the risks are too extreme, above 1 too much alike. NaN where risks do not differ, all or none failed, or
    the risks separate who failed.

    Args:
        risk: (n,) predicted risk by the horizon.
        time: (n,) years.
        event: (n,) 0 censored, 1 the event, 2 competing.
        horizon: Years.
        censoring: G of other patients of the arm; by default of these.

    Source: Cox 1958, doi 10.1093/biomet/45.3-4.562; weights as Gerds, Andersen and Kattan 2014, doi 10.1002/sim.6152.
    """
    given = None if censoring is None else {0: censoring}
    weight = censoring_weights(time, event, horizon, censoring=given).weight
    label = landmark_labels(time, event, horizon).label
    inside = np.clip(risk, 1e-6, 1 - 1e-6)
    x = np.log(inside / (1 - inside))
    spread = float(x[weight > 0].std()) if (weight > 0).any() else 0.0
    failed = float((weight * label).sum() / weight.sum()) if weight.sum() > 0 else float("nan")
    if not spread > 1e-9 or not 0 < failed < 1:
        return float("nan")
    return _slope(np.stack([np.ones_like(x), (x - x.mean()) / spread], axis=1), label, weight) / spread


def _slope(design: Floats, label: Floats, weight: Floats) -> float:
    """Second coefficient of a weighted logistic regression, by Newton's steps; NaN where there is no finite one."""
    b = np.zeros(2)
    for _ in range(_MOST_STEPS):
        p = 1 / (1 + np.exp(-design @ b))
        gradient = design.T @ (weight * (label - p))
        information = (design * (weight * p * (1 - p))[:, None]).T @ design
        step = np.linalg.lstsq(information, gradient, rcond=1e-14)[0]
        b += step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            return float(b[1])
        if abs(b[1]) > _STEEPEST:
            break
    return float("nan")

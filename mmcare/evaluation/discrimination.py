"""Cumulative/dynamic AUC with censoring weights, and sensitivity and specificity at a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcare.evaluation.scored import Floats, Ints
from mmcare.survival import StepCurve, censoring_weights, landmark_labels

__all__ = ["Threshold", "auc", "threshold"]


def auc(
    risk: Floats,
    time: Floats,
    event: Ints,
    horizon: float,
    *,
    dead_as_controls: bool = True,
    censoring: StepCurve | None = None,
) -> float:
    """AUC(t) = sum w_i w_j [1{p_i > p_j} + ties / 2] / (sum w_i sum w_j), i failed by t, j known not to have.

    The dead count as controls, for they will never fail; without them the controls are the event-free alone. NaN
    without a case or a control.

    Args:
        risk: (n,) predicted risk by the horizon.
        time: (n,) years.
        event: (n,) 0 censored, 1 the event, 2 competing.
        horizon: Years.
        dead_as_controls: Whether a competing event by the horizon makes a control.
        censoring: G of other patients of the arm; by default of these.

    Source: Blanche et al. 2013, doi 10.1002/sim.5958.
    """
    given = None if censoring is None else {0: censoring}
    weight = censoring_weights(time, event, horizon, censoring=given).weight
    label = landmark_labels(time, event, horizon).label
    cases = (label == 1) & (weight > 0)
    controls = (label == 0) & (weight > 0)
    if not dead_as_controls:
        controls &= ~((time <= horizon) & (event == 2))
    if not cases.any() or not controls.any():
        return float("nan")
    order = np.argsort(risk[controls], kind="stable")
    sorted_risk, sums = risk[controls][order], np.concatenate([[0.0], weight[controls][order].cumsum()])
    below = sums[np.searchsorted(sorted_risk, risk[cases], side="left")]
    up_to = sums[np.searchsorted(sorted_risk, risk[cases], side="right")]
    return float((weight[cases] * (below + up_to) / 2).sum() / (weight[cases].sum() * weight[controls].sum()))


@dataclass(frozen=True, slots=True)
class Threshold:
    """Weighted shares at one threshold: positive means risk >= threshold."""

    sensitivity: float
    specificity: float
    accuracy: float
    accuracy_of_nobody: float


def threshold(risk: Floats, time: Floats, event: Ints, horizon: float, cut: float) -> Threshold:
    """Sensitivity, specificity and accuracy at a threshold, beside the accuracy of "nobody fails".

    Args:
        risk: (n,) predicted risk by the horizon.
        time: (n,) years.
        event: (n,) 0 censored, 1 the event, 2 competing.
        horizon: Years.
        cut: Threshold; to be fixed on validation patients.
    """
    w, y = censoring_weights(time, event, horizon).weight, landmark_labels(time, event, horizon).label
    positive = (risk >= cut).astype(np.float64)
    failed, free = (w * y).sum(), (w * (1 - y)).sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        sensitivity, specificity = (w * y * positive).sum() / failed, (w * (1 - y) * (1 - positive)).sum() / free
    right = (w * (y * positive + (1 - y) * (1 - positive))).sum()
    return Threshold(float(sensitivity), float(specificity), float(right / w.sum()), float(free / w.sum()))

"""Brier score with censoring weights, and what it gains over the arm's own curve."""

from __future__ import annotations

from dataclasses import dataclass

from mmcare.evaluation.scored import Floats, Ints
from mmcare.survival import StepCurve, aalen_johansen, censoring_weights, landmark_labels

__all__ = ["Brier", "brier"]


@dataclass(frozen=True, slots=True)
class Brier:
    """BS(t), that of the arm's curve, and the index of prediction accuracy 1 - BS / BS_null."""

    score: float
    null: float

    @property
    def ipa(self) -> float:
        """Share of the null score that is gained; below 0, the curve alone is better."""
        return 1 - self.score / self.null if self.null > 0 else float("nan")


def brier(
    risk: Floats,
    time: Floats,
    event: Ints,
    horizon: float,
    null_risk: float | None = None,
    censoring: StepCurve | None = None,
) -> Brier:
    """BS(t) = mean of w (y - p)^2 over the patients of one arm.

    Args:
        risk: (n,) predicted risk by the horizon.
        time: (n,) years.
        event: (n,) 0 censored, 1 the event, 2 competing.
        horizon: Years.
        null_risk: Risk of the arm's curve in training; by default Aalen-Johansen of the same patients.
        censoring: G of other patients of the arm; by default of these.

    Source: Gerds and Schumacher 2006, doi 10.1002/bimj.200610301; Kattan and Gerds 2018 (IPA).
    """
    given = None if censoring is None else {0: censoring}
    w = censoring_weights(time, event, horizon, censoring=given).weight
    y = landmark_labels(time, event, horizon).label
    null = float(aalen_johansen(time, event).at(horizon)) if null_risk is None else null_risk
    return Brier(float((w * (y - risk) ** 2).mean()), float((w * (y - null) ** 2).mean()))

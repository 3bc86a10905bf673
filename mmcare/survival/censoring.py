"""Landmark labels and inverse-probability-of-censoring weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.survival.kaplan_meier import reverse_kaplan_meier
from mmcare.survival.step_curve import Floats, StepCurve

__all__ = ["CensoringWeights", "LandmarkLabels", "censoring_weights", "landmark_labels"]

LEAST_G = 0.05


@dataclass(frozen=True, slots=True)
class LandmarkLabels:
    """Whether the event has happened by a horizon.

    Attributes:
        label: (n,) 1 where the event came by the horizon, else 0.
        known: (n,) False where follow-up ended before the horizon without any event.
    """

    label: Floats
    known: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CensoringWeights:
    """Weights that stand in for the patients whose label is not known.

    Attributes:
        weight: (n,) 1 / G(min(T, t)-) of the patient's own arm where the label is known, else 0.
        share_clipped: Share of known patients whose G was raised to the least allowed.
        effective_size: (sum w)^2 / sum w^2.
    """

    weight: Floats
    share_clipped: float
    effective_size: float


def landmark_labels(time: npt.ArrayLike, event: npt.ArrayLike, horizon: float) -> LandmarkLabels:
    """y(t) = 1{T <= t, e = 1}. A competing event before t is a known 0; so is a censoring at exactly t.

    Args:
        time: (n,) years.
        event: (n,) 0 censored, 1 the event, 2 competing.
        horizon: t in years.
    """
    t, e = np.asarray(time, dtype=np.float64), np.asarray(event, dtype=np.int64)
    known = (t > horizon) | ((t <= horizon) & (e != 0)) | ((t == horizon) & (e == 0))
    return LandmarkLabels(((t <= horizon) & (e == 1)).astype(np.float64), known)


def censoring_weights(
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    horizon: float,
    arm: npt.ArrayLike | None = None,
    *,
    censoring: Mapping[int, StepCurve] | None = None,
    least: float = LEAST_G,
) -> CensoringWeights:
    """w(t) = known / G_arm(min(T, t)-), G fitted on each arm by itself.

    Before clipping the weights of an arm sum to its size, and mean(w y) is the arm's Aalen-Johansen estimate.

    Args:
        time: (n,) years.
        event: (n,) 0 censored, else a cause.
        horizon: t in years.
        arm: (n,) codes; None takes all patients as one arm.
        censoring: G by arm code from other patients, for arms whose patients scored are too few; it must reach to the
            horizon, or weights are NaN.
        least: G is not taken smaller than this.
    """
    t, e = np.asarray(time, dtype=np.float64), np.asarray(event, dtype=np.int64)
    arms = np.zeros(len(t), dtype=np.int64) if arm is None else np.asarray(arm, dtype=np.int64)
    known = landmark_labels(t, e, horizon).known
    g = np.ones(len(t))
    for code in np.unique(arms).tolist():
        of = arms == code
        other = None if censoring is None else censoring.get(code)
        curve = reverse_kaplan_meier(t[of], e[of]) if other is None else other
        g[of] = curve.at(np.minimum(t[of], horizon), left=True)
    weight = np.where(known, 1 / np.maximum(g, least), 0.0)
    squares = float((weight**2).sum())
    clipped = float((g[known] < least).mean()) if known.any() else 0.0
    return CensoringWeights(weight, clipped, float(weight.sum()) ** 2 / squares if squares else 0.0)

"""From a ranking score to absolute risk: the calibration slope and Breslow's baseline hazard, per arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from mmcare.survival.step_curve import Floats, StepCurve

__all__ = ["CalibrationSlope", "breslow_baseline", "calibration_slope"]

_STEEPEST = 50.0


@dataclass(frozen=True, slots=True)
class CalibrationSlope:
    """The slope gamma of a Cox model on the score alone; `reason` says why it was not estimated, else empty."""

    gamma: float
    raw: float
    reason: str = ""


def breslow_baseline(
    eta: npt.ArrayLike, time: npt.ArrayLike, event: npt.ArrayLike, arm: npt.ArrayLike, slope: float, arms: int
) -> tuple[StepCurve | None, ...]:
    """H0_a(t) = sum over event times u <= t of d_u / sum of exp(slope * eta) over the arm's patients at risk at u.

    Args:
        eta: (n,) log hazard ratios.
        time: (n,) years.
        event: (n,) 1 the event, anything else not.
        arm: (n,) codes below `arms`.
        slope: gamma.
        arms: A, number of arms.

    Returns:
        A curve for each arm; None for an arm without patients.

    Source: Breslow 1972, discussion of Cox, JRSS B 34:216.
    """
    score, t = np.asarray(eta, dtype=np.float64), np.asarray(time, dtype=np.float64)
    d, a = np.asarray(event) == 1, np.asarray(arm)
    return tuple(_baseline(score[a == c], t[a == c], d[a == c], slope) if (a == c).any() else None for c in range(arms))


def _baseline(eta: Floats, time: Floats, event: npt.NDArray[np.bool_], slope: float) -> StepCurve:
    times, place = np.unique(time, return_inverse=True)
    shift = float((slope * eta).max())  # keeps exp within range; put back at the end
    hazard = np.bincount(place, weights=np.exp(slope * eta - shift), minlength=len(times))
    at_risk = hazard[::-1].cumsum()[::-1]
    events = np.bincount(place[event], minlength=len(times))
    return StepCurve(times, np.cumsum(events / at_risk) * np.exp(-shift), 0.0, float(times[-1]))


def calibration_slope(
    eta: npt.ArrayLike, time: npt.ArrayLike, event: npt.ArrayLike, arm: npt.ArrayLike
) -> CalibrationSlope:
    """Slope of a Cox model (Efron ties) on eta alone, stratified by arm, one for all arms, clipped to [0, 1].

    To be fitted on patients that eta was not trained on. 0 means no signal: everyone gets the arm's curve.

    Args:
        eta: (n,) log hazard ratios.
        time: (n,) years.
        event: (n,) 1 the event, anything else not.
        arm: (n,) codes.
    """
    score, t = np.asarray(eta, dtype=np.float64), np.asarray(time, dtype=np.float64)
    d, a = (np.asarray(event) == 1).astype(np.float64), np.asarray(arm)
    if not d.any():
        return CalibrationSlope(1.0, float("nan"), "no event among the validation patients: the slope is left at 1")
    strata = [_efron_sets(score[a == c], t[a == c], d[a == c]) for c in np.unique(a)]
    if all(np.ptp(score[a == c]) < 1e-12 for c in np.unique(a)):
        return CalibrationSlope(0.0, float("nan"), "the score is the same for all validation patients: no signal")
    raw = _root(strata)
    return CalibrationSlope(float(np.clip(raw, 0.0, 1.0)), raw)


@dataclass(frozen=True, slots=True)
class _Sets:
    """One stratum, sorted by falling time."""

    eta: Floats
    event: Floats
    time: Floats


def _efron_sets(eta: Floats, time: Floats, event: Floats) -> _Sets:
    order = np.argsort(-time, kind="stable")
    return _Sets(eta[order] - eta.mean(), event[order], time[order])


def _root(strata: Sequence[_Sets]) -> float:
    """Where the score is 0. It falls in beta: beyond +-50 (a score that separates) the limit is the answer."""

    def score(beta: float) -> float:
        return sum(_score(sets, beta) for sets in strata)

    if score(-_STEEPEST) <= 0:
        return -_STEEPEST
    if score(_STEEPEST) >= 0:
        return _STEEPEST
    return float(brentq(score, -_STEEPEST, _STEEPEST, xtol=1e-12, rtol=1e-14))


def _score(sets: _Sets, beta: float) -> float:
    """Derivative of Efron's partial log-likelihood of one stratum."""
    x = sets.eta
    w = np.exp(beta * x - float((beta * x).max()))
    weights = np.stack([w, w * x])
    at_risk, total = weights.cumsum(1), 0.0
    for time in np.unique(sets.time[sets.event > 0]):
        tied = (sets.time == time) & (sets.event > 0)
        d, last = int(tied.sum()), int(np.flatnonzero(sets.time == time)[-1])
        share = np.arange(d)[:, None] / d
        s0, s1 = (at_risk[:, last] - share * weights[:, tied].sum(1)).T
        total += float(x[tied].sum() - (s1 / s0).sum())
    return total

"""Censoring that depends on what is known of a patient: a Cox model of the time to censoring, per arm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.survival.step_curve import Floats, StepCurve

__all__ = ["CensoringCox", "censoring_cox"]

_MOST_STEPS = 50
_SETTLED = 1e-10
_FINITE = 10.0
"""Largest log hazard ratio of one standard deviation that is taken for a finite one."""


@dataclass(frozen=True, slots=True)
class CensoringCox:
    """G(t|x) = P(C > t | x) of each arm.

    Attributes:
        coefficients: (A, F) log hazard ratios of censoring.
        baselines: Of each arm, cumulative hazard of censoring at x = 0; None for an arm without patients.
    """

    coefficients: Floats
    baselines: tuple[StepCurve | None, ...]

    def before(self, time: npt.ArrayLike, covariates: npt.ArrayLike, arm: npt.ArrayLike) -> Floats:
        """(n,) G(t-|x) = exp(-H(t-) exp(b x)) of each patient at a time of its own; NaN beyond the arm's follow-up.

        Args:
            time: (n,) years, or one time for all.
            covariates: (n, F).
            arm: (n,) codes.
        """
        x, codes = np.asarray(covariates, dtype=np.float64), np.asarray(arm, dtype=np.int64)
        asked = np.broadcast_to(np.asarray(time, dtype=np.float64), codes.shape)
        found = np.full(len(codes), np.nan)
        for code, baseline in enumerate(self.baselines):
            of = codes == code
            if baseline is not None and of.any():
                ratio = np.exp(x[of] @ self.coefficients[code])
                found[of] = np.exp(-baseline.at(asked[of], left=True) * ratio)
        return found


def censoring_cox(
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    covariates: npt.ArrayLike,
    arm: npt.ArrayLike,
    arms: int,
    coefficients: npt.ArrayLike | None = None,
) -> CensoringCox:
    """Cox model of censoring in each arm (Breslow ties), events coming before censorings of the same time.

    So the risk set of a censoring at u leaves out who has an event at u. An arm in which nobody is censored has G = 1.

    Args:
        time: (n,) years.
        event: (n,) 0 censored, anything else an event of any cause.
        covariates: (n, F) finite.
        arm: (n,) codes below `arms`.
        arms: A.
        coefficients: (A, F), taken as they are instead of being estimated.

    Raises:
        ValueError: A coefficient has no finite estimate: a covariate separates who was censored early.
    """
    t, e = np.asarray(time, dtype=np.float64), np.asarray(event, dtype=np.int64)
    x, codes = np.asarray(covariates, dtype=np.float64), np.asarray(arm, dtype=np.int64)
    b = np.zeros((arms, x.shape[1])) if coefficients is None else np.array(coefficients, dtype=np.float64)
    baselines: list[StepCurve | None] = []
    for code in range(arms):
        of = codes == code
        if not of.any():
            baselines.append(None)
            continue
        sets = _risk_sets(t[of], e[of])
        if coefficients is None:
            b[code] = _fit(sets, x[of], code)
        baselines.append(_baseline(sets, np.exp(x[of] @ b[code]), float(t[of].max())))
    return CensoringCox(b, tuple(baselines))


@dataclass(frozen=True, slots=True)
class _RiskSets:
    """Of one arm of n patients: the order in which they leave, last first, and the U distinct times of censoring.

    Attributes:
        order: (n,) places, the last to leave first; at equal times censorings before events, as seen from the end.
        last: (U,) place in `order` of the last patient at risk at each time.
        censored: (n,) truth value. place: (n,) which of the U times a censored patient has.
        times: (U,) rising.
    """

    order: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    censored: npt.NDArray[np.bool_]
    place: npt.NDArray[np.int64]
    times: Floats

    def sums(self, values: Floats) -> Floats:
        """(U, ...) sums of (n, ...) over the patients at risk at each time."""
        return np.asarray(np.cumsum(values[self.order], axis=0)[self.last])

    @property
    def counts(self) -> Floats:
        """(U,) censored at each time."""
        return np.bincount(self.place[self.censored], minlength=len(self.times)).astype(np.float64)


def _risk_sets(time: Floats, event: npt.NDArray[np.int64]) -> _RiskSets:
    censored = event == 0
    order = np.lexsort((censored, time))[::-1]
    times = np.unique(time[censored])
    at_risk = (time[None] > times[:, None]) | ((time[None] == times[:, None]) & censored[None])
    return _RiskSets(order, at_risk.sum(1) - 1, censored, np.searchsorted(times, time), times)


def _fit(sets: _RiskSets, x: Floats, arm: int) -> Floats:
    """(F,) by Newton's steps on the partial likelihood, in standard deviations; a constant covariate gets 0."""
    spread = x.std(0)
    z = np.where(spread > 0, (x - x.mean(0)) / np.where(spread > 0, spread, 1.0), 0.0)
    b = np.zeros(x.shape[1])
    if not sets.censored.any():
        return b
    for _ in range(_MOST_STEPS):
        gradient, information = _derivatives(sets, z, b)
        step = np.linalg.lstsq(information, gradient, rcond=1e-10)[0]
        b += step * min(1.0, 2.0 / max(np.abs(step).max(initial=0.0), 1e-12))
        if np.abs(step).max(initial=0.0) < _SETTLED:
            return np.asarray(b / np.where(spread > 0, spread, 1.0))
        if np.abs(b).max() > _FINITE:
            break
    raise ValueError(
        f"Arm {arm}: a covariate separates who was censored early from who was not, so the Cox model of censoring has "
        "no finite coefficient. Leave it out, or take the arm's Kaplan-Meier of censoring."
    )


def _derivatives(sets: _RiskSets, x: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Gradient (F,) and information (F, F) of Breslow's log partial likelihood."""
    w = np.exp(x @ b)
    s0 = sets.sums(w)
    mean = sets.sums(w[:, None] * x) / s0[:, None]
    square = sets.sums(w[:, None, None] * x[:, :, None] * x[:, None, :]) / s0[:, None, None]
    d = sets.counts
    gradient = x[sets.censored].sum(0) - d @ mean
    information = np.einsum("u,ufg->fg", d, square - mean[:, :, None] * mean[:, None, :])
    return np.asarray(gradient), np.asarray(information)


def _baseline(sets: _RiskSets, ratio: Floats, end: float) -> StepCurve:
    return StepCurve(sets.times, np.cumsum(sets.counts / sets.sums(ratio)), 0.0, end)

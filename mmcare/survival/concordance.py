"""Concordance: Harrell's C, and Uno's C weighted by the inverse probability of censoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.survival.censoring import LEAST_G
from mmcare.survival.kaplan_meier import reverse_kaplan_meier
from mmcare.survival.step_curve import Floats, StepCurve

__all__ = ["Concordance", "harrell_concordance", "uno_concordance"]

_MOST_PAIRS = 2_000_000
"""Pairs looked at together: some 16 MB an array."""


@dataclass(frozen=True, slots=True)
class Concordance:
    """Weighted pairs that agree (ties of the score count a half), and all comparable pairs."""

    numerator: float
    denominator: float

    @property
    def index(self) -> float:
        """The concordance index; NaN where no pair can be compared."""
        return self.numerator / self.denominator if self.denominator > 0 else float("nan")


def harrell_concordance(
    risk: npt.ArrayLike, time: npt.ArrayLike, event: npt.ArrayLike, arm: npt.ArrayLike | None = None
) -> float:
    """Harrell's C: share of comparable pairs in which the earlier event has the larger risk.

    A pair is comparable where i has the event and T_j > T_i, or T_j = T_i and j has none. With `arm`, pairs within an
    arm. NaN where no pair is comparable.

    Args:
        risk: (n,) larger is worse.
        time: (n,) years.
        event: (n,) truth value.
        arm: (n,) codes.

    Source: Harrell et al. 1982, doi 10.1001/jama.1982.03320430047030.
    """
    r, t, e = np.asarray(risk, np.float64), np.asarray(time, np.float64), np.asarray(event).astype(bool)
    arms = np.zeros(len(t), np.int64) if arm is None else np.asarray(arm)
    total = Concordance(0.0, 0.0)
    for code in np.unique(arms):
        of = arms == code
        total = _add(total, _pairs(r[of], t[of], e[of]))
    return total.index


def uno_concordance(
    risk: npt.ArrayLike,
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    tau: float,
    arm: npt.ArrayLike | None = None,
    *,
    competing: bool = False,
    pooled: bool = False,
    censoring: Mapping[int, StepCurve] | None = None,
    least: float = LEAST_G,
) -> Concordance:
    """Uno's C at tau: pairs with e_i = 1, T_i < tau, and T_j > T_i, or T_j = T_i with e_j = 0; weight 1 / G(T_i-)^2.

    G is fitted on the patients scored, per arm, events before censorings. Events at exactly tau do not count.
    Numerators and denominators are summed over arms; with `pooled`, pairs across arms count too, weight
    1 / [G_{A_i}(T_i-) G_{A_j}(T_i-)].

    Args:
        risk: (n,) larger is worse.
        time: (n,) years.
        event: (n,) 0 censored, 1 the event, 2 competing.
        tau: Years.
        arm: (n,) codes.
        competing: Whether a patient whose competing event came by T_i is comparable (Wolbers), with weight
            1 / [G(T_i-) G(T_j-)].
        pooled: Compare across arms as well.
        censoring: G by arm code from other patients, for arms whose patients scored are too few; it must reach to tau,
            or the index is NaN.
        least: G is not taken smaller than this.

    Source: Uno et al. 2011, doi 10.1002/sim.4154; Wolbers et al. 2009, doi 10.1097/EDE.0b013e3181a39056.
    """
    r, t, e = np.asarray(risk, np.float64), np.asarray(time, np.float64), np.asarray(event, np.int64)
    arms = np.zeros(len(t), np.int64) if arm is None else np.asarray(arm, np.int64)
    codes = np.unique(arms).tolist()
    own = {c: reverse_kaplan_meier(t[arms == c], e[arms == c]) for c in codes}
    given = own if censoring is None else {**own, **censoring}
    groups = [np.ones(len(t), bool)] if pooled else [arms == c for c in codes]
    sample = _Sample(r, t, e, arms, given, least)
    total = Concordance(0.0, 0.0)
    for of in groups:
        total = _add(total, _uno(sample.take(of), tau, competing))
    return total


@dataclass(frozen=True, slots=True)
class _Sample:
    risk: Floats
    time: Floats
    event: npt.NDArray[np.int64]
    arm: npt.NDArray[np.int64]
    censoring: Mapping[int, StepCurve]
    least: float

    def take(self, of: npt.NDArray[np.bool_]) -> _Sample:
        return _Sample(self.risk[of], self.time[of], self.event[of], self.arm[of], self.censoring, self.least)

    def g_before(self, times: Floats) -> Floats:
        """(m, n) G(t-) of the arm of each patient j, at each of m times."""
        found = np.ones((len(times), len(self.arm)))
        for code in np.unique(self.arm).tolist():
            found[:, self.arm == code] = self.censoring[code].at(times, left=True)[:, None]
        return np.maximum(found, self.least)

    def own_g_before(self) -> Floats:
        """(n,) G(T-) of each patient's own arm at the patient's own time."""
        found = np.ones(len(self.arm))
        for code in np.unique(self.arm).tolist():
            of = self.arm == code
            found[of] = self.censoring[code].at(self.time[of], left=True)
        return np.maximum(found, self.least)


def _uno(sample: _Sample, tau: float, competing: bool) -> Concordance:
    cases = np.flatnonzero((sample.event == 1) & (sample.time < tau))
    own, total = sample.own_g_before(), Concordance(0.0, 0.0)
    for i in _blocks(cases, len(sample.time)):
        total = _add(total, _uno_block(sample, i, own, competing))
    return total


def _uno_block(sample: _Sample, i: npt.NDArray[np.int64], own: Floats, competing: bool) -> Concordance:
    r, t, e = sample.risk, sample.time, sample.event
    later = (t > t[i, None]) | ((t == t[i, None]) & (e == 0))
    weight = np.where(later, 1 / (own[i, None] * sample.g_before(t[i])), 0.0)
    if competing:
        dead = (e == 2) & (t <= t[i, None])
        weight = np.where(dead, 1 / (own[i, None] * own), weight)
    return _compared(r, i, weight)


def _pairs(r: Floats, t: Floats, e: npt.NDArray[np.bool_]) -> Concordance:
    total = Concordance(0.0, 0.0)
    for i in _blocks(np.flatnonzero(e), len(t)):
        later = (t > t[i, None]) | ((t == t[i, None]) & ~e)
        total = _add(total, _compared(r, i, later.astype(np.float64)))
    return total


def _compared(r: Floats, i: npt.NDArray[np.int64], weight: Floats) -> Concordance:
    """Pairs of cases i and all patients, of given weights (m, n)."""
    agrees = (r[i, None] > r) + 0.5 * (r[i, None] == r)
    return Concordance(float((weight * agrees).sum()), float(weight.sum()))


def _blocks(cases: npt.NDArray[np.int64], patients: int) -> list[npt.NDArray[np.int64]]:
    """The cases in parts, so that no matter how many there are, a part's pairs fit the memory."""
    size = max(1, _MOST_PAIRS // max(patients, 1))
    return [cases[start : start + size] for start in range(0, len(cases), size)]


def _add(a: Concordance, b: Concordance) -> Concordance:
    return Concordance(a.numerator + b.numerator, a.denominator + b.denominator)

"""Concordance: Harrell's C, and Uno's C weighted by the inverse probability of censoring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.survival.kaplan_meier import reverse_kaplan_meier
from mmcare.survival.step_curve import Floats, StepCurve

__all__ = ["Concordance", "harrell_concordance", "uno_concordance"]


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
        total = _add(total, _pairs(r[of], t[of], e[of], np.ones(int(of.sum()))))
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
    censoring: StepCurve | None = None,
) -> Concordance:
    """Uno's C at tau: pairs with e_i = 1, T_i < tau, and T_j > T_i, or T_j = T_i with e_j = 0; weight 1 / G(T_i-)^2.

    G is fitted on the patients scored, per arm, events before censorings. Events at exactly tau do not count. Numerators
    and denominators are summed over arms; with `pooled`, pairs across arms count too, weight
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
        censoring: G of another sample, where the patients scored are too few; taken for every arm.

    Source: Uno et al. 2011, doi 10.1002/sim.4154; Wolbers et al. 2009, doi 10.1097/EDE.0b013e3181a39056.
    """
    r, t, e = np.asarray(risk, np.float64), np.asarray(time, np.float64), np.asarray(event, np.int64)
    arms = np.zeros(len(t), np.int64) if arm is None else np.asarray(arm, np.int64)
    curves = {c: censoring or reverse_kaplan_meier(t[arms == c], e[arms == c]) for c in np.unique(arms).tolist()}
    groups = [np.ones(len(t), bool)] if pooled else [arms == c for c in curves]
    total = Concordance(0.0, 0.0)
    for of in groups:
        total = _add(total, _uno(r[of], t[of], e[of], arms[of], tau, curves, competing))
    return total


def _uno(
    r: Floats,
    t: Floats,
    e: npt.NDArray[np.int64],
    arms: npt.NDArray[np.int64],
    tau: float,
    curves: dict[int, StepCurve],
    competing: bool,
) -> Concordance:
    cases = np.flatnonzero((e == 1) & (t < tau))
    if not len(cases):
        return Concordance(0.0, 0.0)
    at_case = {c: curve.at(t[cases], left=True) for c, curve in curves.items()}
    g_i = np.select([arms[cases] == c for c in at_case], list(at_case.values()))
    g_j = np.select([(arms == c)[None] for c in at_case], [g[:, None] for g in at_case.values()])
    later = (t[None] > t[cases, None]) | ((t[None] == t[cases, None]) & (e[None] == 0))
    weight = np.where(later, 1 / np.maximum(g_i[:, None] * g_j, 1e-300), 0.0)
    if competing:
        own = np.select([arms == c for c in curves], [curve.at(t, left=True) for curve in curves.values()])
        dead = (e[None] == 2) & (t[None] <= t[cases, None])
        weight += np.where(dead, 1 / np.maximum(g_i[:, None] * own[None], 1e-300), 0.0)
    agrees = (r[cases, None] > r[None]) + 0.5 * (r[cases, None] == r[None])
    return Concordance(float((weight * agrees).sum()), float(weight.sum()))


def _pairs(r: Floats, t: Floats, e: npt.NDArray[np.bool_], weight: Floats) -> Concordance:
    cases = np.flatnonzero(e)
    later = (t[None] > t[cases, None]) | ((t[None] == t[cases, None]) & ~e[None])
    agrees = (r[cases, None] > r[None]) + 0.5 * (r[cases, None] == r[None])
    return Concordance(float((weight[cases, None] * later * agrees).sum()), float((weight[cases, None] * later).sum()))


def _add(a: Concordance, b: Concordance) -> Concordance:
    return Concordance(a.numerator + b.numerator, a.denominator + b.denominator)

"""Kaplan-Meier, Nelson-Aalen, and the Kaplan-Meier of censoring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from mmcare.survival.risk_table import risk_table
from mmcare.survival.step_curve import Floats, StepCurve

__all__ = ["Band", "KaplanMeier", "kaplan_meier", "nelson_aalen", "reverse_kaplan_meier"]


@dataclass(frozen=True, slots=True)
class Band:
    """Lower and upper limit at some times."""

    lower: Floats
    upper: Floats


@dataclass(frozen=True, slots=True)
class KaplanMeier:
    """Probability to be free of any event.

    Attributes:
        curve: S(t).
        variance: Greenwood's variance of S(t).
    """

    curve: StepCurve
    variance: StepCurve

    def band(self, time: npt.ArrayLike, level: float = 0.95) -> Band:
        """Pointwise log-log limits at `time`; equal to S where S is 0 or 1.

        Source: Kalbfleisch and Prentice, The Statistical Analysis of Failure Time Data, 1.4.
        """
        s, v = self.curve.at(time), self.variance.at(time)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = norm.ppf(0.5 + level / 2) * np.sqrt(v) / (s * np.abs(np.log(s)))
            lower, upper = s ** np.exp(spread), s ** np.exp(-spread)
        flat = (s <= 0) | (s >= 1)
        return Band(np.where(flat, s, lower), np.where(flat, s, upper))


def kaplan_meier(time: npt.ArrayLike, event: npt.ArrayLike) -> KaplanMeier:
    """Kaplan-Meier estimate of the probability to be free of *any* event, with Greenwood's variance.

    Estimand: P(T > t). Assumes censoring independent of T. With competing causes this is event-free survival; one
    minus it is no cumulative incidence of one cause (`aalen_johansen` is).

    Args:
        time: (n,) years.
        event: (n,) 0 censored, anything else an event.

    Source: Kaplan and Meier 1958, doi 10.1080/01621459.1958.10501452.
    """
    table = risk_table(time, event)
    survival = np.asarray(np.cumprod(1 - table.any_event / table.at_risk), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = table.any_event / (table.at_risk * (table.at_risk - table.any_event))
        variance = np.where(survival > 0, survival**2 * np.cumsum(terms), 0.0)
    end = float(table.times[-1])
    return KaplanMeier(StepCurve(table.times, survival, 1.0, end), StepCurve(table.times, variance, 0.0, end))


def nelson_aalen(time: npt.ArrayLike, event: npt.ArrayLike) -> StepCurve:
    """Cumulative hazard of any event, sum of d/n.

    Source: Aalen 1978, doi 10.1214/aos/1176344247.
    """
    table = risk_table(time, event)
    return StepCurve(table.times, np.cumsum(table.any_event / table.at_risk), 0.0, float(table.times[-1]))


def reverse_kaplan_meier(time: npt.ArrayLike, event: npt.ArrayLike) -> StepCurve:
    """G(t) = P(C > t), the probability not to be censored by t.

    At equal times events come before censorings: whoever has an event at v is no longer at risk of being censored
    there. `at(t, left=True)` gives G(t-).

    Args:
        time: (n,) years.
        event: (n,) 0 censored, anything else an event of any cause.
    """
    table = risk_table(time, event)
    with np.errstate(divide="ignore", invalid="ignore"):
        kept = 1 - np.where(table.censored > 0, table.censored / (table.at_risk - table.any_event), 0.0)
    return StepCurve(table.times, np.cumprod(kept), 1.0, float(table.times[-1]))

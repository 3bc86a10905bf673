"""What stands in for an outcome that is not fully seen: doubly robust scores under censoring and choice of treatment.

Shapes: n patients, A arms, U distinct times of censoring up to the horizon.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.survival import StepCurve

__all__ = ["LEAST_G", "Censoring", "Course", "arm_scores", "pseudo_outcomes"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Course = Callable[[Floats], tuple[Floats, Floats]]
"""Of times (U,): F (n, U), probability that the event came by then, and S (n, U), of no event of any kind so far."""
LEAST_G = 0.05
"""The probability to be still followed is not taken smaller than this."""


@dataclass(frozen=True, slots=True)
class Censoring:
    """G(u|x) = P(C > u | x) of n patients: of one curve for all, or `curve ** ratio` of each.

    Attributes:
        curve: The survival of the time to censoring; where there are ratios, of a patient whose ratio is 1.
        ratio: (n,) hazard ratios of censoring; None, all are alike.
    """

    curve: StepCurve
    ratio: Floats | None = None

    def at(self, times: Floats, patients: int, *, left: bool = False) -> Floats:
        """(n, U) G at the same times for all; with `left`, just before."""
        values = np.broadcast_to(self.curve.at(times, left=left), (patients, len(times)))
        return _clipped(values if self.ratio is None else values ** self.ratio[:, None])

    def before(self, time: Floats) -> Floats:
        """(n,) G just before a time of each patient's own."""
        values = self.curve.at(time, left=True)
        return _clipped(values if self.ratio is None else values**self.ratio)


def pseudo_outcomes(time: Floats, event: Ints, horizon: float, course: Course, censoring: Censoring) -> Floats:
    """(n,) D of one arm's patients, whose mean is the probability of the event by the horizon, censored ones included.

    `D = 1{T<=t, e=1} / G(T-) + 1{T<=t, e=0} Q(T) / G(T) - sum over censoring times u of Q(u) (1/G(u) - 1/G(u-))`,
    u <= t and u < T, or u = T of a patient censored there; Q(u) = (F(t) - F(u)) / S(u). Of a patient censored at T the
    two terms at T make Q(T) / G(T-). Right if the course is right, or the censoring is.

    Args:
        time: (n,) years.
        event: (n,) 0 censored, 1 the event, 2 competing.
        horizon: t in years.
        course: Under the arm received, by a model that these patients did not train.
        censoring: Of this arm.

    Source: Rubin and van der Laan 2007, doi 10.2202/1557-4679.1052; Westling et al. 2024,
        doi 10.1080/01621459.2023.2205060.
    """
    times = np.unique(time[(event == 0) & (time <= horizon)])
    q = _remaining(course, times, horizon)
    n = len(time)
    step = q * (1 / censoring.at(times, n) - 1 / censoring.at(times, n, left=True))
    earlier = times[None] < time[:, None]
    known = np.where((time <= horizon) & (event == 1), 1 / censoring.before(time), 0.0)
    ends = (time <= horizon) & (event == 0)
    at_end = np.zeros(n)
    place = np.searchsorted(times, time[ends])
    at_end[ends] = q[ends, place] / censoring.before(time)[ends]
    return np.asarray(known + at_end - np.where(earlier, step, 0.0).sum(1))


def arm_scores(risk: Floats, observed: Floats, arm: Ints, propensity: Floats) -> Floats:
    """(n, A) phi, whose mean under an arm is the risk if all received it.

    `phi(a) = F_a + 1{A = a} / e_a * (D - F_a)`.

    Args:
        risk: (n, A) F_a(t|x).
        observed: (n,) D.
        arm: (n,) arm received.
        propensity: (n, A) e_a(x), above 0 for the arm received.
    """
    rows = np.arange(len(arm))
    scores = risk.copy()
    scores[rows, arm] += (observed - risk[rows, arm]) / propensity[rows, arm]
    return scores


def _remaining(course: Course, times: Floats, horizon: float) -> Floats:
    """(n, U) Q: the chance that the event comes between u and the horizon, of who is event-free at u."""
    risk, free = course(np.append(times, horizon))
    ahead, left = risk[:, -1:] - risk[:, :-1], free[:, :-1]
    q = np.where(left > 0, ahead / np.where(left > 0, left, 1.0), 0.0)
    return np.asarray(np.where(times[None] < horizon, q, 0.0))


def _clipped(g: Floats) -> Floats:
    return np.asarray(np.maximum(g, LEAST_G))

"""From hazards an interval to probabilities at any time, and back from curves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mmcare.survival.discrete_time import IntervalGrid
from mmcare.survival.step_curve import Floats

__all__ = ["discrete_expected_events", "discrete_hazards", "discrete_incidence"]


def discrete_incidence(hazards: npt.ArrayLike, grid: IntervalGrid, time: npt.ArrayLike) -> Floats:
    """F_c(t), the probability that cause c came by t: one column of (1 - S) where there is one cause.

    At an edge, the sum over intervals of h_c times the chance to get there. Inside an interval the chance to stay free
    is S(t) = S(t_k-1) h_0^r, r its elapsed share, h_0 = 1 - sum of h; a cause keeps its part of what is lost.

    Args:
        hazards: (n, C, K) probability of each cause in the interval for who enters it.
        grid: K intervals.
        time: (n,) years, or one time for all.

    Returns:
        (n, C); NaN beyond the last edge.
    """
    h = np.asarray(hazards, dtype=np.float64)
    t = np.broadcast_to(np.asarray(time, dtype=np.float64), len(h))
    none, elapsed = 1 - h.sum(1), _elapsed(grid, t)
    kept = none**elapsed
    free = np.cumprod(kept, axis=1)
    lost = np.concatenate([np.ones((len(h), 1)), free[:, :-1]], axis=1) * (1 - kept)
    return _by_cause(lost, h, elapsed, t > grid.edges[-1])


def discrete_expected_events(hazards: npt.ArrayLike, grid: IntervalGrid, time: npt.ArrayLike) -> Floats:
    """Cumulative hazard of each cause up to `time`: the events that a model expects of a patient followed so long.

    Per interval r * (-log h_0) * h_c / (1 - h_0); with one cause, -log S(t).

    Args:
        hazards: (n, C, K) probability of each cause in the interval for who enters it.
        grid: K intervals.
        time: (n,) years, end of the patient's follow-up.

    Returns:
        (n, C); NaN beyond the last edge.
    """
    h = np.asarray(hazards, dtype=np.float64)
    t = np.broadcast_to(np.asarray(time, dtype=np.float64), len(h))
    none, elapsed = 1 - h.sum(1), _elapsed(grid, t)
    with np.errstate(divide="ignore"):
        hazard = np.where(elapsed > 0, -elapsed * np.log(np.maximum(none, 0.0)), 0.0)
    return _by_cause(hazard, h, elapsed, t > grid.edges[-1])


def discrete_hazards(free: npt.ArrayLike, competing: npt.ArrayLike | None = None) -> Floats:
    """The hazards whose curves these are.

    Args:
        free: (n, K+1) probability of no event so far at the edges, the first 1; competing events may have come.
        competing: (n, K+1) probability that a competing event came first; None without one.

    Returns:
        (n, C, K), C = 1 or 2; 0 where nobody gets to the interval, NaN where a curve is.
    """
    f = np.asarray(free, dtype=np.float64)
    other = np.zeros_like(f) if competing is None else np.asarray(competing, dtype=np.float64)
    entering = (f - other)[:, :-1]
    lost = np.stack([-np.diff(f, axis=1), np.diff(other, axis=1)], axis=1)
    nobody = (entering <= 0)[:, None] & ~np.isnan(lost)
    hazards = np.where(nobody, 0.0, lost / _above_zero(entering)[:, None])
    return hazards[:, :1] if competing is None else hazards


def _by_cause(total: Floats, hazards: Floats, elapsed: Floats, beyond: npt.NDArray[np.bool_]) -> Floats:
    """(n, C) a total (n, K) shared out as the hazards are; what lies after the time asked for is not looked at."""
    share = hazards / _above_zero(hazards.sum(1))[:, None]
    passed = (elapsed > 0)[:, None]
    found = np.where(passed, total[:, None] * np.where(passed, share, 0.0), 0.0).sum(2)
    return np.where(beyond[:, None], np.nan, found)


def _elapsed(grid: IntervalGrid, time: Floats) -> Floats:
    """(n, K) share of each interval that has passed by `time`."""
    return np.clip((time[:, None] - grid.edges[:-1]) / grid.widths, 0.0, 1.0)


def _above_zero(values: Floats) -> Floats:
    """The values, and 1 in place of what is 0 or less: to divide a 0 by."""
    return np.where(values <= 0, 1.0, values)

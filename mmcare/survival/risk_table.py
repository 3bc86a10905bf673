"""Counts at each distinct time: at risk, events by cause, censored. Events come before censorings of the same time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.survival.step_curve import Floats

__all__ = ["Ints", "RiskTable", "risk_table"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RiskTable:
    """Counts at the distinct times of a sample.

    Attributes:
        times: (n,) rising.
        at_risk: (n,) patients whose time is not earlier.
        events: (n,) events of the cause asked for.
        any_event: (n,) events of any cause.
        censored: (n,) censored at that time.
    """

    times: Floats
    at_risk: Floats
    events: Floats
    any_event: Floats
    censored: Floats


def risk_table(time: npt.ArrayLike, event: npt.ArrayLike, cause: int = 1) -> RiskTable:
    """Counts at each distinct time.

    Args:
        time: (n,) years.
        event: (n,) 0 censored, else the cause.
        cause: The cause counted in `events`.

    Raises:
        ValueError: No patient, a time that is not finite, or lengths that differ.
    """
    t, e = np.asarray(time, dtype=np.float64), np.asarray(event, dtype=np.int64)
    if t.ndim != 1 or t.shape != e.shape or not len(t):
        raise ValueError(f"time and event are vectors of one length, at least 1; found {t.shape} and {e.shape}")
    if not np.isfinite(t).all():
        raise ValueError("every time is finite; leave patients of unknown time out")
    times, place = np.unique(t, return_inverse=True)

    def count(chosen: npt.NDArray[np.bool_]) -> Floats:
        return np.bincount(place[chosen], minlength=len(times)).astype(np.float64)

    at_risk = len(t) - np.concatenate([[0.0], np.cumsum(count(np.ones(len(t), bool)))[:-1]])
    return RiskTable(times, at_risk, count(e == cause), count(e != 0), count(e == 0))

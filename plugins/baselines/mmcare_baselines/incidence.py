"""Cumulative incidence of each cause from cause-specific hazards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmcare.survival import StepCurve
from mmcare_baselines.columns import Floats

__all__ = ["cumulative_incidence"]

_LARGEST = 100.0
"""Log hazard ratios are not taken larger: their exponential stays finite for inputs far from the training data."""


def cumulative_incidence(baselines: Sequence[StepCurve | None], eta: Floats, times: Floats) -> Floats:
    """(B, C, T) probability that each cause came first by each time.

    With hazard increments dH_c at the event times and dH their sum over causes, Aalen-Johansen's form
    `F_c(t) = sum_{u<=t} exp(-H(u-)) (1 - exp(-dH(u))) dH_c(u) / dH(u)`: the causes and the survival `exp(-H)` add up
    to 1. With one cause it is `1 - exp(-H0 exp(eta))`.

    Args:
        baselines: Cumulative baseline hazard of each of C causes; None is 0.
        eta: (B, C) log hazard ratios.
        times: (T,) years.
    """
    event_times = np.unique(np.concatenate([[0.0], *(b.times for b in baselines if b is not None)]))
    steps = np.stack([_increments(baseline, event_times) for baseline in baselines])
    hazards = steps * np.exp(np.minimum(eta, _LARGEST))[..., None]
    total = hazards.sum(1, keepdims=True)
    reached = np.exp(-(total.cumsum(-1) - total))
    share = np.divide(hazards, total, out=np.zeros_like(hazards), where=total > 0)
    incidence = (reached * -np.expm1(-total) * share).cumsum(-1)
    return np.asarray(incidence[..., np.searchsorted(event_times, times, side="right") - 1])


def _increments(baseline: StepCurve | None, times: Floats) -> Floats:
    """(n,) growth of a cumulative hazard at each of `times`, the first of which is 0."""
    if baseline is None:
        return np.zeros(len(times))
    values = np.concatenate([[baseline.start], baseline.values])
    return np.diff(values[np.searchsorted(baseline.times, times, side="right")], prepend=0.0)

"""Percentile bootstrap over patients within arm: these trained models, other patients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mmcare.evaluation.scored import Floats, Ints

__all__ = ["Interval", "bootstrap_interval", "resamples"]

Interval = tuple[float, float]
_LEAST_SHARE = 0.9


def resamples(arm: Ints, draws: int, seed: int) -> list[Ints]:
    """`draws` samples of patients with replacement, each arm keeping its size.

    Args:
        arm: (n,) codes.
        draws: Number of samples.
        seed: Decides them.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    members = [np.flatnonzero(arm == code) for code in np.unique(arm)]
    return [np.concatenate([rng.choice(of, len(of)) for of in members]) for _ in range(draws)]


def bootstrap_interval(figure: Callable[[Ints], float], samples: list[Ints], level: float = 0.95) -> Interval | None:
    """Percentile interval of a figure; None where it exists in fewer than nine tenths of the samples.

    For a difference between two models give a `figure` that computes both on the same patients: it is then paired.

    Args:
        figure: From patients' places to a number; NaN where it does not exist.
        samples: What `resamples` gives.
        level: Of the interval.
    """
    values: Floats = np.array([figure(index) for index in samples])
    known = values[np.isfinite(values)]
    if not len(known) or len(known) < _LEAST_SHARE * len(values):
        return None
    lower, upper = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(lower), float(upper)

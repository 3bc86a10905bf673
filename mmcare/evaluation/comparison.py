"""The difference between two models on the same patients, with a paired interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcare.evaluation.bootstrap import bootstrap_interval, resamples
from mmcare.evaluation.scored import Floats, Ints, Scored
from mmcare.survival import uno_concordance

__all__ = ["Difference", "concordance_difference"]


@dataclass(frozen=True, slots=True)
class Difference:
    """C of two models and what the first has more.

    Attributes:
        first: C of the one. second: C of the other. value: first - second.
        lower: Of the 95 % percentile interval of the difference over patients within arm, both models on the same
            resample; None where it does not exist. upper: Likewise.
        patients: Scored by both.
    """

    first: float
    second: float
    value: float
    lower: float | None
    upper: float | None
    patients: int


def concordance_difference(
    first: Scored, second: Scored, horizon: float, *, draws: int = 1000, seed: int = 0
) -> Difference:
    """Uno's C with tau = horizon, summed over arms, of two models, and their difference.

    It says how these two trained models differ on other patients, not how two ways of training do.

    Args:
        first: Scores of the one.
        second: Scores of the other, of the same patients in the same order; who has no risk of both is left out. Arms
            that a model does not rank (`personal`) are to be left out before.
        horizon: One of the horizons of both.
        draws: Bootstrap samples.
        seed: Decides them.

    Raises:
        ValueError: The patients are not the same.
    """
    for name in ("time", "event", "arm"):
        if not np.array_equal(getattr(first, name), getattr(second, name)):
            raise ValueError(f"the two models were scored on different patients: their {name} differs.")
    one, other = first.risk[:, first.horizons.index(horizon)], second.risk[:, second.horizons.index(horizon)]
    known = np.isfinite(one) & np.isfinite(other)
    rows, one, other = first.take(known), one[known], other[known]

    def c(risk: Floats, i: Ints) -> float:
        return uno_concordance(
            risk[i], rows.time[i], rows.event[i], horizon, rows.arm[i], competing=rows.competing
        ).index

    samples = resamples(rows.arm, draws, seed)
    lower, upper = bootstrap_interval(lambda i: c(one, i) - c(other, i), samples) or (None, None)
    everyone = np.arange(len(one))
    own, others = c(one, everyone), c(other, everyone)
    return Difference(own, others, own - others, lower, upper, len(one))

"""Shapley values of whole modalities, exact: all features of a modality come and go together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mmcare.explain.algorithm.shapley import Value
from mmcare.explain.algorithm.shapley_exact import all_coalitions, shapley_exact

__all__ = ["modality_shapley"]

Floats = npt.NDArray[np.float64]


def modality_shapley(value: Value, groups: Sequence[slice], players: int, background: int) -> tuple[Floats, Floats]:
    """The share of each of M groups of players, and the baseline.

    Args:
        value: As `shapley` takes it.
        groups: Players of each modality.
        players: P. background: K, all of whom are used.

    Returns:
        (M, T) and (T,); the shares sum to the value of all players less the baseline.
    """
    coalitions = all_coalitions(len(groups))
    whole = np.zeros((len(coalitions), players), dtype=bool)
    for group, places in enumerate(groups):
        whole[:, places] = coalitions[:, group, None]
    rows = np.tile(whole, (background, 1))
    who = np.repeat(np.arange(background), len(whole))
    values = value(rows, who).reshape(background, len(whole), -1).mean(0)
    return shapley_exact(values), values[0]

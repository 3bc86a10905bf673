"""Patients dealt to folds, each stratum spread evenly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["deal_folds"]


def deal_folds(strata: npt.NDArray[np.int64], folds: int, seed: int) -> npt.NDArray[np.int64]:
    """(n,) fold of each patient: the strata laid end to end, each permuted, and the line dealt in turn.

    Args:
        strata: (n,) codes.
        folds: How many.
        seed: Decides the permutations.
    """
    rng = np.random.default_rng(seed)
    line = np.concatenate([rng.permutation(np.flatnonzero(strata == code)) for code in np.unique(strata)])
    dealt = np.empty(len(strata), dtype=np.int64)
    dealt[line] = np.arange(len(line)) % folds
    return dealt

"""Whether a patient is like those that the model was trained on: distance of the representation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.decision.folds import deal_folds

__all__ = ["SHARE", "Distribution", "fit_distribution"]

Floats = npt.NDArray[np.float64]
SHARE = 0.95
"""Share of the training patients whose distance a new patient's must not pass."""
_FOLDS = 10


@dataclass(frozen=True, slots=True)
class Distribution:
    """A Gaussian of R around the mean of the patients with the same modalities, one covariance for all.

    Attributes:
        means: (G, D) a row a pattern of modalities.
        patterns: (G, M) bool.
        precision: (D, D) inverse covariance.
        threshold: 95th percentile of the training patients' distances, each from the patients of the other folds.
    """

    means: Floats
    patterns: npt.NDArray[np.bool_]
    precision: Floats
    threshold: float

    def distance(self, r: Floats, present: npt.NDArray[np.bool_]) -> Floats:
        """(n,) Mahalanobis distance of R (n, D); infinite for a pattern (n, M) that training did not see."""
        found = np.full(len(r), np.inf)
        for mean, pattern in zip(self.means, self.patterns, strict=True):
            own = (present == pattern).all(1)
            away = r[own] - mean
            found[own] = np.sqrt(np.maximum(np.einsum("nd,de,ne->n", away, self.precision, away), 0.0))
        return found


def fit_distribution(r: Floats, present: npt.NDArray[np.bool_], seed: int) -> Distribution:
    """Means by pattern, one shrunk covariance, and a threshold that the patients themselves did not help to set.

    Distances of patients to a mean and covariance that they are part of are too small; so each training patient's
    is taken from the other nine tenths.

    Args:
        r: (n, D) of the training patients.
        present: (n, M) which modalities each has.
        seed: Deals the folds.

    Source: Lee et al. 2018, A simple unified framework for detecting out-of-distribution samples, NeurIPS 31 (one
        covariance, a mean a class); Ledoit and Wolf 2004, doi 10.1016/S0047-259X(03)00096-4 (shrinkage).
    """
    patterns, code = np.unique(present, axis=0, return_inverse=True)
    code = code.reshape(-1).astype(np.int64)
    folds = deal_folds(code, min(_FOLDS, len(r)), seed)
    distances = np.full(len(r), np.inf)
    for fold in np.unique(folds):
        own = folds == fold
        distances[own] = _fitted(r[~own], present[~own], patterns).distance(r[own], present[own])
    known = distances[np.isfinite(distances)]
    whole = _fitted(r, present, patterns)
    threshold = float(np.quantile(known, SHARE)) if len(known) else 0.0
    return Distribution(whole.means, whole.patterns, whole.precision, threshold)


def _fitted(r: Floats, present: npt.NDArray[np.bool_], patterns: npt.NDArray[np.bool_]) -> Distribution:
    from sklearn.covariance import ledoit_wolf

    seen = [(pattern, own) for pattern in patterns if (own := (present == pattern).all(1)).any()]
    means = np.stack([r[own].mean(0) for _, own in seen])
    centred = r.copy()
    for mean, (_, own) in zip(means, seen, strict=True):
        centred[own] -= mean
    scale = np.where((spread := centred.std(0)) > 1e-9, spread, 1.0)  # shrinkage is towards one variance for all
    covariance = ledoit_wolf(centred / scale, assume_centered=True)[0] + 1e-9 * np.eye(r.shape[1])
    precision = np.linalg.inv(covariance) / np.outer(scale, scale)
    return Distribution(means, np.stack([pattern for pattern, _ in seen]), precision, 0.0)


def pattern_counts(
    present: npt.NDArray[np.bool_], arm: npt.NDArray[np.int64], arms: int
) -> Mapping[tuple[bool, ...], tuple[int, ...]]:
    """How many patients of each arm have which modalities.

    Args:
        present: (n, M).
        arm: (n,) codes.
        arms: A.
    """
    return {
        tuple(bool(has) for has in pattern): tuple(
            int(((present == pattern).all(1) & (arm == code)).sum()) for code in range(arms)
        )
        for pattern in np.unique(present, axis=0)
    }

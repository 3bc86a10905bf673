"""Whether a patient is like those that the model was trained on: distance of what the network makes of the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mmcare.decision.folds import deal_folds

__all__ = ["SHARE", "Distribution", "Gaussian", "R", "fit_distribution", "pattern_counts"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
R = "R"
"""Name of the representation among the features; no modality's name is in capitals."""
SHARE = 0.95
"""Share of the training patients whose distance a new patient's must not pass."""
_FOLDS = 10


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Patients' features around the mean of those with the same modalities, one covariance for all.

    Attributes:
        means: (G, D) a row a pattern of modalities.
        patterns: (G, M) bool.
        precision: (D, D) inverse covariance.
        scale: 95th percentile of the training patients' distances; distances are told in multiples of it.
    """

    means: Floats
    patterns: Bools
    precision: Floats
    scale: float = 1.0

    def distance(self, features: Floats, present: Bools) -> Floats:
        """(n,) Mahalanobis distance of (n, D) over `scale`; infinite for a pattern (n, M) that training did not see."""
        found = np.full(len(features), np.inf)
        for mean, pattern in zip(self.means, self.patterns, strict=True):
            own = (present == pattern).all(1)
            away = features[own] - mean
            found[own] = np.sqrt(np.maximum(np.einsum("nd,de,ne->n", away, self.precision, away), 0.0))
        return np.asarray(found / self.scale)


@dataclass(frozen=True, slots=True)
class Distribution:
    """R and the mean token of each modality: fusion may bring to one scale what an encoder found far out.

    Attributes:
        parts: By name: `R`, and each modality.
        threshold: 95th percentile of the training patients' largest distance, each from the patients of other folds.
    """

    parts: Mapping[str, Gaussian]
    threshold: float

    def distances(self, features: Mapping[str, Floats], present: Bools, modalities: tuple[str, ...]) -> Floats:
        """(n, parts) of each part, 0 for a modality that a patient lacks.

        Args:
            features: By name, (n, D).
            present: (n, M). modalities: Their M names.
        """
        return np.stack(
            [_distance(name, part, features[name], present, modalities) for name, part in self.parts.items()], axis=1
        )


def fit_distribution(
    features: Mapping[str, Floats], present: Bools, modalities: tuple[str, ...], seed: int
) -> Distribution:
    """Means, shrunk covariances, and thresholds that a patient did not help to set.

    Distances of patients to a mean and covariance that they are part of are too small; so each training patient's
    is taken from the other nine tenths.

    Args:
        features: Of the training patients: by name, (n, D); `R`, and those of modalities.
        present: (n, M) which modalities each has. modalities: Their M names.
        seed: Deals the folds.

    Source: Lee et al. 2018, A simple unified framework for detecting out-of-distribution samples, NeurIPS 31 (one
        covariance, a mean a class, several layers); shrinkage: Ledoit and Wolf 2004, doi 10.1016/S0047-259X(03)00096-4.
    """
    code = np.unique(present, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    folds = deal_folds(code, min(_FOLDS, len(present)), seed)
    out_of_fold = np.full((len(present), len(features)), np.inf)
    for fold in np.unique(folds):
        own = folds == fold
        others = Distribution(_parts(features, present, modalities, ~own), 1.0)
        out_of_fold[own] = others.distances({k: v[own] for k, v in features.items()}, present[own], modalities)
    scales = np.array([_quantile(column[column > 0]) for column in out_of_fold.T])
    parts = _parts(features, present, modalities, np.ones(len(present), dtype=np.bool_))
    scaled = {
        name: replace(part, scale=float(scale)) for (name, part), scale in zip(parts.items(), scales, strict=True)
    }
    return Distribution(scaled, _quantile((out_of_fold / scales).max(1)))


def pattern_counts(present: Bools, arm: npt.NDArray[np.int64], arms: int) -> Mapping[tuple[bool, ...], tuple[int, ...]]:
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


def _distance(name: str, part: Gaussian, features: Floats, present: Bools, modalities: tuple[str, ...]) -> Floats:
    if name == R:
        return part.distance(features, present)
    has = present[:, [modalities.index(name)]]
    return np.where(has[:, 0], part.distance(features, np.ones_like(has)), 0.0)


def _parts(
    features: Mapping[str, Floats], present: Bools, modalities: tuple[str, ...], rows: Bools
) -> dict[str, Gaussian]:
    found = {}
    for name, values in features.items():
        own = rows if name == R else rows & present[:, modalities.index(name)]
        patterns = present[own] if name == R else np.ones((int(own.sum()), 1), dtype=np.bool_)
        found[name] = _fitted(values[own], patterns)
    return found


def _fitted(features: Floats, present: Bools) -> Gaussian:
    from sklearn.covariance import ledoit_wolf

    width = features.shape[1]
    if len(features) < 2:  # nobody to compare with: no pattern is known
        return Gaussian(np.zeros((0, width)), np.zeros((0, present.shape[1]), dtype=np.bool_), np.eye(width))
    patterns = np.unique(present, axis=0)
    groups = [(present == pattern).all(1) for pattern in patterns]
    means = np.stack([features[own].mean(0) for own in groups])
    centred = features.copy()
    for mean, own in zip(means, groups, strict=True):
        centred[own] -= mean
    scale = np.where((spread := centred.std(0)) > 1e-9, spread, 1.0)  # shrinkage is towards one variance for all
    covariance = ledoit_wolf(centred / scale, assume_centered=True)[0] + 1e-9 * np.eye(width)
    return Gaussian(means, patterns, np.linalg.inv(covariance) / np.outer(scale, scale))


def _quantile(distances: Floats) -> float:
    known = distances[np.isfinite(distances)]
    return max(float(np.quantile(known, SHARE)), 1e-12) if len(known) else 1.0

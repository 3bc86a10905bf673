"""Whether a patient is like those of training."""

from __future__ import annotations

import numpy as np
import pytest

from mmcare.decision.distribution import SHARE, fit_distribution, pattern_counts


def sample(n: int, seed: int, width: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Correlated representations of two patterns, whose means differ."""
    mix = np.random.default_rng(99).normal(size=(width, width)) / np.sqrt(width)
    rng = np.random.default_rng(seed)
    present = np.stack([np.ones(n, bool), rng.random(n) < 0.5], axis=1)
    return rng.normal(size=(n, width)) @ mix + 3 * present[:, 1:], present


@pytest.mark.parametrize("n", [150, 1000])
def test_of_new_patients_like_those_of_training_one_in_twenty_is_beyond(n: int) -> None:
    """Also where there are hardly more patients than numbers: a patient's own distance is taken from the others."""
    shares = []
    for seed in range(10):
        fitted = fit_distribution(*sample(n, seed), seed=0)
        shares.append(float((fitted.distance(*sample(2000, 100 + seed)) >= fitted.threshold).mean()))
    assert abs(np.mean(shares) - (1 - SHARE)) < 0.02


def test_the_distance_is_mahalanobis_with_one_variance() -> None:
    """Independent numbers of one variance, many patients: the distance is Euclid's in standard deviations."""
    rng = np.random.default_rng(0)
    r, present = 2 * rng.normal(size=(50_000, 4)) + 7, np.ones((50_000, 1), bool)
    fitted = fit_distribution(r, present, seed=0)
    asked = np.array([[9.0, 7, 7, 7], [7, 7, 7, 7], [10, 11, 7, 7]])
    np.testing.assert_allclose(fitted.distance(asked, present[:3]), [1.0, 0.0, 2.5], atol=0.03)
    assert fitted.threshold == pytest.approx(np.sqrt(9.488), rel=0.02)  # chi-square of 4 degrees of freedom, 95 %


def test_far_out_along_a_direction_that_hardly_varies() -> None:
    r, present = sample(1000, 0)
    r[:, 0] *= 0.01
    fitted = fit_distribution(r, present, seed=0)
    moved = r[:1].copy()
    moved[0, 0] += 1.0
    assert fitted.distance(moved, present[:1])[0] > 3 * fitted.threshold


def test_a_pattern_that_training_did_not_see_is_infinitely_far() -> None:
    r, present = sample(300, 0)
    fitted = fit_distribution(r, present, seed=0)
    assert np.isinf(fitted.distance(r[:1], np.array([[False, True]])))[0]
    assert np.isfinite(fitted.distance(r, present)).all()


def test_patterns_are_counted_by_arm() -> None:
    present = np.array([[1, 1], [1, 0], [1, 1], [1, 1]], dtype=bool)
    found = pattern_counts(present, np.array([0, 0, 1, 1]), 3)
    assert found == {(True, True): (1, 2, 0), (True, False): (1, 0, 0)}

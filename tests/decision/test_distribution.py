"""Whether a patient is like those of training."""

from __future__ import annotations

import numpy as np
import pytest

from mmcare.decision.distribution import SHARE, R, fit_distribution, pattern_counts

NAMES = ("table", "ct")


def sample(n: int, seed: int, width: int = 40) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Correlated features of patients with and without a CT, whose means of R differ."""
    mix = np.random.default_rng(99).normal(size=(width, width)) / np.sqrt(width)
    rng = np.random.default_rng(seed)
    present = np.stack([np.ones(n, bool), rng.random(n) < 0.5], axis=1)
    r = rng.normal(size=(n, width)) @ mix + 3 * present[:, 1:]
    return {R: r, "table": r[:, :5] + rng.normal(size=(n, 5)), "ct": rng.normal(size=(n, 8)) * present[:, 1:]}, present


@pytest.mark.parametrize("n", [150, 1000])
def test_of_new_patients_like_those_of_training_one_in_twenty_is_beyond(n: int) -> None:
    """Also where there are hardly more patients than numbers: a patient's own distance is taken from the others."""
    shares = []
    for seed in range(10):
        features, present = sample(n, seed)
        fitted = fit_distribution(features, present, NAMES, seed=0)
        found = fitted.distances(*sample(2000, 100 + seed), NAMES).max(1)
        shares.append(float((found >= fitted.threshold).mean()))
    assert abs(np.mean(shares) - (1 - SHARE)) < 0.02


def test_the_distance_is_mahalanobis_in_multiples_of_what_is_usual() -> None:
    """Independent numbers of one variance, many patients: Euclid's distance in standard deviations."""
    rng = np.random.default_rng(0)
    r, present = 2 * rng.normal(size=(50_000, 4)) + 7, np.ones((50_000, 1), bool)
    fitted = fit_distribution({R: r}, present, ("table",), seed=0)
    usual = np.sqrt(9.488)  # chi-square of 4 degrees of freedom, 95 %
    assert fitted.parts[R].scale == pytest.approx(usual, rel=0.02) and fitted.threshold == pytest.approx(1.0, rel=0.01)
    asked = np.array([[9.0, 7, 7, 7], [7, 7, 7, 7], [10, 11, 7, 7]])
    found = fitted.distances({R: asked}, present[:3], ("table",))[:, 0]
    np.testing.assert_allclose(found * usual, [1.0, 0.0, 2.5], atol=0.05)


def test_far_out_in_one_modality_alone_and_along_a_direction_that_hardly_varies() -> None:
    """R may not show it: fusion brings tokens to one scale."""
    features, present = sample(1000, 0)
    features["ct"][:, 0] *= 0.01
    fitted = fit_distribution(features, present, NAMES, seed=0)
    who = np.flatnonzero(present[:, 1])[:1]
    asked = {name: values[who].copy() for name, values in features.items()}
    asked["ct"][0, 0] += 1.0
    found = fitted.distances(asked, present[who], NAMES)[0]
    assert list(fitted.parts)[int(found.argmax())] == "ct" and found.max() > 3 * fitted.threshold


def test_a_modality_that_a_patient_lacks_has_no_distance() -> None:
    features, present = sample(300, 0)
    fitted = fit_distribution(features, present, NAMES, seed=0)
    found = fitted.distances(features, present, NAMES)
    column = list(fitted.parts).index("ct")
    assert (found[~present[:, 1], column] == 0).all() and (found[present[:, 1], column] > 0).all()
    assert np.isfinite(found).all()


def test_a_pattern_that_training_did_not_see_is_infinitely_far() -> None:
    features, present = sample(300, 0)
    fitted = fit_distribution(features, present, NAMES, seed=0)
    one = {name: values[:1] for name, values in features.items()}
    assert np.isinf(fitted.distances(one, np.array([[False, True]]), NAMES)).any()


def test_a_modality_of_a_single_patient_is_far_for_everyone_else() -> None:
    features, present = sample(200, 0)
    present[:, 1] = False
    present[3, 1] = True
    fitted = fit_distribution(features, present, NAMES, seed=0)
    assert np.isfinite(fitted.threshold)
    other = {name: values[:1] for name, values in features.items()}
    assert np.isinf(fitted.distances(other, np.array([[True, True]]), NAMES)[0, 2])


def test_patterns_are_counted_by_arm() -> None:
    present = np.array([[1, 1], [1, 0], [1, 1], [1, 1]], dtype=bool)
    found = pattern_counts(present, np.array([0, 0, 1, 1]), 3)
    assert found == {(True, True): (1, 2, 0), (True, False): (1, 0, 0)}

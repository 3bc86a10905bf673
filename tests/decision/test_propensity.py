"""Who would have received which arm, whether arms are alike, and folds that are evenly dealt."""

from __future__ import annotations

import numpy as np
import pytest

from mmcare.decision.folds import deal_folds
from mmcare.decision.overlap import overlap_of
from mmcare.decision.propensity import fit_propensity, out_of_fold_propensity


def choice(n: int, seed: int = 0, strength: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariates, arm, and the true chance of arm 1."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    e = 1 / (1 + np.exp(-(0.3 + strength * (x[:, 0] - 0.5 * x[:, 1]))))
    return x, (rng.random(n) < e).astype(np.int64), e


def test_the_true_chances_are_found_again() -> None:
    x, arm, e = choice(20_000)
    found = fit_propensity(x * 10 + 3, arm, 2).predict(x * 10 + 3)
    assert np.abs(found[:, 1] - e).mean() < 0.01
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-12)


def test_three_arms() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20_000, 2))
    scores = np.stack([np.zeros(len(x)), x[:, 0], -x[:, 1]], axis=1)
    e = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    arm = (rng.random((len(x), 1)) > e.cumsum(1)).sum(1)
    assert np.abs(fit_propensity(x, arm, 3).predict(x) - e).mean() < 0.01


def test_an_arm_that_nobody_received_has_no_chance_and_one_arm_alone_has_all() -> None:
    x, arm, _ = choice(200)
    found = fit_propensity(x, arm, 3).predict(x)
    assert (found[:, 2] == 0).all() and np.isfinite(found).all()
    np.testing.assert_array_equal(fit_propensity(x, np.zeros(200, np.int64), 2).predict(x), [[1.0, 0.0]] * 200)


def test_without_covariates_it_is_the_share() -> None:
    arm = np.array([0, 0, 0, 1])
    np.testing.assert_allclose(fit_propensity(np.zeros((4, 0)), arm, 2).predict(np.zeros((2, 0))), [[0.75, 0.25]] * 2)


def test_a_patient_does_not_help_to_predict_itself() -> None:
    """A covariate for each patient that tells its arm: known in the fit, worth nothing out of fold."""
    _, arm, _ = choice(60, strength=0.0)
    x = np.eye(60) * (2 * arm - 1)
    inside = fit_propensity(x, arm, 2).predict(x)
    outside = out_of_fold_propensity(x, arm, 2, deal_folds(arm, 5, 0))
    rows = np.arange(60)
    assert inside[rows, arm].min() > 0.6
    assert np.ptp(outside[:, 1]) < 0.1


def test_overlap_weights_balance_what_the_model_knows() -> None:
    x, arm, _ = choice(5000)
    chances = fit_propensity(x, arm, 2).predict(x)
    e = chances[:, 1]
    found = overlap_of(x, arm, chances, (0.1, 0.9))
    assert found.difference > 0.5 and found.weighted_difference < 0.005
    assert 0.7 < found.c_statistic < 0.85
    assert found.share == pytest.approx(((e > 0.1) & (e < 0.9)).mean())
    assert 0.5 * 5000 < found.effective_size < 5000 and found.patients == 5000


def test_folds_hold_their_share_of_each_stratum() -> None:
    strata = np.repeat([0, 1, 2], [101, 40, 7])
    folds = deal_folds(strata, 5, seed=3)
    assert np.ptp(np.bincount(folds)) <= 1
    for code in range(3):
        assert np.ptp(np.bincount(folds[strata == code], minlength=5)) <= 1
    assert not np.array_equal(folds, deal_folds(strata, 5, seed=4))

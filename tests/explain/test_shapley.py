"""Shapley values: hand-solved games, shap's exact explainer, and the sampler's stated error."""

from __future__ import annotations

import numpy as np
import pytest

from mmcare.explain.algorithm.modality_shapley import modality_shapley
from mmcare.explain.algorithm.shapley import shapley
from mmcare.explain.algorithm.shapley_exact import all_coalitions, shapley_exact
from mmcare.explain.algorithm.shapley_sampled import chain_coalitions, draw_orders, shapley_sampled

Array = np.ndarray


class Model:
    """A function of six features with interactions of up to three of them, a patient and a background."""

    def __init__(self, seed: int, background: int = 5, players: int = 6) -> None:
        generator = np.random.default_rng(seed)
        self.patient = generator.normal(size=players)
        self.background = generator.normal(size=(background, players))
        self.weights = generator.normal(size=(players, 2))
        self.asked = 0

    def predict(self, rows: Array) -> Array:
        """(R, 2)."""
        third = rows[:, [0]] * rows[:, [1]] * rows[:, [2]]
        return np.tanh(rows @ self.weights) + 0.3 * third + 0.2 * rows[:, [3]] * rows[:, [4]]

    def __call__(self, coalitions: Array, who: Array) -> Array:
        self.asked += len(who)
        return self.predict(np.where(coalitions, self.patient, self.background[who]))

    @property
    def differs(self) -> Array:
        return self.background != self.patient


def test_a_game_solved_by_hand() -> None:
    # a glove game: the first player holds a left glove, the others a right one each; a pair is worth 1
    coalitions = all_coalitions(3)
    values = (coalitions[:, 0] & coalitions[:, 1:].any(1)).astype(float)[:, None]
    np.testing.assert_allclose(shapley_exact(values)[:, 0], [4 / 6, 1 / 6, 1 / 6])


def test_values_that_are_no_game_are_refused() -> None:
    with pytest.raises(ValueError, match="7 values are not one for each coalition of some players"):
        shapley_exact(np.zeros((7, 1)))


def test_coalitions_are_the_bits_of_their_number() -> None:
    assert all_coalitions(2).tolist() == [[False, False], [True, False], [False, True], [True, True]]


@pytest.mark.parametrize("seed", range(3))
def test_exact_values_are_those_of_shap(seed: int) -> None:
    import shap

    model = Model(seed)
    found = shapley(model, model.differs, rows=10_000, seed=0)
    assert found.exact and not found.standard_error.any()
    masker = shap.maskers.Independent(model.background, len(model.background))
    theirs = shap.ExactExplainer(model.predict, masker)(model.patient[None])
    np.testing.assert_allclose(found.values, theirs.values[0], rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.baseline, theirs.base_values[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("rows", [64, 200, 10_000])
def test_they_sum_to_the_prediction_less_the_baseline_however_few_rows(rows: int) -> None:
    model = Model(1)
    found = shapley(model, model.differs, rows, seed=3)
    np.testing.assert_allclose(found.values.sum(0), found.full - found.baseline, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.full, model.predict(model.patient[None])[0])
    np.testing.assert_allclose(found.baseline, model.predict(model.background).mean(0))
    assert found.rows == model.asked


def test_sampled_values_lie_within_their_stated_error() -> None:
    """Over 40 samplings: the error is of the size that is stated, and is not systematic."""
    model = Model(2)
    exact = shapley(model, model.differs, rows=10_000, seed=0).values
    samples = [shapley(model, model.differs, rows=300, seed=seed) for seed in range(40)]
    assert not any(sample.exact for sample in samples)
    z = np.array([(sample.values - exact) / sample.standard_error for sample in samples])
    assert np.quantile(np.abs(z), 0.95) < 3, "few pairs make the stated error itself uncertain"
    assert 0.7 < np.sqrt(np.median(z**2) / 0.455) < 1.4, "0.455 is the median of chi square with one degree of freedom"
    errors = np.array([sample.values - exact for sample in samples])
    assert (np.abs(errors.mean(0)) < 4 * errors.std(0, ddof=1) / np.sqrt(40)).all()


def test_a_single_pair_against_each_states_an_error_that_is_no_smaller() -> None:
    model = Model(4, background=16)
    exact = shapley(model, model.differs, rows=100_000, seed=0).values
    samples = [shapley(model, model.differs, rows=64, seed=seed) for seed in range(30)]
    stated = np.array([sample.standard_error for sample in samples])
    errors = np.array([sample.values - exact for sample in samples])
    assert np.isfinite(stated).all() and (stated > 0).all()
    assert (np.sqrt((errors**2).mean(0)) < 1.2 * stated.mean(0)).all()


def test_a_player_who_is_alike_has_nothing_and_costs_nothing() -> None:
    model = Model(5)
    model.background[:, 2] = model.patient[2]
    model.background[1] = model.patient
    found = shapley(model, model.differs, rows=10_000, seed=0)
    assert not found.values[2].any() and found.exact
    assert model.asked == len(model.background) + 1 + 4 * (2**5 - 2)
    np.testing.assert_allclose(found.values.sum(0), found.full - found.baseline, rtol=0, atol=1e-12)


def test_a_patient_like_all_others_has_no_values() -> None:
    model = Model(6)
    model.background[:] = model.patient
    found = shapley(model, model.differs, rows=64, seed=0)
    assert not found.values.any() and found.exact
    np.testing.assert_allclose(found.full, found.baseline)


def test_an_order_and_its_reverse_are_exact_where_at_most_two_players_interact() -> None:
    generator = np.random.default_rng(8)
    pairs, alone = generator.normal(size=(5, 5)), generator.normal(size=5)

    def value(coalitions: Array) -> Array:
        own = coalitions.astype(float)
        return (own @ alone + np.einsum("ri,ij,rj->r", own, pairs, own))[:, None]

    exact = shapley_exact(value(all_coalitions(5)))
    orders = draw_orders(5, 1, generator)
    values = value(chain_coalitions(orders).reshape(-1, 5)).reshape(2, 4, 1)
    ends = value(np.array([[False] * 5, [True] * 5]))
    np.testing.assert_allclose(shapley_sampled(orders, values, ends[0], ends[1]).values, exact, atol=1e-12)


def test_the_same_seed_gives_the_same_values() -> None:
    model = Model(7)
    one, two, other = (shapley(model, model.differs, 200, seed).values for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


def test_modalities_are_players_of_their_own() -> None:
    model = Model(9)
    groups = [slice(0, 2), slice(2, 3), slice(3, 6)]
    shares, baseline = modality_shapley(model, groups, 6, len(model.background))
    whole = np.zeros((8, 6), dtype=bool)
    for group, places in enumerate(groups):
        whole[:, places] = all_coalitions(3)[:, group, None]
    values = np.mean([model(whole, np.full(8, k)) for k in range(5)], axis=0)
    np.testing.assert_allclose(shares, shapley_exact(values))
    np.testing.assert_allclose(baseline, model.predict(model.background).mean(0))
    np.testing.assert_allclose(shares.sum(0), model.predict(model.patient[None])[0] - baseline)

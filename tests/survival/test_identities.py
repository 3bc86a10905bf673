"""What holds for any data: ties, all-censored tails, small samples."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines.utils import concordance_index

from mmcare.survival import (
    aalen_johansen,
    censoring_weights,
    harrell_concordance,
    kaplan_meier,
    landmark_labels,
    uno_concordance,
)

PATIENT = st.tuples(st.integers(1, 12), st.sampled_from([0, 0, 1, 2]))
SAMPLES = st.lists(PATIENT, min_size=1, max_size=40).map(np.array)


@settings(max_examples=200, deadline=None)
@given(SAMPLES)
def test_weights_stand_in_for_who_was_lost(sample: np.ndarray) -> None:
    """sum w = n and mean(w y) = Aalen-Johansen, at every horizon up to the end of follow-up."""
    time, event = sample[:, 0] / 12, sample[:, 1]
    for horizon in np.unique(time):
        weight = censoring_weights(time, event, horizon, least=0.0).weight
        label = landmark_labels(time, event, horizon).label
        assert abs(weight.sum() - len(time)) < 1e-9
        assert abs((weight * label).mean() - float(aalen_johansen(time, event).at(horizon))) < 1e-12


@settings(max_examples=100, deadline=None)
@given(SAMPLES)
def test_incidences_and_survival_sum_to_one(sample: np.ndarray) -> None:
    time, event = sample[:, 0] / 12, sample[:, 1]
    free = kaplan_meier(time, event).curve
    total = free.values + aalen_johansen(time, event, 1).values + aalen_johansen(time, event, 2).values
    np.testing.assert_allclose(total, 1, rtol=0, atol=1e-12)
    assert np.isnan(free.at(1.01))


def test_harrell_equals_lifelines_on_more_pairs_than_one_block_holds() -> None:
    rng = np.random.default_rng(0)
    time, event = rng.integers(1, 400, 3000).astype(float), rng.random(3000) < 0.6
    risk = np.round(rng.normal(size=3000), 1)
    assert abs(harrell_concordance(risk, time, event) - concordance_index(time, -risk, event)) < 1e-12


def test_uno_without_censoring_is_harrell() -> None:
    rng = np.random.default_rng(1)
    time, risk = rng.exponential(size=200), rng.normal(size=200)
    found = uno_concordance(risk, time, np.ones(200), tau=100.0)
    assert abs(found.index - harrell_concordance(risk, time, np.ones(200))) < 1e-12


def test_uno_with_the_censoring_of_others_that_ends_too_early() -> None:
    from mmcare.survival import reverse_kaplan_meier

    short = {0: reverse_kaplan_meier([1.0, 2.0], [1, 0])}
    time, event = np.array([1.5, 2.5, 3.0, 4.0]), np.array([1, 1, 1, 0])
    assert np.isnan(uno_concordance([4.0, 3, 2, 1], time, event, 4.0, censoring=short).index)
    assert uno_concordance([4.0, 3, 2, 1], time, event, 2.0, censoring=short).index == 1.0


def test_a_tiny_chance_to_be_followed_is_raised() -> None:
    """A late event after nearly all were censored: weight 1 / 0.05^2 at most."""
    time, event = np.arange(1.0, 102), np.zeros(101, int)
    event[99] = 1
    risk = np.zeros(101)
    found, raw = (uno_concordance(risk, time, event, 200.0, least=g).denominator for g in (0.05, 0.0))
    assert abs(found - 400) < 1e-9
    assert raw > 2000


def test_no_pair_no_index() -> None:
    assert np.isnan(uno_concordance([1.0, 2.0], [1.0, 2.0], [0, 0], 5.0).index)
    assert np.isnan(harrell_concordance([1.0], [1.0], [1]))

"""Resamples within arm, intervals, and paired differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap

from mmcare.evaluation import bootstrap_interval, concordance_difference, resamples
from mmcare.survival import uno_concordance

from .conftest import Reference


def test_each_arm_keeps_its_size() -> None:
    arm = np.array([0, 1, 1, 0, 1, 2])
    samples = resamples(arm, 50, seed=3)
    assert all(sorted(arm[sample]) == [0, 0, 1, 1, 1, 2] for sample in samples)
    assert len({tuple(sample) for sample in samples}) > 20
    assert all((a == b).all() for a, b in zip(samples, resamples(arm, 50, seed=3), strict=True))


def test_interval_of_a_mean_is_that_of_scipy() -> None:
    values = np.random.default_rng(0).normal(size=80)
    found = bootstrap_interval(lambda i: float(values[i].mean()), resamples(np.zeros(80, int), 4000, seed=0))
    expected = scipy_bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=1).confidence_interval
    assert found == pytest.approx(tuple(expected), abs=0.02)


def test_no_interval_where_the_figure_is_often_missing() -> None:
    samples = resamples(np.zeros(2, int), 100, seed=0)
    assert bootstrap_interval(lambda i: float("nan") if i[0] == i[1] else 1.0, samples) is None
    assert bootstrap_interval(lambda i: 1.0, []) is None


def test_a_difference_is_paired(tied: Reference) -> None:
    """The same patients are drawn for both models, so that two like scores differ by little."""
    first = tied.scored("os")
    second = replace(first, risk=first.risk + np.random.default_rng(0).normal(0, 0.02, first.risk.shape))
    found = concordance_difference(first, second, 3.0, draws=200)

    def c(risk: np.ndarray, i: np.ndarray) -> float:
        return uno_concordance(risk[i, 1], first.time[i], first.event[i], 3.0, first.arm[i]).index

    alone = bootstrap_interval(lambda i: c(first.risk, i), resamples(first.arm, 200, 0))
    everyone = np.arange(len(first.time))
    assert found.value == found.first - found.second == c(first.risk, everyone) - c(second.risk, everyone)
    assert found.upper - found.lower < 0.5 * (alone[1] - alone[0])
    assert found.patients == 400


def test_a_model_does_not_differ_from_itself(tied: Reference) -> None:
    scored = tied.scored("lc")
    found = concordance_difference(scored, scored, 3.0, draws=20)
    assert (found.value, found.lower, found.upper) == (0.0, 0.0, 0.0)


def test_who_lacks_a_risk_of_one_model_is_left_out_of_both(tied: Reference) -> None:
    first = tied.scored("os")
    second = replace(first, risk=first.risk.copy())
    second.risk[:30] = np.nan
    found = concordance_difference(first, second, 3.0, draws=5)
    assert (found.patients, found.value) == (370, 0.0)


def test_other_patients_are_refused(tied: Reference) -> None:
    scored = tied.scored("os")
    with pytest.raises(ValueError) as caught:
        concordance_difference(scored, replace(scored, time=scored.time + 1), 3.0)
    assert str(caught.value) == "the two models were scored on different patients: their time differs."

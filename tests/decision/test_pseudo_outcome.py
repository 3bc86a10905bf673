"""Doubly robust scores: values that R computed by plain loops, and the identities that hold exactly."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mmcare.decision.policy_value import policy_values
from mmcare.decision.pseudo_outcome import Censoring, arm_scores, pseudo_outcomes
from mmcare.survival import StepCurve, aalen_johansen, censoring_cox, reverse_kaplan_meier

DATA = Path(__file__).parents[1] / "survival" / "data"
HORIZONS = (1.0, 3.0, 5.0)


@dataclass(frozen=True)
class Given:
    """R's cohort, and the model that its values were computed with."""

    columns: dict[str, np.ndarray]
    entries: dict
    name: str

    def value(self, key: str):
        return self.entries[f"{self.name}.{key}"]["value"]

    def outcome(self, endpoint: str) -> tuple[np.ndarray, np.ndarray]:
        return self.columns[f"{endpoint}_time"], self.columns[f"{endpoint}_event"].astype(np.int64)

    @property
    def arm(self) -> np.ndarray:
        return self.columns["arm"].astype(np.int64)

    def hazards(self, endpoint: str, arm: int, common: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Of the event, and of any event."""
        c = {name: 0 * values if common else values for name, values in self.columns.items()}
        death = (0.16, 0.11)[arm] * np.exp(0.3 * c["age10"] + 0.15 * c["size"] + 0.4 * c["ecog"] + 0.2 * c["copd"])
        if endpoint == "os":
            return death, death
        failure = (0.07, 0.06)[arm] * np.exp(0.35 * c["size"] + 0.2 * c["copd"])
        return failure, failure + 0.8 * death

    def risk(self, endpoint: str, arm: int, horizon: float) -> np.ndarray:
        one, any_ = self.hazards(endpoint, arm)
        return one / any_ * (1 - np.exp(-any_ * horizon))

    def censoring(self, endpoint: str, arm: int, variant: str) -> Censoring:
        time, event = self.outcome(endpoint)
        own = self.arm == arm
        if variant == "km":
            return Censoring(reverse_kaplan_meier(time[own], event[own]))
        x = np.stack([self.columns["age10"], self.columns["ecog"]], axis=1)
        coefficients = np.array([[0.1, 0.5], [-0.1, 0.4]])
        baseline = censoring_cox(time, event, x, self.arm, 2, coefficients).baselines[arm]
        assert baseline is not None
        survival = StepCurve(baseline.times, np.exp(-baseline.values), 1.0, baseline.support)
        return Censoring(survival, np.exp(x[own] @ coefficients[arm]))

    def observed(self, endpoint: str, horizon: float, variant: str, common: bool = False) -> np.ndarray:
        """(n,) D."""
        time, event = self.outcome(endpoint)
        found = np.full(len(time), np.nan)
        for arm in (0, 1):
            own = self.arm == arm
            one, any_ = (hazard[own, None] for hazard in self.hazards(endpoint, arm, common))

            def course(times, one=one, any_=any_):
                return one / any_ * (1 - np.exp(-any_ * times)), np.exp(-any_ * times)

            censoring = self.censoring(endpoint, arm, variant)
            found[own] = pseudo_outcomes(time[own], event[own], horizon, course, censoring)
        return found

    def scores(self, endpoint: str, horizon: float, variant: str) -> np.ndarray:
        """(n, 2) phi."""
        risk = np.stack([self.risk(endpoint, arm, horizon) for arm in (0, 1)], axis=1)
        propensity = np.stack([1 - self.columns["e1"], self.columns["e1"]], axis=1)
        return arm_scores(risk, self.observed(endpoint, horizon, variant), self.arm, propensity)


@pytest.fixture(scope="module", params=["cohort", "cohort_untied"])
def given(request: pytest.FixtureRequest) -> Given:
    with (DATA / f"{request.param}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}
    return Given(columns, json.loads((DATA / "reference.json").read_text())["entries"], request.param)


@pytest.mark.parametrize("variant", ["km", "cox"])
@pytest.mark.parametrize("endpoint", ["os", "lc"])
def test_the_values_of_plain_loops_in_r(given: Given, endpoint: str, variant: str) -> None:
    for horizon in HORIZONS:
        expected = given.value(f"{endpoint}.own.aipcw_{variant}")[f"t{horizon:g}"]
        observed, scores = given.observed(endpoint, horizon, variant), given.scores(endpoint, horizon, variant)
        np.testing.assert_allclose(observed[:10], expected["D_first10"], rtol=0, atol=1e-12)
        np.testing.assert_allclose(scores[:10, 0], expected["phi0_first10"], rtol=0, atol=1e-12)
        np.testing.assert_allclose(scores[:10, 1], expected["phi1_first10"], rtol=0, atol=1e-12)
        assert (scores[:, 1] - scores[:, 0]).mean() == pytest.approx(expected["effect"], abs=1e-12)
        if horizon == 3:
            np.testing.assert_allclose(observed, expected["D"], rtol=0, atol=1e-12)
            np.testing.assert_allclose(scores.T, [expected["phi0"], expected["phi1"]], rtol=0, atol=1e-12)


@pytest.mark.parametrize("endpoint", ["os", "lc"])
def test_with_one_course_for_all_the_mean_is_aalen_johansens_estimate(given: Given, endpoint: str) -> None:
    time, event = given.outcome(endpoint)
    for horizon in HORIZONS:
        observed = given.observed(endpoint, horizon, "km", common=True)
        for arm in (0, 1):
            own = given.arm == arm
            expected = aalen_johansen(time[own], event[own]).at(horizon)
            assert observed[own].mean() == pytest.approx(float(expected), abs=1e-12)


def test_without_censoring_it_is_the_outcome_itself() -> None:
    time, event = np.array([0.5, 1.0, 2.0, 4.0]), np.array([1, 2, 1, 1])
    censoring = Censoring(reverse_kaplan_meier(time, event))
    found = pseudo_outcomes(time, event, 3.0, lambda t: (np.ones((4, len(t))), np.ones((4, len(t)))), censoring)
    assert found.tolist() == [1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("variant", ["km", "cox"])
def test_the_value_of_a_policy_that_r_computed(given: Given, variant: str) -> None:
    expected = given.value(f"both.own.policy_{variant}")
    scores = 0.7 * (1 - given.scores("os", 3.0, variant)) + 0.3 * (1 - given.scores("lc", 3.0, variant))
    observed = 0.7 * (1 - given.observed("os", 3.0, variant)) + 0.3 * (1 - given.observed("lc", 3.0, variant))
    policy = (given.columns["age10"] < 0).astype(np.int64)
    first, second, care = policy_values(scores, observed, policy, ("zero", "one"))
    assert (first.against, second.against, care.against) == ("all zero", "all one", "observed care")
    assert first.value == pytest.approx(expected["value"], abs=1e-12)
    for found, name in ((first, "all_arm0"), (second, "all_arm1"), (care, "observed_care")):
        assert found.other == pytest.approx(expected[name], abs=1e-12)
        assert found.difference == pytest.approx(expected[f"minus_{name}"]["mean"], abs=1e-12)
        assert found.standard_error == pytest.approx(expected[f"minus_{name}"]["se"], abs=1e-12)


def test_who_is_given_no_arm_gets_observed_care() -> None:
    scores, observed = np.array([[0.2, 0.9], [0.4, 0.1]]), np.array([0.5, 0.6])
    care = policy_values(scores, observed, np.array([1, -1]), ("a", "b"))[-1]
    assert (care.value, care.other) == (pytest.approx((0.9 + 0.6) / 2), pytest.approx((0.5 + 0.6) / 2))
    assert care.difference == pytest.approx(0.2)
    assert care.standard_error == pytest.approx(np.std([0.4, 0.0], ddof=1) / np.sqrt(2))

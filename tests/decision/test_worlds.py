"""The rule in worlds whose truth is known: how often somebody is advised, and how well. Minutes a dozen cohorts.

The thresholds were written down before the first cohort was drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmcare.synthetic import Draw, true_course

from .worlds import Decided, decided, is_open

NULL_COHORTS, COHORTS = 100, 20
pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]
Run20 = Callable[[str], list[Decided]]


@pytest.fixture(scope="module")
def replicates(tmp_path_factory: pytest.TempPathFactory) -> Run20:
    """The first cohorts of a world, each decided once."""
    made: dict[str, list[Decided]] = {}

    def of(world: str) -> list[Decided]:
        if world not in made:
            made[world] = [one(world, seed, tmp_path_factory.mktemp(world)) for seed in range(COHORTS)]
        return made[world]

    return of


def one(world: str, seed: int, folder: Path) -> Decided:
    return decided(world, seed, folder / "here")


def true_gain(drawn: Draw) -> np.ndarray:
    """(n,) U(surgery) - U(sbrt) at three years, given what decides a patient's course and nobody knows."""
    course = true_course(drawn, 3.0)
    utility = 0.7 * course.survival + 0.3 * (1 - course.local_failure)
    return utility[:, 1] - utility[:, 0]


def gains_of_advised(found: list[Decided]) -> list[np.ndarray]:
    """By cohort, the true gain of every patient advised, by the arm advised."""
    gains = []
    for replicate in found:
        gain = true_gain(replicate.draw)[replicate.rows]
        sign = np.array([{"surgery": 1, "sbrt": -1, None: 0}[advice.arm] for advice in replicate.advice])
        gains.append((sign * gain)[sign != 0])
    return gains


def at_most(rate: float, cohorts: int) -> float:
    """What a rate may come to in so many cohorts: two standard errors more."""
    return rate + 2 * float(np.sqrt(rate * (1 - rate) / cohorts))


def test_without_a_difference_somebody_is_advised_in_one_cohort_of_twenty_at_the_most(tmp_path: Path) -> None:
    found = [one("null", seed, tmp_path / str(seed)) for seed in range(NULL_COHORTS)]
    share = np.mean([replicate.advised.any() for replicate in found])
    opened = np.mean([is_open(replicate.summary) for replicate in found])
    print(f"null: advice in {share:.0%} of {len(found)} cohorts, the gate opens in {opened:.0%}")
    assert share <= at_most(0.05, len(found))
    effects = np.array([replicate.summary.gates[0].line.intercept for replicate in found])  # type: ignore[union-attr]
    assert abs(effects.mean()) < 0.005 + 3 * effects.std(ddof=1) / np.sqrt(len(found)), "confounding is taken out"


@pytest.mark.parametrize(
    "world", ["heterogeneous", "homogeneous", "crossing", "covariate-censoring", "informative-missing"]
)
def test_advice_is_to_the_advised_patients_harm_in_one_cohort_of_twenty_at_the_most(
    replicates: Run20, world: str
) -> None:
    """On average over the patients of a cohort who are advised: much of a single one's course is in nobody's table."""
    found = replicates(world)
    means = np.array([gains.mean() for gains in gains_of_advised(found) if len(gains)])
    patients = sum(replicate.advised.sum() for replicate in found)
    print(
        f"{world}: advice in {len(means)} of {len(found)} cohorts, to {patients} patients; "
        f"mean gain by cohort {means.round(3).tolist()}"
    )
    assert (means < 0).sum() <= at_most(0.05, len(found)) * len(found)


def test_where_surgery_is_better_for_all_the_other_arm_is_hardly_ever_advised(replicates: Run20) -> None:
    arms = [advice.arm for replicate in replicates("homogeneous") for advice in replicate.advice if advice.arm]
    assert arms.count("sbrt") <= 0.05 * len(arms)


def test_where_arms_hardly_overlap_more_patients_are_left_undecided(replicates: Run20) -> None:
    """The same persons: of those the step lets through, less than two thirds are left."""
    base, weak = replicates("heterogeneous"), replicates("weak-overlap")
    passing = [np.mean([1 - replicate.failed("overlap").mean() for replicate in found]) for found in (base, weak)]
    print(f"either arm possible: {passing[0]:.0%} of the base world, {passing[1]:.0%} where overlap is weak")
    assert passing[1] < passing[0] * 2 / 3
    advised = [sum(map(len, gains_of_advised(found))) for found in (base, weak)]
    assert advised[1] <= advised[0]


def test_a_hidden_confounder_is_not_seen_and_biases_the_means(replicates: Run20) -> None:
    """No step can notice it: which is why the least confounders are asked for first."""
    base, hidden = replicates("heterogeneous"), replicates("hidden-confounder")
    lines = [[replicate.summary.gates[0].line for replicate in found] for found in (base, hidden)]
    effects = [np.array([line.intercept for line in found if line is not None]) for found in lines]
    print(f"mean difference of utility: base {effects[0].mean():+.3f}, hidden confounder {effects[1].mean():+.3f}")
    difference = effects[1].mean() - effects[0].mean()
    error = np.sqrt(sum(e.var(ddof=1) / len(e) for e in effects))
    assert difference > error, "surgery looks better than it is"

"""Curves by quadrature: against finer quadrature, against the formula at one time, against times drawn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import roots_genlaguerre

from mmcare.survival import aalen_johansen, kaplan_meier
from mmcare.synthetic import WORLDS, Draw, draw, true_course
from mmcare.synthetic.curves import HORIZONS, UTILITY, YEARS, average_curves, latent_curves, structural_curves
from mmcare.synthetic.hazards import AFTER_FAILURE, ArmHazards, draw_times
from mmcare.synthetic.items import taken


def test_survival_and_local_failure_agree_with_adaptive_quadrature() -> None:
    """The settled tolerance is 4e-7: here of the formula with 20 nodes on either side of a quarter of a year."""
    cohort = draw("heterogeneous", 25, seed=4)
    for years in (0.5, 3.0, 5.0):
        truth = true_course(cohort, years)
        for arm in (0, 1):
            for i in range(len(cohort)):
                hazards = taken(cohort.hazards[arm], np.array([i]))
                survival, failure = by_quad(hazards, years)
                assert truth.survival[i, arm] == pytest.approx(survival, abs=4e-7)
                assert truth.local_failure[i, arm] == pytest.approx(failure, abs=4e-7)


def by_quad(hazards: ArmHazards, years: float) -> tuple[float, float]:
    def density(u: float) -> float:
        return float(hazards.failure_rate(u)[0] * np.exp(-hazards.failure(u)[0]))

    def failed(u: float) -> float:
        return density(u) * np.exp(-AFTER_FAILURE * (years - u))

    def first(u: float) -> float:
        return density(u) * float(np.exp(-hazards.death(u)[0]))

    def integral(of: object) -> float:
        return sum(quad(of, a, b, epsabs=1e-11, limit=200)[0] for a, b in ((0, 0.02), (0.02, 0.25), (0.25, years)))

    alive = float(np.exp(-hazards.failure(years)[0])) + integral(failed)
    return float(np.exp(-hazards.death(years)[0])) * alive, integral(first)


@pytest.mark.parametrize("world", WORLDS)
def test_curves_pass_through_the_courses_at_each_horizon(world: str) -> None:
    cohort = draw(world, 200, seed=4)
    curves = structural_curves(cohort.world, cohort.hazards)
    assert curves.survival.shape == curves.local_failure.shape == (200, 2, len(YEARS))
    for years in HORIZONS:
        survival, failure = curves.at(years)
        truth = true_course(cohort, float(years))
        np.testing.assert_allclose(survival, truth.survival, atol=4e-7)
        np.testing.assert_allclose(failure, truth.local_failure, atol=4e-7)


def test_curves_begin_at_the_start_and_never_turn_back(drawn: Draw) -> None:
    curves = structural_curves(drawn.world, drawn.hazards)
    assert (curves.survival[..., 0] == 1).all() and (curves.local_failure[..., 0] == 0).all()
    assert (np.diff(curves.survival) < 0).all()
    assert (np.diff(curves.local_failure) >= 0).all()
    assert (curves.survival >= 0).all() and (curves.survival + curves.local_failure < 1 + 1e-9).any()
    assert YEARS[1] == 0.25 and YEARS[-1] == 5.0


def test_z_is_integrated_out_to_eight_digits() -> None:
    """12 nodes against 80."""
    cohort = draw("heterogeneous", 50, seed=4)
    nodes, weights = roots_genlaguerre(80, 1.5)
    weights, ratio = weights / weights.sum(), nodes * 0.4 / cohort.latents.shared[:, None]
    finer = []
    for hazards in cohort.hazards:
        repeated = taken(hazards, np.repeat(np.arange(50), 80))
        shared = {name: getattr(repeated, name) * ratio.ravel() for name in ("cancer", "local")}
        fields = {name: getattr(repeated, name) for name in ArmHazards.__slots__}
        finer.append(ArmHazards(**{**fields, **shared}))
    expected = average_curves(cohort.world, (finer[0], finer[1]), lambda v: v.reshape(50, 80) @ weights)
    found = latent_curves(cohort.world, cohort.hazards, cohort.latents.shared)
    np.testing.assert_allclose(found.survival, expected.survival, atol=1e-8)
    np.testing.assert_allclose(found.local_failure, expected.local_failure, atol=1e-8)


def test_without_z_a_patient_is_the_average_over_z(drawn: Draw) -> None:
    """Over patients the two levels agree; of one patient they do not."""
    latent = latent_curves(drawn.world, drawn.hazards, drawn.latents.shared)
    structural = structural_curves(drawn.world, drawn.hazards)
    np.testing.assert_allclose(latent.survival.mean(0), structural.survival.mean(0), atol=0.004)
    np.testing.assert_allclose(latent.local_failure.mean(0), structural.local_failure.mean(0), atol=0.004)
    assert np.abs(latent.survival - structural.survival).max() > 0.1


@pytest.mark.parametrize("level", ["structural", "latent"])
def test_the_null_world_has_a_difference_of_exactly_nothing(level: str) -> None:
    cohort = draw("null", 300, seed=3)
    of = (
        structural_curves(cohort.world, cohort.hazards)
        if level == "structural"
        else latent_curves(cohort.world, cohort.hazards, cohort.latents.shared)
    )
    np.testing.assert_array_equal(of.delta, 0.0)
    np.testing.assert_array_equal(of.survival[:, 0], of.survival[:, 1])
    np.testing.assert_array_equal(of.local_failure[:, 0], of.local_failure[:, 1])


def test_the_utility_is_that_of_survival_and_local_control_at_three_years(drawn: Draw) -> None:
    truth = true_course(drawn, 3.0)
    utility = 0.7 * truth.survival + 0.3 * (1 - truth.local_failure)
    found = structural_curves(drawn.world, drawn.hazards).delta
    np.testing.assert_allclose(found, utility[:, 1] - utility[:, 0], atol=1e-6)
    assert UTILITY == {"os": 0.7, "lc": 0.3, "years": 3}


@pytest.mark.parametrize(
    ("fixture", "within"),
    [("drawn", 0.04), pytest.param("many", 0.006, marks=pytest.mark.slow)],
)
def test_aalen_johansen_of_what_was_observed_is_the_analytic_incidence(
    fixture: str, within: float, request: pytest.FixtureRequest
) -> None:
    """Censored follow-up of the arm received against the mean over those patients of F_a(t); so with Kaplan-Meier."""
    cohort: Draw = request.getfixturevalue(fixture)
    for arm in (0, 1):
        rows = np.flatnonzero(cohort.arm == arm)
        hazards = tuple(taken(of_arm, rows) for of_arm in cohort.hazards)
        curves = structural_curves(cohort.world, (hazards[0], hazards[1]))
        seen = cohort.observed
        incidence = aalen_johansen(seen.lc_years[rows], seen.lc_event[rows])
        alive = kaplan_meier(seen.os_years[rows], seen.os_event[rows]).curve
        for years in (1, 2, 3, 4, 5):
            survival, failure = curves.at(years)
            assert float(incidence.at(years)) == pytest.approx(failure[:, arm].mean(), abs=within)
            assert float(alive.at(years)) == pytest.approx(survival[:, arm].mean(), abs=within)


@pytest.mark.parametrize("patient", range(3))
def test_one_person_drawn_often_follows_the_integrals(patient: int) -> None:
    """Within four standard errors under each arm; persons of no choice, so of low and of high risk."""
    world, n = WORLDS["heterogeneous"], 50_000
    cohort = draw(world, patient + 1, seed=0)
    one = tuple(taken(of_arm, np.array([patient])) for of_arm in cohort.hazards)
    sbrt, surgery = (taken(of_arm, np.zeros(n, dtype=int)) for of_arm in one)
    truth = structural_curves(world, (one[0], one[1]))
    for arm in (0, 1):
        times = draw_times(world, 0, (sbrt, surgery), arm)
        for years in HORIZONS:
            survival, failure = (float(of[0, arm]) for of in truth.at(years))
            failed = (times.local_failure < times.death) & (times.local_failure <= years)
            for found, said in (((times.death > years).mean(), survival), (failed.mean(), failure)):
                assert found == pytest.approx(said, abs=4 * (said * (1 - said) / n) ** 0.5)


@pytest.mark.slow
def test_two_hundred_thousand_draws_follow_the_integrals() -> None:
    """Two hundred thousand persons under each arm: within the settled .0015."""
    cohort = draw("heterogeneous", 200_000, seed=0)
    truth = structural_curves(cohort.world, cohort.hazards)
    for arm, times in enumerate(cohort.times):
        for years in HORIZONS:
            survival, failure = truth.at(years)
            assert (times.death > years).mean() == pytest.approx(survival[:, arm].mean(), abs=0.0015)
            failed = (times.local_failure < times.death) & (times.local_failure <= years)
            assert failed.mean() == pytest.approx(failure[:, arm].mean(), abs=0.0015)

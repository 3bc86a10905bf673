"""A draw: the same persons whatever the size and the world, and outcomes that hold together."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from mmcare.errors import MMCareError
from mmcare.synthetic import WORLDS, Draw, draw, true_course


def arrays(value: object, path: str = "") -> dict[str, np.ndarray]:
    """Every array of a draw by its name, sites apart: they are the cohort's."""
    if isinstance(value, np.ndarray):
        return {path: value}
    parts = dict(enumerate(value)) if isinstance(value, tuple) else {}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: getattr(value, f.name) for f in fields(value) if f.name not in ("sites", "world")}
    return {key: found for name, part in parts.items() for key, found in arrays(part, f"{path}.{name}").items()}


def test_a_patient_does_not_depend_on_the_size_of_the_cohort() -> None:
    few, more = arrays(draw("heterogeneous", 7, seed=5)), arrays(draw("heterogeneous", 40, seed=5))
    assert len(few) > 40
    for name, values in few.items():
        np.testing.assert_array_equal(values, more[name][:7], err_msg=name)


@pytest.mark.parametrize("world", WORLDS)
def test_a_patient_is_the_same_person_in_every_world(world: str) -> None:
    base, other = draw("heterogeneous", 50, seed=5), draw(world, 50, seed=5)
    for name in ("latents", "clinical", "ct", "genome"):
        one, two = arrays(getattr(base, name)), arrays(getattr(other, name))
        for key, values in one.items():
            np.testing.assert_array_equal(values, two[key], err_msg=key)


def test_another_seed_draws_other_persons() -> None:
    assert not np.intersect1d(draw("null", 50, seed=1).latents.age, draw("null", 50, seed=2).latents.age).size


def test_follow_up_sees_the_arm_received_and_no_more(drawn: Draw) -> None:
    """T_LC <= T_OS; death first means death at that time; a failure is the earliest of three."""
    seen, arm = drawn.observed, drawn.arm
    failure = np.where(arm == 0, drawn.times[0].local_failure, drawn.times[1].local_failure)
    death = np.where(arm == 0, drawn.times[0].death, drawn.times[1].death)
    assert (seen.lc_years <= seen.os_years).all()
    dead = seen.lc_event == 2
    assert (seen.os_event[dead] == 1).all() and (seen.os_years[dead] == seen.lc_years[dead]).all()
    np.testing.assert_array_equal(seen.lc_years[seen.lc_event == 1], failure[seen.lc_event == 1])
    np.testing.assert_array_equal(seen.os_years[seen.os_event == 1], death[seen.os_event == 1])
    np.testing.assert_array_equal(seen.os_years, np.minimum(death, seen.censoring))
    assert seen.censoring.max() <= 9.0 and (seen.os_years > 0).all() and np.isfinite(seen.os_years).all()


def test_nobody_gets_the_same_draws_under_both_arms(drawn: Draw) -> None:
    sbrt, surgery = drawn.times
    assert (sbrt.death != surgery.death).all()


def utility_difference(cohort: Draw) -> np.ndarray:
    truth = true_course(cohort, 3.0)
    utility = 0.7 * truth.survival + 0.3 * (1 - truth.local_failure)
    return utility[:, 1] - utility[:, 0]


def test_the_null_world_has_no_effect() -> None:
    np.testing.assert_array_equal(utility_difference(draw("null", 500, seed=3)), 0.0)


def test_the_homogeneous_world_favours_surgery_for_all() -> None:
    """For all who may live: of those all but certain to die, a death more under SBRT comes before a local failure."""
    cohort = draw("homogeneous", 2_000, seed=3)
    difference, alive = utility_difference(cohort), true_course(cohort, 3.0).survival.min(1) > 0.01
    assert (difference[alive] > 0).all() and alive.mean() > 0.99
    assert difference.min() > -0.001


@pytest.mark.parametrize("world", ["null", "homogeneous", "crossing"])
@pytest.mark.parametrize("years", [1.0, 5.0])
def test_courses_of_other_worlds_follow_their_integrals(world: str, years: float) -> None:
    cohort = draw(world, 4_000, seed=4)
    truth = true_course(cohort, years)
    for arm, times in enumerate(cohort.times):
        assert (times.death > years).mean() == pytest.approx(truth.survival[:, arm].mean(), abs=0.02)
        failed = (times.local_failure < times.death) & (times.local_failure <= years)
        assert failed.mean() == pytest.approx(truth.local_failure[:, arm].mean(), abs=0.012)


def test_crossing_hazards_cross() -> None:
    """Standardised difference of survival: surgery loses early and wins late."""
    cohort = draw("crossing", 6_000, seed=7)
    for years, said in ((1.0, -0.022), (2.0, 0.003), (5.0, 0.030)):
        survival = true_course(cohort, years).survival.mean(0)
        assert survival[1] - survival[0] == pytest.approx(said, abs=0.012)


def test_weak_overlap() -> None:
    shares = []
    for world in ("heterogeneous", "weak-overlap"):
        e = draw(world, 6_000, seed=7).propensity
        shares.append(((e > 0.1) & (e < 0.9)).mean())
    assert shares == pytest.approx([0.69, 0.32], abs=0.03)


def test_informative_missingness() -> None:
    cohort = draw("informative-missing", 6_000, seed=7)
    shares = [cohort.measured.sequenced[cohort.arm == arm].mean() for arm in (0, 1)]
    assert shares == pytest.approx([0.34, 0.48], abs=0.035)


def test_censoring_that_depends_on_covariates() -> None:
    for world, said in (("heterogeneous", 0.24), ("covariate-censoring", 0.31)):
        seen = draw(world, 6_000, seed=7).observed
        assert ((seen.os_event == 0) & (seen.os_years < 3)).mean() == pytest.approx(said, abs=0.03)


def test_a_hidden_confounder_is_frailty_itself() -> None:
    """Given what is measured, frailty still tells the arm; in the base world it does not."""
    from mmcare.synthetic.draw import sbrt_score
    from mmcare.synthetic.worlds import WORLDS

    base, hidden = draw("heterogeneous", 500, seed=7), draw("hidden-confounder", 500, seed=7)
    logit = np.log(hidden.propensity / (1 - hidden.propensity))
    measured = sbrt_score(WORLDS["heterogeneous"], base.latents, base.sites, base.clinical, base.ct)
    rest = logit - measured - WORLDS["hidden-confounder"].alpha
    np.testing.assert_allclose(rest, 1.3 * base.latents.frailty, atol=1e-9)


def test_an_unknown_world() -> None:
    with pytest.raises(MMCareError) as caught:
        draw("flat", 3, seed=0)
    assert str(caught.value) == (
        "there is no world `flat`; there are heterogeneous, null, homogeneous, crossing, weak-overlap, "
        "hidden-confounder, informative-missing, covariate-censoring."
    )


@pytest.mark.slow
def test_the_share_of_sbrt_is_a_third_and_a_bit_where_the_intercept_was_set() -> None:
    """The intercepts are those of 200,000 patients of seed 0."""
    for world in ("heterogeneous", "weak-overlap", "hidden-confounder"):
        assert draw(world, 200_000, seed=0).propensity.mean() == pytest.approx(0.35, abs=1e-4)


@pytest.mark.slow
def test_how_many_patients_differ_between_the_arms(many: Draw) -> None:
    """Given all latents, so a little more than an oracle sees: .39 (.28 for surgery, .11 for SBRT)."""
    difference = utility_difference(many)
    assert (abs(difference) > 0.03).mean() == pytest.approx(0.39, abs=0.04)
    survival = true_course(many, 3.0).survival.mean(0)
    assert survival[1] - survival[0] == pytest.approx(-0.001, abs=0.003)

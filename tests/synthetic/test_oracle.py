"""The oracle: an exact posterior of what is unseen, and averages that no latent, arm or neighbour can touch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from mmcare.synthetic import Draw, draw
from mmcare.synthetic.completion import complete
from mmcare.synthetic.curves import latent_curves
from mmcare.synthetic.items import MODALITY_SETS, Items, Modalities, items_of, taken, with_complete_genome
from mmcare.synthetic.oracle import DRAWS, ENOUGH, Oracle, _numbers, oracle

N, SEED = 240, 13
LATENTS = ("age", "smoking", "frailty", "aggressiveness", "radioresistance", "shared")


@pytest.fixture(scope="module")
def cohort() -> Draw:
    return draw("heterogeneous", N, SEED)


@pytest.fixture(scope="module")
def oracles(cohort: Draw) -> dict[str, Oracle]:
    return oracle(cohort.world, items_of(cohort), SEED, range(N))


@pytest.mark.parametrize("name", MODALITY_SETS)
@pytest.mark.parametrize("world", ["heterogeneous", "informative-missing"])
def test_the_true_latent_is_a_draw_like_any_other(name: str, world: str) -> None:
    """The weighted share of draws below the truth is uniform over patients, for what is latent and what is unseen.

    That holds only where Gaussian posterior, cut-off values, and likelihoods of genes, comorbidity and missingness are
    all those of the model.
    """
    cohort = draw(world, 400, seed=17)
    whole = complete(cohort.world, items_of(cohort), MODALITY_SETS[name], _numbers(17, np.arange(400), 400))
    weight = np.exp(whole.log_weight - whole.log_weight.max(1, keepdims=True))
    weight /= weight.sum(1, keepdims=True)
    values = [(getattr(whole.latents, latent), getattr(cohort.latents, latent)) for latent in LATENTS]
    values += [(whole.clinical.fev1, cohort.clinical.fev1), (whole.genome.pdl1_score, cohort.genome.pdl1_score)]
    values += [
        (getattr(whole.ct, item), getattr(cohort.ct, item)) for item in ("log_size", "spiculation", "heterogeneity")
    ]
    tested = 0
    for drawn, true in values:
        below = (weight * (drawn.reshape(400, 400) < true[:, None])).sum(1)
        same = np.ptp(drawn.reshape(400, 400), axis=1) < 1e-9
        np.testing.assert_allclose(
            drawn.reshape(400, 400)[same, 0], true[same], atol=1e-9, err_msg="what is seen is kept"
        )
        if (~same).sum() > 100:
            tested += 1
            assert kstest(below[~same], "uniform").pvalue > 1e-4
    assert tested >= 5


def test_genes_that_no_panel_covered_are_drawn_as_often_as_they_are_hit() -> None:
    cohort = draw("heterogeneous", 600, seed=17)
    items = items_of(cohort)
    whole = complete(cohort.world, items, Modalities.GENOMIC, _numbers(17, np.arange(600), 100))
    weight = np.exp(whole.log_weight - whole.log_weight.max(1, keepdims=True))
    weight /= weight.sum(1, keepdims=True)
    for gene, name in ((0, "EGFR"), (1, "KRAS"), (2, "TP53"), (3, "STK11"), (4, "KEAP1")):
        open_ = ~items.covered[:, gene]
        expected = (weight * whole.genome.mutated[:, gene].reshape(600, 100)).sum(1)
        assert open_.sum() > 200
        spread = 3.5 * (0.25 / open_.sum()) ** 0.5
        assert expected[open_].mean() == pytest.approx(cohort.genome.has(name)[open_].mean(), abs=spread)
        np.testing.assert_allclose(expected[~open_], cohort.genome.has(name)[~open_], atol=1e-12)


def test_over_patients_every_oracle_agrees_with_the_truth(cohort: Draw, oracles: dict[str, Oracle]) -> None:
    """The mean of conditional expectations is the mean."""
    truth = latent_curves(cohort.world, cohort.hazards, cohort.latents.shared)
    for name, found in oracles.items():
        difference = truth.survival - found.curves.survival
        spread = 4 * difference.std(0) / N**0.5 + 0.002
        assert (np.abs(difference.mean(0)) <= spread).all(), name


def test_the_more_is_seen_the_nearer_the_oracle_comes_to_the_truth(cohort: Draw, oracles: dict[str, Oracle]) -> None:
    truth = latent_curves(cohort.world, cohort.hazards, cohort.latents.shared).at(3)[0]

    def error(name: str) -> float:
        return float(np.square(truth - oracles[name].curves.at(3)[0]).mean())

    assert error("clinical+ct+genomic") < error("clinical") < error("ct") < error("genomic")
    assert error("clinical+ct+genomic") <= error("clinical+ct") * 1.02
    assert error("clinical+ct") < error("ct")


def test_every_oracle_rests_on_enough_draws(oracles: dict[str, Oracle]) -> None:
    """Where the first 400 were worth fewer than 50, more were drawn."""
    more = 0
    for found in oracles.values():
        assert found.effective_draws.min() >= ENOUGH
        assert (found.effective_draws <= found.draws).all()
        assert set(np.unique(found.draws)) <= {DRAWS, 1600, 6400, 25_600}
        more += int((found.draws > DRAWS).sum())
    assert more > 0


def test_an_oracle_converges_to_one_value(cohort: Draw) -> None:
    """Draws of their own seeds, many each: their difference is that of their Monte-Carlo errors."""
    items = items_of(cohort).take(np.arange(15))
    sets = {name: MODALITY_SETS[name] for name in ("ct", "clinical+ct+genomic")}
    one, two = (oracle(cohort.world, items, seed, range(15), sets, draws=6400) for seed in (1, 2))
    for name in sets:
        apart = one[name].curves.survival - two[name].curves.survival
        assert np.abs(apart).max() < 0.05 and apart.std() < 0.006, name


def test_no_oracle_knows_latents_arm_or_outcome(cohort: Draw, oracles: dict[str, Oracle]) -> None:
    """All that it may not see is replaced by other values; nothing changes."""
    shuffled = np.random.default_rng(0).permutation(N)
    other = replace(
        cohort,
        arm=1 - cohort.arm,
        latents=taken(cohort.latents, shuffled),
        times=(taken(cohort.times[1], shuffled), taken(cohort.times[0], shuffled)),
        hazards=(taken(cohort.hazards[1], shuffled), taken(cohort.hazards[0], shuffled)),
        observed=taken(cohort.observed, shuffled),
        propensity=cohort.propensity[shuffled],
    )
    again = oracle(other.world, items_of(other).take(np.arange(20)), SEED, range(20))
    for name, found in oracles.items():
        np.testing.assert_array_equal(again[name].curves.survival, found.curves.survival[:20])


@pytest.mark.parametrize(
    ("name", "group"),
    [("clinical", "ct"), ("clinical", "genome"), ("ct", "clinical"), ("ct", "genome"), ("genomic", "ct")],
)
def test_a_modality_that_is_not_in_the_set_is_not_looked_at(cohort: Draw, name: str, group: str) -> None:
    """Another patient's in its place; size in mm stays, for the table has it too."""
    items = items_of(cohort).take(np.arange(40))
    other = items_of(cohort).take(np.arange(40, 80))
    changed = swapped(items, other, group)
    if group == "ct":
        changed = replace(changed, log_mm=items.log_mm, size_cut=items.size_cut)
    known = {name: MODALITY_SETS[name]}
    before, after = (oracle(cohort.world, i, SEED, range(40), known)[name] for i in (items, changed))
    np.testing.assert_array_equal(before.curves.survival, after.curves.survival)


def swapped(items: Items, other: Items, group: str) -> Items:
    if group == "ct":
        return replace(items, ct=other.ct, core=other.core, spicules=other.spicules, texture=other.texture)
    if group == "clinical":
        return replace(items, clinical=other.clinical, z=other.z, age_cut=other.age_cut)
    return replace(items, genome=other.genome, covered=other.covered)


def test_a_patients_oracle_does_not_depend_on_the_others(cohort: Draw, oracles: dict[str, Oracle]) -> None:
    rows = np.array([3, 77, 200])
    few = oracle(cohort.world, items_of(cohort).take(rows), SEED, rows.tolist())
    for name, found in few.items():
        np.testing.assert_array_equal(found.curves.survival, oracles[name].curves.survival[rows])
        np.testing.assert_array_equal(found.curves.local_failure, oracles[name].curves.local_failure[rows])
        np.testing.assert_array_equal(found.effective_draws, oracles[name].effective_draws[rows])


def test_the_null_world_has_a_difference_of_exactly_nothing() -> None:
    cohort = draw("null", 40, seed=3)
    for found in oracle(cohort.world, items_of(cohort), 3, range(40)).values():
        np.testing.assert_array_equal(found.curves.delta, 0.0)


def test_the_homogeneous_world_has_one_sign() -> None:
    cohort = draw("homogeneous", 60, seed=3)
    for found in oracle(cohort.world, items_of(cohort), 3, range(60)).values():
        assert (found.curves.delta > 0).all()


def test_a_pattern_that_informs_is_used_where_it_does(cohort: Draw) -> None:
    """With the same items, a world in which frailty decides who has tissue tells another risk; without it, none."""
    informative = draw("informative-missing", N, SEED)
    items = items_of(informative).take(np.arange(40))
    known = {"clinical": MODALITY_SETS["clinical"], "ct": MODALITY_SETS["ct"]}
    with_it = oracle(informative.world, items, SEED, range(40), known)
    without = oracle(cohort.world, items, SEED, range(40), known)
    assert np.abs(with_it["clinical"].curves.survival - without["clinical"].curves.survival).max() > 0.003
    np.testing.assert_array_equal(with_it["ct"].curves.survival, without["ct"].curves.survival)


def test_cut_values_are_taken_as_cut(cohort: Draw) -> None:
    """Age 90 means 90 or more, 50 mm means 50 or more: draws lie beyond, and vary."""
    old = cohort.clinical.age_years.copy()
    old[:2] = 90.0, 45.0
    size = cohort.ct.diameter_mm.copy()
    size[:2] = 50.0, 8.0
    changed = replace(cohort, clinical=replace(cohort.clinical, age_years=old), ct=replace(cohort.ct, diameter_mm=size))
    items = items_of(changed).take(np.arange(3))
    whole = complete(cohort.world, items, Modalities.CLINICAL, _numbers(1, np.arange(3), 200))
    z, log_size = whole.latents.age.reshape(3, 200), whole.ct.log_size.reshape(3, 200) * 0.376
    assert (z[0] >= 20 / 8.5 - 1e-9).all() and (z[1] <= -25 / 8.5 + 1e-9).all()
    assert (log_size[0] >= np.log(2.5) - 1e-9).all() and (log_size[1] <= np.log(0.4) + 1e-9).all()
    assert min(z[0].std(), z[1].std(), log_size[0].std(), log_size[1].std()) > 0.01
    assert np.ptp(z[2]) == 0 and np.ptp(log_size[2]) == 0


def test_a_complete_genome_tells_more(cohort: Draw) -> None:
    complete_ = items_of(replace(cohort, measured=with_complete_genome(cohort.measured)))
    assert complete_.covered.all() and not items_of(cohort).covered.all()
    known = {"genomic": Modalities.GENOMIC}
    rows = np.arange(120)
    some = oracle(cohort.world, items_of(cohort).take(rows), SEED, rows.tolist(), known)["genomic"]
    all_ = oracle(cohort.world, complete_.take(rows), SEED, rows.tolist(), known)["genomic"]
    assert all_.curves.at(3)[0].std() > 1.2 * some.curves.at(3)[0].std()

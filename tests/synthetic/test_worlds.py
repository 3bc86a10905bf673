"""The table of worlds: how many patients differ between the arms, and what a naive reader would see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mmcare.survival import kaplan_meier
from mmcare.synthetic import WORLDS, Draw, draw
from mmcare.synthetic.curves import structural_curves
from mmcare.synthetic.draw import sbrt_score
from mmcare.synthetic.items import MODALITY_SETS, items_of
from mmcare.synthetic.oracle import oracle
from mmcare.synthetic.worlds import SUMMARIES

ALL = {"clinical+ct+genomic": MODALITY_SETS["clinical+ct+genomic"]}
DIFFER = {
    "heterogeneous": (0.39, 0.28, 0.11),
    "null": (0.0, 0.0, 0.0),
    "homogeneous": (0.88, 0.88, 0.0),
    "crossing": (0.54, 0.41, 0.13),
    "weak-overlap": (0.39, None, None),
    "hidden-confounder": (0.39, None, None),
    "informative-missing": (0.39, None, None),
    "covariate-censoring": (0.40, None, None),
}


@dataclass(frozen=True)
class Effect:
    """Survival at 3 years, surgery minus SBRT."""

    true: float
    crude: float
    adjusted: float
    true_there: float


def effect(cohort: Draw) -> Effect:
    """Crude by the arm received; adjusted over 100 strata of x with a share of SBRT of .1 to .9; true of the same."""
    true = np.diff(structural_curves(cohort.world, cohort.hazards).at(3)[0], axis=1)[:, 0]
    x = sbrt_score(WORLDS["heterogeneous"], cohort.latents, cohort.sites, cohort.clinical, cohort.ct)
    differences, truths, sizes = [], [], []
    for stratum in np.array_split(np.argsort(x), 100):
        share = (cohort.arm[stratum] == 0).mean()
        if 0.1 <= share <= 0.9:
            differences.append(alive(cohort, stratum, 1) - alive(cohort, stratum, 0))
            truths.append(true[stratum].mean())
            sizes.append(len(stratum))
    everyone = np.arange(len(cohort))
    return Effect(
        float(true.mean()),
        alive(cohort, everyone, 1) - alive(cohort, everyone, 0),
        float(np.average(differences, weights=sizes)),
        float(np.average(truths, weights=sizes)),
    )


def alive(cohort: Draw, rows: np.ndarray, arm: int) -> float:
    """Kaplan-Meier at 3 years of those who got the arm."""
    of = rows[cohort.arm[rows] == arm]
    return float(kaplan_meier(cohort.observed.os_years[of], cohort.observed.os_event[of]).curve.at(3.0))


@pytest.fixture(scope="module")
def effects() -> Mapping[str, Effect]:
    return {name: effect(draw(name, 100_000, seed=0)) for name in ("heterogeneous", "null", "hidden-confounder")}


def test_each_world_is_said_in_a_line() -> None:
    assert list(SUMMARIES) == list(WORLDS)
    assert len(WORLDS) == 8


def test_the_page_says_the_same_of_each_world() -> None:
    page = (Path(__file__).parents[2] / "docs" / "synthetic-cohort.md").read_text(encoding="utf-8")
    for world, summary in SUMMARIES.items():
        share = f"{DIFFER[world][0]:.2f}" if DIFFER[world][0] else "0"
        assert f"| `{world}` | {summary.removesuffix('.')} | {share} " in page


@pytest.mark.parametrize("world", WORLDS)
def test_how_many_of_a_few_patients_differ(world: str) -> None:
    """By an oracle that sees all modalities; of 250 patients, within what 250 vary."""
    cohort = draw(world, 250, seed=5)
    found = oracle(cohort.world, items_of(cohort), 5, range(250), ALL, 100)["clinical+ct+genomic"].curves.delta
    assert (np.abs(found) > 0.03).mean() == pytest.approx(DIFFER[world][0], abs=0.11)
    if world == "null":
        np.testing.assert_array_equal(found, 0.0)
    if world == "homogeneous":
        assert (found > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_how_many_patients_differ(world: str) -> None:
    """4,000 oracles: a standard error of .008, and as much again of the table's own."""
    n = 4_000
    cohort = draw(world, n, seed=0)
    delta = oracle(cohort.world, items_of(cohort), 0, range(n), ALL, 200)["clinical+ct+genomic"].curves.delta
    surgery, sbrt = (delta > 0.03).mean(), (delta < -0.03).mean()
    said = DIFFER[world]
    assert surgery + sbrt == pytest.approx(said[0], abs=0.03)
    if said[1] is not None:
        assert surgery == pytest.approx(said[1], abs=0.03)
        assert sbrt == pytest.approx(said[2], abs=0.03)


@pytest.mark.slow
def test_what_is_seen_of_an_effect_that_is_not_there(effects: Mapping[str, Effect]) -> None:
    base = effects["heterogeneous"]
    assert base.true == pytest.approx(-0.001, abs=0.002)
    assert base.crude == pytest.approx(0.178, abs=0.01)
    assert base.adjusted == pytest.approx(-0.002, abs=0.01)
    assert base.true_there == pytest.approx(-0.004, abs=0.003)
    null = effects["null"]
    assert null.true == 0.0 and null.true_there == 0.0
    assert null.crude == pytest.approx(0.182, abs=0.01)


@pytest.mark.slow
def test_a_hidden_confounder_is_not_adjusted_away(effects: Mapping[str, Effect]) -> None:
    assert effects["hidden-confounder"].adjusted == pytest.approx(0.045, abs=0.01)
    assert effects["hidden-confounder"].true_there == pytest.approx(-0.003, abs=0.003)


@pytest.mark.slow
def test_crossing_hazards_cross_where_the_table_says() -> None:
    cohort = draw("crossing", 100_000, seed=0)
    curves = structural_curves(cohort.world, cohort.hazards)
    for years, said in ((0.25, -0.050), (1, -0.022), (2, 0.003), (5, 0.030)):
        survival = curves.at(years)[0].mean(0)
        assert survival[1] - survival[0] == pytest.approx(said, abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize(("world", "said"), [("heterogeneous", 0.69), ("weak-overlap", 0.32)])
def test_overlap(world: str, said: float) -> None:
    e = draw(world, 100_000, seed=0).propensity
    assert ((e > 0.1) & (e < 0.9)).mean() == pytest.approx(said, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("world", "sbrt", "surgery"), [("heterogeneous", 0.40, 0.48), ("informative-missing", 0.34, 0.48)]
)
def test_who_has_a_genome(world: str, sbrt: float, surgery: float) -> None:
    cohort = draw(world, 100_000, seed=0)
    shares = [cohort.measured.sequenced[cohort.arm == arm].mean() for arm in (0, 1)]
    assert shares == pytest.approx([sbrt, surgery], abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("world", "said"), [("heterogeneous", 0.24), ("covariate-censoring", 0.31)])
def test_who_is_censored_early(world: str, said: float) -> None:
    """Over 30 cohorts: eight sites, drawn once a cohort, move a single one by .015."""
    shares = []
    for seed in range(30):
        seen = draw(world, 4_000, seed).observed
        shares.append(((seen.os_event == 0) & (seen.os_years < 3)).mean())
    assert np.mean(shares) == pytest.approx(said, abs=0.01)

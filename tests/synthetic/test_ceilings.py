"""What an oracle reaches: the ceiling of every model, on patients without censoring, as settled before any model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from mmcare.survival import uno_concordance
from mmcare.synthetic import Draw, draw
from mmcare.synthetic.curves import Curves, latent_curves, structural_curves
from mmcare.synthetic.items import MODALITY_SETS, items_of, with_complete_genome
from mmcare.synthetic.oracle import oracle

REACHED = {
    "clinical": (0.682, 0.617),
    "ct": (0.632, 0.681),
    "genomic": (0.535, 0.552),
    "genomic complete": (0.576, 0.581),
    "clinical+ct": (0.697, 0.681),
    "clinical+ct+genomic": (0.700, 0.689),
    "clinical+ct+genomic complete": (0.704, 0.698),
    "latents": (0.715, 0.714),
    "latents and Z": (0.728, 0.760),
}
SETS = {name: MODALITY_SETS[name] for name in ("clinical", "ct", "genomic", "clinical+ct", "clinical+ct+genomic")}


@dataclass(frozen=True)
class Ceilings:
    drawn: Draw
    curves: Mapping[str, Curves]

    def concordance(self, name: str) -> tuple[float, float]:
        """C of survival and of local failure at 3 years, within the arm received, nobody censored."""
        arm, n = self.drawn.arm, len(self.drawn)
        death = np.where(arm == 0, self.drawn.times[0].death, self.drawn.times[1].death)
        failure = np.where(arm == 0, self.drawn.times[0].local_failure, self.drawn.times[1].local_failure)
        survival, incidence = (of[np.arange(n), arm] for of in self.curves[name].at(3))
        os = uno_concordance(1 - survival, death, np.ones(n), 3.0, arm)
        first, code = np.minimum(failure, death), np.where(failure < death, 1, 2)
        lc = uno_concordance(incidence, first, code, 3.0, arm, competing=True)
        return os.index, lc.index


def ceilings(n: int, draws: int) -> Ceilings:
    drawn = draw("heterogeneous", n, seed=0)
    curves = {
        name: found.curves for name, found in oracle(drawn.world, items_of(drawn), 0, range(n), SETS, draws).items()
    }
    whole = replace(drawn, measured=with_complete_genome(drawn.measured))
    sets = {name: SETS[name] for name in ("genomic", "clinical+ct+genomic")}
    for name, found in oracle(drawn.world, items_of(whole), 0, range(n), sets, draws).items():
        curves[f"{name} complete"] = found.curves
    curves["latents"] = latent_curves(drawn.world, drawn.hazards, drawn.latents.shared)
    curves["latents and Z"] = structural_curves(drawn.world, drawn.hazards)
    return Ceilings(drawn, curves)


@pytest.fixture(scope="module")
def few() -> Ceilings:
    return ceilings(1_000, 100)


@pytest.fixture(scope="module")
def many_oracles() -> Ceilings:
    """10,000 patients, 200 draws: a standard error of .006 for survival and .012 for local failure."""
    return ceilings(10_000, 200)


def test_ceilings_of_a_few_patients(few: Ceilings) -> None:
    """Standard errors are three times those of 10,000 patients."""
    for name, (os, lc) in REACHED.items():
        found = few.concordance(name)
        assert found[0] == pytest.approx(os, abs=0.05), name
        assert found[1] == pytest.approx(lc, abs=0.10), name


def test_a_modality_more_is_no_loss(few: Ceilings) -> None:
    os = {name: few.concordance(name)[0] for name in few.curves}
    assert os["genomic"] < os["genomic complete"] < os["ct"] < os["clinical+ct"]
    assert os["clinical"] < os["clinical+ct"] < os["latents"] + 0.01 and os["latents"] < os["latents and Z"]


@pytest.mark.slow
@pytest.mark.parametrize("name", REACHED)
def test_ceilings(many_oracles: Ceilings, name: str) -> None:
    """Three standard errors of the difference of two such samples."""
    os, lc = many_oracles.concordance(name)
    assert os == pytest.approx(REACHED[name][0], abs=3 * 0.006)
    assert lc == pytest.approx(REACHED[name][1], abs=3 * 0.012)


@pytest.mark.slow
@pytest.mark.parametrize("name", REACHED)
def test_oracles_are_calibrated_in_fifths(many_oracles: Ceilings, name: str) -> None:
    """Of all patients under either arm: whom the arm was given to would confound what a set leaves out."""
    drawn, curves = many_oracles.drawn, many_oracles.curves[name]
    survival, failure = curves.at(3)
    for arm, times in enumerate(drawn.times):
        failed = (times.local_failure < times.death) & (times.local_failure <= 3)
        for said, happened in ((1 - survival[:, arm], times.death <= 3), (failure[:, arm], failed)):
            for fifth in np.array_split(np.argsort(said), 5):
                spread = 3.5 * (said[fifth].mean() * (1 - said[fifth].mean()) / len(fifth)) ** 0.5
                assert abs(happened[fifth].mean() - said[fifth].mean()) < max(0.015, spread)


@pytest.mark.slow
def test_a_genome_adds_little_to_a_perfect_reader_of_ct(many_oracles: Ceilings) -> None:
    """.003 of survival's C (.007 where complete), .008 of local failure's (.017)."""
    without = many_oracles.concordance("clinical+ct")
    available = many_oracles.concordance("clinical+ct+genomic")
    complete = many_oracles.concordance("clinical+ct+genomic complete")
    assert available[0] - without[0] == pytest.approx(0.003, abs=0.006)
    assert complete[0] - without[0] == pytest.approx(0.007, abs=0.006)
    assert available[1] - without[1] == pytest.approx(0.008, abs=0.015)
    assert complete[1] - without[1] == pytest.approx(0.017, abs=0.015)

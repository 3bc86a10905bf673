"""The causal story of a cohort, in order: persons, CT, genome, measurements, treatment, both courses, follow-up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from mmcare.synthetic.genome import PANELS, Genome, draw_genome
from mmcare.synthetic.hazards import ArmHazards, Times, arm_hazards, draw_times
from mmcare.synthetic.persons import (
    Bools,
    Clinical,
    CTParameters,
    Latents,
    SiteEffects,
    draw_clinical,
    draw_ct,
    draw_latents,
    draw_sites,
)
from mmcare.synthetic.random import Floats, stage_uniforms
from mmcare.synthetic.worlds import World, world_of

__all__ = ["Draw", "Measured", "Observed", "draw", "informative", "sbrt_score", "tissue_logit"]

MISSING, TREATMENT, FOLLOW_UP = 6, 7, 10


@dataclass(frozen=True, slots=True)
class Measured:
    """What is there to see of a patient; (n,) each.

    Attributes:
        tissue: Whether there was a biopsy.
        panel: Name of the panel; empty where the tumour was not sequenced.
        fev1: Whether FEV1 is known. dlco: Whether DLCO is.
    """

    tissue: Bools
    panel: np.ndarray  # type: ignore[type-arg]
    fev1: Bools
    dlco: Bools

    @property
    def sequenced(self) -> Bools:
        """(n,) whether there is a genome."""
        return np.asarray(self.panel != "")


@dataclass(frozen=True, slots=True)
class Observed:
    """What follow-up saw; (n,) each. Times in years; codes 0 censored, 1 event, 2 death before local failure."""

    os_years: Floats
    os_event: np.ndarray  # type: ignore[type-arg]
    lc_years: Floats
    lc_event: np.ndarray  # type: ignore[type-arg]
    censoring: Floats


@dataclass(frozen=True, slots=True)
class Draw:
    """A whole synthetic cohort, truth and all.

    Attributes:
        world: Its world.
        seed: Its seed.
        arm: (n,) treatment given: 0 SBRT, 1 surgery.
        propensity: (n,) probability of SBRT.
        hazards: Of SBRT and surgery.
        times: Under SBRT and under surgery.
    """

    world: World
    seed: int
    latents: Latents
    sites: SiteEffects
    clinical: Clinical
    ct: CTParameters
    genome: Genome
    measured: Measured
    arm: np.ndarray  # type: ignore[type-arg]
    propensity: Floats
    hazards: tuple[ArmHazards, ArmHazards]
    times: tuple[Times, Times]
    observed: Observed

    def __len__(self) -> int:
        return len(self.arm)


def draw(world: str | World, n: int, seed: int) -> Draw:
    """Draw n patients.

    Patient i is the same person whatever n and whatever the world: every stage has its own seeded numbers, a fixed
    count a patient.

    Args:
        world: Name of a world (`heterogeneous`, `null`, …).
        n: Number of patients.
        seed: Any non-negative number.

    Raises:
        MMCareError: There is no such world.
    """
    world = world_of(world) if isinstance(world, str) else world
    latents, sites = draw_latents(seed, n), draw_sites(seed)
    clinical, ct = draw_clinical(seed, latents), draw_ct(seed, latents)
    genome = draw_genome(seed, latents, clinical)
    measured = _measured(world, seed, latents, clinical, ct)
    propensity = expit(world.alpha + sbrt_score(world, latents, sites, clinical, ct))
    arm = (stage_uniforms(seed, TREATMENT, n, 1)[:, 0] >= propensity).astype(np.int64)
    hazards = arm_hazards(world, latents, clinical, ct, genome)
    times = (draw_times(world, seed, hazards, 0), draw_times(world, seed, hazards, 1))
    observed = _follow_up(world, seed, latents, sites, clinical, times, arm)
    return Draw(world, seed, latents, sites, clinical, ct, genome, measured, arm, propensity, hazards, times, observed)


def sbrt_score(world: World, latents: Latents, sites: SiteEffects, clinical: Clinical, ct: CTParameters) -> Floats:
    """Omega x + eta F: what leads to SBRT beside the intercept."""
    x = (
        1.05 * latents.age
        + 0.55 * (80 - clinical.fev1) / 10
        + 0.40 * (75 - clinical.dlco) / 10
        + 0.35 * (clinical.charlson - 1)
        + 0.75 * (clinical.ecog >= 2)
        + 0.25 * (clinical.ecog == 1)
        - 0.25 * ct.log_size
        + 0.35 * sites.leaning[latents.site - 1]
    )
    return np.asarray(world.overlap * x + world.hidden * latents.frailty)


def tissue_logit(clinical: Clinical, ct: CTParameters) -> Floats:
    """Logit of the probability of tissue: the fit and those with larger tumours have a biopsy more often."""
    return np.asarray(0.55 + 0.025 * (clinical.fev1 - 80) + 0.5 * ct.log_size - 0.25 * (clinical.ecog >= 2))


def informative(logit: Floats, frailty: Floats, aggressiveness: Floats) -> Floats:
    """That logit in a world where latents decide as well."""
    return logit - 0.8 * frailty + 0.7 * aggressiveness


def _measured(world: World, seed: int, latents: Latents, clinical: Clinical, ct: CTParameters) -> Measured:
    u = stage_uniforms(seed, MISSING, len(latents.age), 5)
    logit = tissue_logit(clinical, ct)
    if world.informative_missing:
        logit = informative(logit, latents.frailty, latents.aggressiveness)
    tissue = u[:, 0] < expit(logit)
    sequenced = tissue & (u[:, 1] < 0.72)
    names = np.array(list(PANELS))[np.searchsorted([0.55, 0.80], u[:, 2], side="right")]
    return Measured(tissue, np.where(sequenced, names, ""), u[:, 3] >= 0.02, u[:, 4] >= 0.03)


def _follow_up(
    world: World,
    seed: int,
    latents: Latents,
    sites: SiteEffects,
    clinical: Clinical,
    times: tuple[Times, Times],
    arm: np.ndarray,  # type: ignore[type-arg]
) -> Observed:
    u = stage_uniforms(seed, FOLLOW_UP, len(arm), 3)
    rate = np.full(len(arm), 0.04)
    if world.covariate_censoring:
        leaning = sites.leaning[latents.site - 1]
        rate = 0.07 * np.exp(0.9 * (0.6 * latents.age + 0.6 * (clinical.ecog - 0.8) + 0.3 * leaning))
    censoring = np.minimum(1.5 + 7.5 * u[:, 0], -np.log(u[:, 1]) / rate)
    local_end = np.minimum(censoring, -np.log(u[:, 2]) / 0.05)
    failure = np.where(arm == 0, times[0].local_failure, times[1].local_failure)
    death = np.where(arm == 0, times[0].death, times[1].death)
    failed = (failure < death) & (failure <= local_end)
    competing = ~failed & (death <= local_end) & (death <= failure)
    return Observed(
        os_years=np.minimum(death, censoring),
        os_event=(death <= censoring).astype(np.int64),
        lc_years=np.where(failed, failure, np.where(competing, death, local_end)),
        lc_event=np.where(failed, 1, np.where(competing, 2, 0)),
        censoring=censoring,
    )

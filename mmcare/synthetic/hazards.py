"""What happens under either treatment: cause-specific cumulative hazards, additive and not proportional."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr

from mmcare.synthetic.genome import Genome
from mmcare.synthetic.persons import Clinical, CTParameters, Latents
from mmcare.synthetic.random import Floats, stage_uniforms
from mmcare.synthetic.worlds import World

__all__ = ["AFTER_FAILURE", "ARMS", "ArmHazards", "Times", "arm_hazards", "draw_times"]

ARMS = ("sbrt", "surgery")
TIMES = 8
AGEING = 0.08
AFTER_FAILURE = 0.30
"""kappa: death hazard a year after local failure."""


@dataclass(frozen=True, slots=True)
class ArmHazards:
    """The cumulative hazards of one arm, given all that decides them; rates (n,).

    Attributes:
        other: r_O of death of other causes: r (e^{.08 t} - 1) / .08.
        treatment: r_P of death of treatment: r (1 - exp(-(t / scale)^shape)).
        treatment_scale: t_P in years. treatment_shape: k.
        cancer: Z r_C of cancer death without local failure: r w / (1 + w), w = (t / tau)^1.8.
        cancer_scale: tau (n,).
        local: Z r_L of local failure: r v / (1 + v), v = (t / t_L)^k.
        local_scale: t_L. local_shape: k.
        constant: Death hazard a year added.
    """

    other: Floats
    treatment: Floats
    treatment_scale: float
    treatment_shape: float
    cancer: Floats
    cancer_scale: Floats
    local: Floats
    local_scale: float
    local_shape: float
    constant: float = 0.0

    def death(self, t: Floats | float) -> Floats:
        """H_D(t), cumulative hazard of death without local failure; t broadcasts against (n,)."""
        other = self.other * np.expm1(AGEING * t) / AGEING
        treatment = -self.treatment * np.expm1(-((t / self.treatment_scale) ** self.treatment_shape))
        w = (t / self.cancer_scale) ** 1.8
        return other + treatment + self.cancer * w / (1 + w) + self.constant * t

    def failure(self, t: Floats | float) -> Floats:
        """H_L(t), cumulative hazard of local failure."""
        v = (t / self.local_scale) ** self.local_shape
        return self.local * v / (1 + v)

    def failure_rate(self, t: Floats | float) -> Floats:
        """h_L(t), its derivative."""
        v = (t / self.local_scale) ** self.local_shape
        return self.local * self.local_shape * v / (np.maximum(t, 1e-300) * (1 + v) ** 2)


@dataclass(frozen=True, slots=True)
class Times:
    """Times of one arm in years, infinite where the event never comes; (n,) each."""

    local_failure: Floats
    death: Floats
    cause: np.ndarray  # type: ignore[type-arg]


def arm_hazards(
    world: World, latents: Latents, clinical: Clinical, ct: CTParameters, genome: Genome
) -> tuple[ArmHazards, ArmHazards]:
    """The hazards under SBRT and under surgery, before a world makes the arms equal."""
    z, f, a = latents.age, latents.frailty, latents.aggressiveness
    poor_ecog, low_fev1 = clinical.ecog >= 2, expit((58 - clinical.fev1) / 7)
    dlco = (75 - clinical.dlco) / 10
    r_other = np.exp(
        -3.62
        + 0.50 * f
        + 0.30 * z
        + 0.16 * (clinical.charlson - 1)
        + 0.28 * clinical.ecog
        + 0.12 * (80 - clinical.fev1) / 10
        + 0.10 * dlco
        - 0.25 * clinical.female
    )
    p_operation = expit(-4.25 + 0.38 * f + 0.35 * z + 0.20 * dlco + 0.4 * poor_ecog)
    spicules, truncating = ct.spiculation - 0.5, genome.truncating("TP53")
    r_cancer = latents.shared * np.exp(
        -2.05
        + 0.45 * a
        + 0.30 * ct.log_size
        - 1.1 * (1 - ct.solid)
        + 0.60 * spicules
        + 0.60 * genome.oxidative
        + 0.45 * truncating
        + 0.55 * genome.has_change("KRAS", "p.G12V")
        + 0.20 * genome.has_change("KRAS", "p.G12C")
        - 0.35 * genome.has("EGFR")
        + 0.15 * genome.pdl1_high
    )
    occult = expit(-1.7 + 0.7 * a + 0.5 * ct.log_size + 2 * (ct.solid - 0.8) + 0.6 * spicules)
    local_sbrt = np.exp(
        -2.10
        + 0.55 * latents.radioresistance
        + 0.30 * ct.log_size
        + 1.1 * (ct.heterogeneity - 0.5)
        + 0.65 * genome.oxidative
        - 0.45 * genome.has("EGFR")
        - 0.9 * (1 - ct.solid)
    )
    local_surgery = np.exp(-2.80 + 0.40 * a + 0.30 * ct.log_size + 0.9 * spicules + 0.5 * low_fev1 + 0.25 * truncating)
    tau = 3.4 * np.exp(-0.25 * a)
    sbrt = ArmHazards(
        other=r_other,
        treatment=0.006 * np.exp(0.5 * ndtr(ct.emphysema_score) + 0.3 * f),
        treatment_scale=0.45,
        treatment_shape=1.5,
        cancer=r_cancer * (1 + world.occult * occult),
        cancer_scale=tau,
        local=latents.shared * local_sbrt,
        local_scale=1.9,
        local_shape=2.0,
    )
    surgery = ArmHazards(
        other=r_other * (1 + 0.4 * low_fev1 + 0.25 * poor_ecog),
        treatment=-np.log(1 - np.minimum(world.perioperative * p_operation, 0.6)),
        treatment_scale=0.075,
        treatment_shape=1.2,
        cancer=r_cancer,
        cancer_scale=tau,
        local=latents.shared * local_surgery,
        local_scale=2.1,
        local_shape=1.6,
    )
    return sbrt, surgery


def draw_times(world: World, seed: int, hazards: tuple[ArmHazards, ArmHazards], arm: int) -> Times:
    """Both events' times under one arm, whether it was given or not; the arms have separate draws.

    Where a world has no effect, each part is the earlier of two draws, one from each arm's hazard at half its rate: its
    cumulative hazard is the mean of the arms'.
    """
    own, other = hazards[arm], hazards[1 - arm]
    e = -np.log(stage_uniforms(seed, TIMES + arm, len(own.other), 10))
    parts = [_part(own, number, 2 * e[:, 2 * number] if world.no_effect else e[:, 2 * number]) for number in range(4)]
    if world.no_effect:
        parts = [np.minimum(t, _part(other, i, 2 * e[:, 2 * i + 1])) for i, t in enumerate(parts)]
    extra = e[:, 9] / world.sbrt_hazard if world.sbrt_hazard and arm == 0 else np.full(len(e), np.inf)
    failure = parts[3]
    after = failure + e[:, 8] / AFTER_FAILURE
    deaths = np.stack([parts[0], parts[1], parts[2], after, extra])
    return Times(failure, deaths.min(0), deaths.argmin(0))


def _part(hazards: ArmHazards, number: int, e: Floats) -> Floats:
    """The time at which a cumulative hazard reaches e: other death, death of treatment, cancer death, local failure."""
    if number == 0:
        return np.asarray(np.log1p(AGEING * e / hazards.other) / AGEING)
    if number == 1:
        share = np.minimum(e / hazards.treatment, 1.0)
        with np.errstate(divide="ignore"):
            return np.asarray(hazards.treatment_scale * (-np.log1p(-share)) ** (1 / hazards.treatment_shape))
    if number == 2:
        return _saturating(e / hazards.cancer, hazards.cancer_scale, 1.8)
    return _saturating(e / hazards.local, hazards.local_scale, hazards.local_shape)


def _saturating(share: Floats, scale: Floats | float, shape: float) -> Floats:
    """Inverse of w / (1 + w), w = (t / scale)^shape; infinite where the share reaches 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(share < 1, scale * (share / (1 - np.minimum(share, 1))) ** (1 / shape), np.inf)

"""Who the patients are: latents, the clinical table, and the parameters of their CT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv, ndtr

from mmcare.synthetic.random import COHORT_WIDE, Floats, normals, poisson_quantile, stage_uniforms

__all__ = [
    "Bools",
    "CTParameters",
    "Clinical",
    "Ints",
    "Latents",
    "SiteEffects",
    "draw_clinical",
    "draw_ct",
    "draw_latents",
    "draw_sites",
    "solid_share",
]

LATENTS, CLINICAL, CT = 0, 1, 4
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Latents:
    """What no cohort folder holds; (n,) each.

    Attributes:
        age: z. smoking: K. frailty: F. aggressiveness: A. radioresistance: R; standard normal.
        shared: Z, frailty shared by local failure and cancer death; Gamma of mean 1 and variance 0.4.
        site: 1 to 8.
    """

    age: Floats
    smoking: Floats
    frailty: Floats
    aggressiveness: Floats
    radioresistance: Floats
    shared: Floats
    site: Ints


@dataclass(frozen=True, slots=True)
class SiteEffects:
    """What the 8 sites do, once a cohort: leaning in treatment choice, offset of HU."""

    leaning: Floats
    offset_hu: Floats


@dataclass(frozen=True, slots=True)
class Clinical:
    """What is known at the decision, as it truly is; (n,) each."""

    age_years: Floats
    female: Bools
    fev1: Floats
    dlco: Floats
    charlson: Floats
    ecog: Floats
    never_smoked: Bools
    pack_years: Floats
    adenocarcinoma: Bools
    squamous: Bools


@dataclass(frozen=True, slots=True)
class CTParameters:
    """What the rendering shows; (n,) each.

    Attributes:
        log_size: ld' = log(d / 20 mm) / 0.376 before clipping.
        diameter_mm: d, 8 to 50.
        solid: CTR, consolidation to tumour ratio in [0, 1].
        spiculation: In (0, 1).
        heterogeneity: In (0, 1), the readable sign of radioresistance.
        emphysema_score: q_e.
        pleural_contact: Whether the nodule touches the pleura.
        central: Whether it lies at a central vessel; without effect.
    """

    log_size: Floats
    diameter_mm: Floats
    solid: Floats
    spiculation: Floats
    heterogeneity: Floats
    emphysema_score: Floats
    pleural_contact: Bools
    central: Bools

    @property
    def emphysema(self) -> Floats:
        """Share of the lung, up to 0.35."""
        return 0.35 * np.asarray(ndtr(self.emphysema_score - 0.5)) ** 2


def draw_latents(seed: int, n: int) -> Latents:
    """Z and K first; frailty from both, aggressiveness from smoking, radioresistance shares aggressiveness's noise."""
    u = stage_uniforms(seed, LATENTS, n, 7)
    z, k, e_f, e_a, e_r = normals(u[:, :5]).T
    return Latents(
        age=z,
        smoking=k,
        frailty=0.40 * z + 0.25 * k + 0.882 * e_f,
        aggressiveness=0.25 * k + 0.968 * e_a,
        radioresistance=0.075 * k + 0.29 * e_a + 0.954 * e_r,
        shared=gammaincinv(2.5, u[:, 5]) * 0.4,
        site=np.floor(8 * u[:, 6]).astype(np.int64) + 1,
    )


def draw_sites(seed: int) -> SiteEffects:
    """Leaning N(0, 1) and HU offset N(0, 4) of the 8 sites."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(COHORT_WIDE,))))
    e = normals(rng.random(16))
    return SiteEffects(e[:8], 4 * e[8:])


def draw_clinical(seed: int, latents: Latents) -> Clinical:
    """The table: lung function falls with frailty and smoking, comorbidity and ECOG rise with frailty."""
    f, k = latents.frailty, latents.smoking
    u = stage_uniforms(seed, CLINICAL, len(f), 8)
    e = normals(u)
    ecog = np.searchsorted([-0.25, 1.0, 1.9], 0.75 * f + 0.66 * e[:, 4]).astype(np.float64)
    never = k < -1.04
    adenocarcinoma = u[:, 6] < ndtr(0.55 - 0.3 * k)
    return Clinical(
        age_years=np.clip(70 + 8.5 * latents.age, 45, 90),
        female=u[:, 0] < ndtr(0.05 - 0.25 * k),
        fev1=82 - 9 * f - 7 * k + 14 * e[:, 1],
        dlco=75 - 9 * f - 8 * k + 13 * e[:, 2],
        charlson=np.minimum(poisson_quantile(u[:, 3], np.exp(0.05 + 0.40 * f)), 9),
        ecog=ecog,
        never_smoked=never,
        pack_years=np.where(never, 0.0, 33 * np.exp(0.45 * k + 0.5 * e[:, 5])),
        adenocarcinoma=adenocarcinoma,
        squamous=~adenocarcinoma & (u[:, 7] < 0.8),
    )


def draw_ct(seed: int, latents: Latents) -> CTParameters:
    """Size, solid share, spicules and texture from aggressiveness and radioresistance; emphysema from smoking."""
    k, a, r = latents.smoking, latents.aggressiveness, latents.radioresistance
    u = stage_uniforms(seed, CT, len(k), 7)
    e = normals(u)
    log_size = 0.17 * a + 0.335 * e[:, 0]
    q_c = 0.10 * k + 0.55 * a + 0.80 * e[:, 1]
    return CTParameters(
        log_size=log_size / 0.376,
        diameter_mm=np.clip(20 * np.exp(log_size), 8, 50),
        solid=solid_share(q_c),
        spiculation=np.asarray(ndtr(0.15 * k + 0.45 * a + 0.86 * e[:, 2])),
        heterogeneity=np.asarray(ndtr(0.20 * a + 0.60 * r + 0.75 * e[:, 3])),
        emphysema_score=0.60 * k + 0.35 * latents.frailty + 0.62 * e[:, 4],
        pleural_contact=u[:, 5] < ndtr(-0.2 + 0.3 * log_size / 0.376),
        central=u[:, 6] < 0.15,
    )


def solid_share(q_c: Floats) -> Floats:
    """CTR: pure ground glass below -1.645, wholly solid above -0.39, between from 0.05 to 0.95."""
    part_solid = 0.05 + 0.9 * (q_c + 1.645) / 1.255
    return np.where(q_c < -1.645, 0.0, np.where(q_c > -0.39, 1.0, part_solid))

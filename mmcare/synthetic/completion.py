"""Draws of what a patient's items leave open, and how well each draw agrees with the items that are not linear."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
from scipy.special import gammainc, gammaln, ndtr, ndtri

from mmcare.synthetic.draw import informative, tissue_logit
from mmcare.synthetic.genome import Genome
from mmcare.synthetic.genome_completion import complete_genome
from mmcare.synthetic.items import Items, Modalities
from mmcare.synthetic.persons import Bools, Clinical, CTParameters, Ints, Latents, solid_share
from mmcare.synthetic.posterior import DrawnLatents, draw_posterior
from mmcare.synthetic.random import Floats
from mmcare.synthetic.worlds import World

__all__ = ["UNIFORMS", "Completed", "Numbers", "complete"]

_ECOG_CUTS = np.array([-np.inf, -0.25, 1.0, 1.9, np.inf])
UNIFORMS = 21
_Parts = TypeVar("_Parts", Latents, Clinical, CTParameters)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Random numbers of n patients.

    Attributes:
        latents: (n, draws, 5) standard normal, antithetic.
        uniforms: (n, draws, `UNIFORMS`).
        shared: (n, draws) of Z.
    """

    latents: Floats
    uniforms: Floats
    shared: Floats


@dataclass(frozen=True, slots=True)
class Completed:
    """Whole patients that agree with the items; (n * draws,) each, and (n, draws) log weights."""

    latents: Latents
    clinical: Clinical
    ct: CTParameters
    genome: Genome
    log_weight: Floats


def complete(world: World, items: Items, known: Modalities, numbers: Numbers) -> Completed:
    """Draw latents from the Gaussian posterior, then all that is unseen; weigh by the likelihood of what is seen.

    The arm is never looked at.
    """
    drawn = draw_posterior(items, known, numbers.latents)
    u = iter(np.moveaxis(numbers.uniforms, -1, 0))
    ct, weight = _complete_ct(items, known, drawn, [next(u) for _ in range(5)])
    clinical, of_table = _complete_clinical(items, known, drawn, [next(u) for _ in range(6)])
    seen = items.covered if Modalities.GENOMIC in known else np.zeros_like(items.covered)
    genome, of_genome = complete_genome(items, seen, drawn, clinical.adenocarcinoma, [next(u) for _ in range(10)])
    weight = weight + of_table + of_genome
    if world.informative_missing and known & (Modalities.CLINICAL | Modalities.GENOMIC):
        weight = weight + _of_pattern(items, drawn, clinical, ct)
    latents = Latents(
        drawn.z,
        drawn.smoking,
        drawn.frailty,
        drawn.aggressiveness,
        drawn.radioresistance,
        numbers.shared,
        np.ones(numbers.shared.shape, dtype=np.int64),
    )
    return Completed(_flat(latents), _flat(clinical), _flat(ct), genome, weight)


def _complete_ct(items: Items, known: Modalities, drawn: DrawnLatents, u: list[Floats]) -> tuple[CTParameters, Floats]:
    k, a, r, f = drawn.smoking, drawn.aggressiveness, drawn.radioresistance, drawn.frailty
    log_mm, weight = _size(items, bool(known & (Modalities.CLINICAL | Modalities.CT)), 0.17 * a, u[0])
    core_mean = 0.10 * k + 0.55 * a
    if Modalities.CT in known:
        solid = _each(items.ct.solid, a)
        weight = weight + _of_core(items.ct.solid[:, None], core_mean)
        spicules, texture, emphysema = (_each(v, a) for v in (items.spicules, items.texture, items.ct.emphysema_score))
    else:
        solid = solid_share(core_mean + 0.80 * ndtri(u[1]))
        spicules = 0.15 * k + 0.45 * a + 0.86 * ndtri(u[2])
        texture = 0.20 * a + 0.60 * r + 0.75 * ndtri(u[3])
        emphysema = 0.60 * k + 0.35 * f + 0.62 * ndtri(u[4])
    without = np.zeros(a.shape, dtype=bool)
    diameter = np.zeros_like(a)
    return CTParameters(
        log_mm / 0.376, diameter, solid, ndtr(spicules), ndtr(texture), emphysema, without, without
    ), weight


def _size(items: Items, seen: bool, mean: Floats, u: Floats) -> tuple[Floats, Floats]:
    """ld, and the log likelihood of a size that is cut at 8 or 50 mm."""
    at = ndtr((items.log_mm[:, None] - mean) / 0.335)
    cut = _each(items.size_cut, mean) if seen else np.full(mean.shape, np.nan)
    lower, upper = np.where(cut > 0, at, 0.0), np.where(cut < 0, at, 1.0)
    open_ = mean + 0.335 * ndtri(np.clip(lower + u * (upper - lower), 1e-15, 1 - 1e-15))
    return np.where(cut == 0, items.log_mm[:, None], open_), np.log(np.maximum(upper - lower, 1e-300))


def _of_core(solid: Floats, mean: Floats) -> Floats:
    """Log likelihood of pure ground glass or a wholly solid nodule; a part-solid one is a linear item."""
    pure, whole = ndtr((-1.645 - mean) / 0.80), ndtr((0.39 + mean) / 0.80)
    return np.log(np.where(solid == 0, pure, np.where(solid == 1, whole, 1.0)))


def _complete_clinical(
    items: Items, known: Modalities, drawn: DrawnLatents, u: list[Floats]
) -> tuple[Clinical, Floats]:
    open_ = _drawn_table(drawn, u)
    if Modalities.CLINICAL not in known:
        return open_, np.zeros_like(drawn.frailty)
    c, m, like = items.clinical, items.measured, drawn.frailty
    whole = replace(
        open_,
        fev1=np.where(m.fev1[:, None], c.fev1[:, None], open_.fev1),
        dlco=np.where(m.dlco[:, None], c.dlco[:, None], open_.dlco),
        charlson=_each(c.charlson, like),
        ecog=_each(c.ecog, like),
        female=_each(c.female, like),
        adenocarcinoma=np.where(m.tissue[:, None], c.adenocarcinoma[:, None], open_.adenocarcinoma),
    )
    return whole, _of_table(items, drawn)


def _drawn_table(drawn: DrawnLatents, u: list[Floats]) -> Clinical:
    """What has an effect; age, smoking and the other histologies have none beside the latents."""
    f, k = drawn.frailty, drawn.smoking
    nothing, no = np.zeros_like(f), np.zeros(f.shape, dtype=bool)
    return Clinical(
        age_years=nothing,
        female=u[5] < _p_female(k),
        fev1=82 - 9 * f - 7 * k + 14 * ndtri(u[0]),
        dlco=75 - 9 * f - 8 * k + 13 * ndtri(u[1]),
        charlson=_poisson(np.exp(0.05 + 0.40 * f), u[4]),
        ecog=np.searchsorted(_ECOG_CUTS[1:-1], 0.75 * f + 0.66 * ndtri(u[3])).astype(np.float64),
        never_smoked=no,
        pack_years=nothing,
        adenocarcinoma=u[2] < _p_adenocarcinoma(k),
        squamous=no,
    )


def _of_table(items: Items, drawn: DrawnLatents) -> Floats:
    """Log likelihood of comorbidity, ECOG, sex, having ever smoked, and histology where there was tissue."""
    c, f, k = items.clinical, drawn.frailty, drawn.smoking
    weight = _of_charlson(c.charlson[:, None], np.exp(0.05 + 0.40 * f)) + _of_ecog(c.ecog.astype(np.int64), 0.75 * f)
    weight += _of_answer(c.female[:, None], _p_female(k))
    weight += np.where((k < -1.04) == c.never_smoked[:, None], 0.0, -np.inf)
    histology = _of_answer(c.adenocarcinoma[:, None], _p_adenocarcinoma(k))
    return weight + np.where(items.measured.tissue[:, None], histology, 0.0)


def _p_female(smoking: Floats) -> Floats:
    return np.asarray(ndtr(0.05 - 0.25 * smoking))


def _p_adenocarcinoma(smoking: Floats) -> Floats:
    return np.asarray(ndtr(0.55 - 0.3 * smoking))


def _of_answer(yes: Bools, probability: Floats) -> Floats:
    return np.asarray(np.log(np.where(yes, probability, 1 - probability)))


def _of_charlson(charlson: Floats, rate: Floats) -> Floats:
    """Log Poisson probability; 9 stands for 9 and more."""
    exact = charlson * np.log(rate) - rate - gammaln(charlson + 1)
    return np.where(charlson < 9, exact, np.log(np.maximum(gammainc(9, rate), 1e-300)))


def _of_ecog(ecog: Ints, fitness: Floats) -> Floats:
    lower, upper = _ECOG_CUTS[ecog][:, None], _ECOG_CUTS[ecog + 1][:, None]
    return np.log(np.maximum(ndtr((upper - fitness) / 0.66) - ndtr((lower - fitness) / 0.66), 1e-300))


def _poisson(rate: Floats, u: Floats) -> Floats:
    """Quantiles of a Poisson distribution, at most 9."""
    term = np.exp(-rate)
    below, count = term.copy(), np.zeros_like(rate)
    for k in range(1, 10):
        count += u > below
        term *= rate / k
        below += term
    return count


def _of_pattern(items: Items, drawn: DrawnLatents, clinical: Clinical, ct: CTParameters) -> Floats:
    """Log likelihood of having tissue or not, where frailty and aggressiveness decide it."""
    logit = informative(tissue_logit(clinical, ct), drawn.frailty, drawn.aggressiveness)
    return -np.logaddexp(0, np.where(items.measured.tissue[:, None], -logit, logit))


def _each(values: np.ndarray, like: Floats) -> np.ndarray:  # type: ignore[type-arg]
    """(n,) as (n, draws)."""
    return np.broadcast_to(values[:, None], like.shape)


def _flat(parts: _Parts) -> _Parts:
    """Arrays (n, draws) as (n * draws,)."""
    return type(parts)(**{field.name: getattr(parts, field.name).reshape(-1) for field in fields(parts)})

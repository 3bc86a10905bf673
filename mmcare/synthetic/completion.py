"""Draws of what a patient's items leave open, and how well each draw agrees with the items that are not linear."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from scipy.special import expit, gammainc, gammaln, ndtr, ndtri

from mmcare.synthetic.draw import informative, tissue_logit
from mmcare.synthetic.genome import GENES, Genome, variant_indices
from mmcare.synthetic.items import Items, Modalities
from mmcare.synthetic.persons import Bools, Clinical, CTParameters, Ints, Latents, solid_share
from mmcare.synthetic.posterior import DrawnLatents, draw_posterior
from mmcare.synthetic.random import Floats
from mmcare.synthetic.worlds import World

__all__ = ["UNIFORMS", "Completed", "Numbers", "complete"]

_ECOG_CUTS = np.array([-np.inf, -0.25, 1.0, 1.9, np.inf])
_EFFECTIVE = 7
"""The first genes have effects, or children that have; the next are signs of K and A; the last are signs of nothing."""
_INFORMATIVE = 15
_NAMES = tuple(gene.name for gene in GENES)
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
    genome, of_genome = _complete_genome(items, known, drawn, clinical.adenocarcinoma, [next(u) for _ in range(10)])
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
    c, m, f, k = items.clinical, items.measured, drawn.frailty, drawn.smoking
    table = Modalities.CLINICAL in known
    rate, fitness = np.exp(0.05 + 0.40 * f), 0.75 * f
    p_female, p_adenocarcinoma = ndtr(0.05 - 0.25 * k), ndtr(0.55 - 0.3 * k)
    fev1, dlco = 82 - 9 * f - 7 * k + 14 * ndtri(u[0]), 75 - 9 * f - 8 * k + 13 * ndtri(u[1])
    adenocarcinoma = u[2] < p_adenocarcinoma
    if not table:
        ecog = np.searchsorted(_ECOG_CUTS[1:-1], fitness + 0.66 * ndtri(u[3])).astype(np.float64)
        return _clinical(fev1, dlco, _poisson(rate, u[4]), ecog, u[5] < p_female, adenocarcinoma), np.zeros_like(f)
    weight = _of_charlson(c.charlson[:, None], rate) + _of_ecog(c.ecog.astype(np.int64), fitness)
    weight += np.log(np.where(c.female[:, None], p_female, 1 - p_female))
    weight += np.where((k < -1.04) == c.never_smoked[:, None], 0.0, -np.inf)
    told = np.log(np.where(c.adenocarcinoma[:, None], p_adenocarcinoma, 1 - p_adenocarcinoma))
    weight += np.where(m.tissue[:, None], told, 0.0)
    whole = _clinical(
        np.where(m.fev1[:, None], c.fev1[:, None], fev1),
        np.where(m.dlco[:, None], c.dlco[:, None], dlco),
        _each(c.charlson, f),
        _each(c.ecog, f),
        _each(c.female, f),
        np.where(m.tissue[:, None], c.adenocarcinoma[:, None], adenocarcinoma),
    )
    return whole, weight


def _clinical(
    fev1: Floats, dlco: Floats, charlson: Floats, ecog: Floats, female: Bools, adenocarcinoma: Bools
) -> Clinical:
    """What has an effect; age, smoking and the other histologies have none beside the latents."""
    nothing, no = np.zeros_like(fev1), np.zeros(fev1.shape, dtype=bool)
    return Clinical(nothing, female, fev1, dlco, charlson, ecog, no, nothing, adenocarcinoma, no)


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


def _complete_genome(
    items: Items, known: Modalities, drawn: DrawnLatents, adenocarcinoma: Bools, u: list[Floats]
) -> tuple[Genome, Floats]:
    covered = items.covered if Modalities.GENOMIC in known else np.zeros_like(items.covered)
    told = bool(covered.any())
    mutated = np.zeros((*adenocarcinoma.shape, len(GENES)), dtype=bool)
    weight = np.zeros(adenocarcinoma.shape)
    for number, gene in enumerate(GENES[: _INFORMATIVE if told else _EFFECTIVE]):
        logit = gene.b + gene.k * drawn.smoking + gene.h * drawn.aggressiveness + gene.n * ~adenocarcinoma
        for parent, effect in gene.parents.items():
            logit = logit + effect * mutated[..., _NAMES.index(parent)]
        seen, hit = covered[:, number, None], items.genome.mutated[:, number, None]
        if number < _EFFECTIVE:
            mutated[..., number] = np.where(seen, hit, u[number] < expit(logit))
        else:
            mutated[..., number] = seen & hit
        if told:
            weight -= np.where(seen, np.logaddexp(0, np.where(hit, -logit, logit)), 0.0)
    has = {name: mutated[..., _NAMES.index(name)] for name in ("KRAS", "EGFR", "STK11")}
    mean = 0.25 * drawn.aggressiveness + 0.35 * has["KRAS"] - 0.5 * has["EGFR"] - 0.4 * has["STK11"]
    score, of_score = _pdl1(items.genome.pdl1_tps, items.measured.sequenced & told, mean, u[-1])
    variant = np.full((mutated.size // len(GENES), len(GENES)), -1)
    for name, numbers in (("TP53", u[7]), ("KRAS", u[8])):
        column = _NAMES.index(name)
        at_hand = np.where(
            covered[:, column, None], items.genome.variant[:, column, None], variant_indices(name, numbers)
        )
        variant[:, column] = np.where(mutated[..., column], at_hand, -1).ravel()
    return Genome(mutated.reshape(variant.shape), variant, score.ravel()), weight + of_score


def _pdl1(tps: Floats, seen: Bools, mean: Floats, u: Floats) -> tuple[Floats, Floats]:
    """q, and the log likelihood of the interval that a rounded TPS leaves for it."""
    low = np.where(tps == 0, -np.inf, 0.45 + (np.maximum(tps, 1.5) - 1.5) / 54.5)
    high = np.where(tps == 0, 0.45, np.where(tps >= 100, np.inf, 0.45 + (tps - 0.5) / 54.5))
    lower = np.where(seen[:, None], ndtr((low[:, None] - mean) / 0.9), 0.0)
    upper = np.where(seen[:, None], ndtr((high[:, None] - mean) / 0.9), 1.0)
    score = mean + 0.9 * ndtri(np.clip(lower + u * (upper - lower), 1e-15, 1 - 1e-15))
    return score, np.log(np.maximum(upper - lower, 1e-300))


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

"""Draws of the genes that no panel covered, and how well each draw agrees with those that one did."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, ndtr, ndtri

from mmcare.synthetic.genome import GENES, Gene, Genome, variant_indices
from mmcare.synthetic.items import Items
from mmcare.synthetic.persons import Bools
from mmcare.synthetic.posterior import DrawnLatents
from mmcare.synthetic.random import Floats

__all__ = ["complete_genome"]

_EFFECTIVE, _INFORMATIVE = 7, 15
"""The first genes have effects, or children that have; the next are signs of K and A; the last are signs of nothing."""
_NAMES = tuple(gene.name for gene in GENES)


def complete_genome(
    items: Items, covered: Bools, drawn: DrawnLatents, adenocarcinoma: Bools, u: list[Floats]
) -> tuple[Genome, Floats]:
    """A whole genome for each draw, and the log likelihood (n, draws) of what is seen of it.

    Args:
        items: Of n patients.
        covered: (n, 24) genes that are seen.
        drawn: Latents.
        adenocarcinoma: (n, draws).
        u: 10 times (n, draws) uniforms.
    """
    mutated, of_genes = _complete_genes(items, covered, drawn, adenocarcinoma, u)
    score, of_score = _complete_pdl1(items, np.asarray(covered.any(axis=1)), drawn, mutated, u[-1])
    variant = np.full(mutated.shape, -1)
    for name, numbers in (("TP53", u[_EFFECTIVE]), ("KRAS", u[_EFFECTIVE + 1])):
        column = _NAMES.index(name)
        seen, own = covered[:, column, None], items.genome.variant[:, column, None]
        variant[..., column] = np.where(seen, own, variant_indices(name, numbers))
    variant[~mutated] = -1
    flat = (-1, len(GENES))
    return Genome(mutated.reshape(flat), variant.reshape(flat), score.ravel()), of_genes + of_score


def _complete_genes(
    items: Items, covered: Bools, drawn: DrawnLatents, adenocarcinoma: Bools, u: list[Floats]
) -> tuple[Bools, Floats]:
    """Parents first; a gene that is seen is taken as it is and weighs the draw, another is drawn where it matters."""
    mutated, weight = np.zeros((*adenocarcinoma.shape, len(GENES)), dtype=bool), np.zeros(adenocarcinoma.shape)
    told = bool(covered.any())
    for number, gene in enumerate(GENES[: _INFORMATIVE if told else _EFFECTIVE]):
        logit = _logit(gene, drawn, adenocarcinoma, mutated)
        seen, hit = covered[:, number, None], items.genome.mutated[:, number, None]
        mutated[..., number] = np.where(seen, hit, u[number] < expit(logit)) if number < _EFFECTIVE else seen & hit
        if told:
            weight -= np.where(seen, np.logaddexp(0, np.where(hit, -logit, logit)), 0.0)
    return mutated, weight


def _logit(gene: Gene, drawn: DrawnLatents, adenocarcinoma: Bools, mutated: Bools) -> Floats:
    logit = gene.b + gene.k * drawn.smoking + gene.h * drawn.aggressiveness + gene.n * ~adenocarcinoma
    for parent, effect in gene.parents.items():
        logit += effect * mutated[..., _NAMES.index(parent)]
    return logit


def _complete_pdl1(items: Items, seen: Bools, drawn: DrawnLatents, mutated: Bools, u: Floats) -> tuple[Floats, Floats]:
    """Q within the interval that a rounded TPS leaves for it, and the log likelihood of that interval."""
    kras, egfr, stk11 = (mutated[..., _NAMES.index(name)] for name in ("KRAS", "EGFR", "STK11"))
    mean = 0.25 * drawn.aggressiveness + 0.35 * kras - 0.5 * egfr - 0.4 * stk11
    tps = items.genome.pdl1_tps
    low = np.where(tps == 0, -np.inf, 0.45 + (np.maximum(tps, 1.5) - 1.5) / 54.5)
    high = np.where(tps == 0, 0.45, np.where(tps >= 100, np.inf, 0.45 + (tps - 0.5) / 54.5))
    lower = np.where(seen[:, None], ndtr((low[:, None] - mean) / 0.9), 0.0)
    upper = np.where(seen[:, None], ndtr((high[:, None] - mean) / 0.9), 1.0)
    score = mean + 0.9 * ndtri(np.clip(lower + u * (upper - lower), 1e-15, 1 - 1e-15))
    return score, np.log(np.maximum(upper - lower, 1e-300))

"""The genome: mutations along the gene network, their protein variants, PD-L1."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from scipy.special import expit

from mmcare.synthetic.persons import Bools, Clinical, Latents
from mmcare.synthetic.random import Floats, normals, stage_uniforms

__all__ = [
    "DATA",
    "GENES",
    "HOTSPOT_PANEL",
    "PANELS",
    "Gene",
    "Genome",
    "Variant",
    "draw_genome",
    "variant_indices",
    "variants",
]

MUTATIONS, VARIANTS = 2, 3
DATA = Path(__file__).with_name("data")


@dataclass(frozen=True, slots=True)
class Gene:
    """logit p = b + k K + h A + n [not adenocarcinoma] + sum of the mutated parents' weights."""

    name: str
    b: float
    k: float = 0.0
    h: float = 0.0
    n: float = 0.0
    parents: Mapping[str, float] = field(default_factory=dict)


GENES = (
    Gene("EGFR", -1.05, -1.15, 0, -2),
    Gene("KRAS", 0.05, 1.10, 0, -2, {"EGFR": -3.8}),
    Gene("TP53", -0.65, 0.3, 0.35, 1.7, {"KRAS": -0.5, "EGFR": 0.3}),
    Gene("STK11", -1.85, 0.5, 0.1, -1.5, {"KRAS": 0.1, "EGFR": -0.6}),
    Gene("KEAP1", -2.75, 0.35, 0.1, 0.2, {"STK11": 2.6}),
    Gene("NFE2L2", -4.2, 0.2, 0, 1.8, {"KEAP1": -1}),
    Gene("SMARCA4", -3.7, 0.3, 0.2, 0, {"STK11": 0.7}),
    Gene("RB1", -3.4, 0.1, 0.3, 0.4, {"TP53": 0.9}),
    Gene("ATM", -2.4, 0.3, 0, 0, {"TP53": -0.6}),
    Gene("CDKN2A", -3.6, 0.2, 0.1, 1.4, {"TP53": 0.4}),
    Gene("NF1", -2.5, 0.5, 0, 0.2, {"KRAS": -0.7}),
    Gene("BRAF", -2.5, 0.2, 0, -0.6, {"KRAS": -0.9, "EGFR": -1.2}),
    Gene("MET", -2.5, 0, 0, -0.4, {"KRAS": -0.9}),
    Gene("ERBB2", -2.5, 0, 0, -0.6, {"KRAS": -1.2, "EGFR": -1.2}),
    Gene("PIK3CA", -3, 0.2, 0, 0.9, {"EGFR": 0.3}),
    Gene("RBM10", -1.8),
    Gene("SETD2", -2.55),
    Gene("ARID1A", -3.1),
    Gene("SMAD4", -3.4),
    Gene("PTEN", -3.7),
    Gene("CTNNB1", -4),
    Gene("ALK", -3.6),
    Gene("U2AF1", -3.45),
    Gene("NKX2-1", -3.55),
)
_NAMES = tuple(gene.name for gene in GENES)
HOTSPOT_PANEL = frozenset({"EGFR", "KRAS", "BRAF", "ERBB2", "MET", "TP53", "PIK3CA", "ALK"})
PANELS: Mapping[str, frozenset[str]] = {
    "PANEL24": frozenset(_NAMES),
    "PANEL20": frozenset(_NAMES) - {"RBM10", "SETD2", "U2AF1", "NKX2-1"},
    "HOTSPOT8": HOTSPOT_PANEL,
}
_OXIDATIVE = ("STK11", "KEAP1", "NFE2L2", "SMARCA4")
_TRUNCATING = ("Nonsense_Mutation", "Frame_Shift_Del", "Frame_Shift_Ins", "Splice_Site")


@dataclass(frozen=True, slots=True)
class Variant:
    """A protein change of a gene, its MAF class, and how often it was seen."""

    protein_change: str
    classification: str
    count: int


@dataclass(frozen=True, slots=True)
class Genome:
    """The genome as it truly is.

    Attributes:
        mutated: (n, 24) bool in the order of `GENES`.
        variant: (n, 24) index into `variants()[gene]`; -1 where wild type.
        pdl1_score: (n,) q.
    """

    mutated: Bools
    variant: np.ndarray  # type: ignore[type-arg]
    pdl1_score: Floats

    def has(self, gene: str) -> Bools:
        """(n,) whether that gene is mutated."""
        return np.asarray(self.mutated[:, _NAMES.index(gene)])

    @property
    def oxidative(self) -> Bools:
        """(n,) OX: any hit of STK11, KEAP1, NFE2L2, SMARCA4; the signal of the graph."""
        return np.asarray(np.any([self.has(gene) for gene in _OXIDATIVE], axis=0))

    def has_change(self, gene: str, change: str) -> Bools:
        """(n,) whether that gene carries that protein change."""
        wanted = [i for i, v in enumerate(variants()[gene]) if v.protein_change == change]
        return np.isin(self.variant[:, _NAMES.index(gene)], wanted)

    def truncating(self, gene: str) -> Bools:
        """(n,) whether that gene carries a nonsense, frameshift or splice variant."""
        wanted = [i for i, v in enumerate(variants()[gene]) if v.classification in _TRUNCATING]
        return np.isin(self.variant[:, _NAMES.index(gene)], wanted)

    @property
    def pdl1_tps(self) -> Floats:
        """(n,) tumour proportion score in percent."""
        q = self.pdl1_score
        return np.where(q <= 0.45, 0.0, np.minimum(100.0, np.round(1 + 54.5 * (q - 0.45))))

    @property
    def pdl1_high(self) -> Bools:
        """(n,) whether PD-L1 is high."""
        return np.asarray(self.pdl1_score > 1.35)


@cache
def variants() -> Mapping[str, tuple[Variant, ...]]:
    """The variants of each gene, as counted in MSK 2020 (see the file's first line)."""
    found: dict[str, list[Variant]] = {name: [] for name in _NAMES}
    with (DATA / "variants.tsv").open(newline="", encoding="utf-8") as file:
        file.readline()
        for row in csv.DictReader(file, delimiter="\t"):
            found[row["gene"]].append(Variant(row["protein_change"], row["class"], int(row["count"])))
    return {gene: tuple(members) for gene, members in found.items()}


def draw_genome(seed: int, latents: Latents, clinical: Clinical) -> Genome:
    """Gene by gene, parents first; then a variant by count; then PD-L1."""
    k, a, other = latents.smoking, latents.aggressiveness, ~clinical.adenocarcinoma
    n = len(k)
    u = stage_uniforms(seed, MUTATIONS, n, len(GENES))
    mutated = np.zeros((n, len(GENES)), dtype=bool)
    for column, gene in enumerate(GENES):
        logit = gene.b + gene.k * k + gene.h * a + gene.n * other
        for parent, weight in gene.parents.items():
            logit = logit + weight * mutated[:, _NAMES.index(parent)]
        mutated[:, column] = u[:, column] < expit(logit)
    v = stage_uniforms(seed, VARIANTS, n, len(GENES) + 1)
    chosen = np.stack([variant_indices(gene.name, v[:, column]) for column, gene in enumerate(GENES)], axis=1)
    genome = Genome(mutated, np.where(mutated, chosen, -1), np.zeros(n))
    q = 0.25 * a + 0.35 * genome.has("KRAS") - 0.5 * genome.has("EGFR") - 0.4 * genome.has("STK11")
    return Genome(mutated, genome.variant, q + 0.9 * normals(v[:, -1]))


def variant_indices(gene: str, uniforms: Floats) -> np.ndarray:  # type: ignore[type-arg]
    """Indices into `variants()[gene]`, by count, where uniforms fall."""
    counts = np.cumsum([variant.count for variant in variants()[gene]])
    return np.searchsorted(counts / counts[-1], uniforms, side="right")

"""What the gene graph's nodes hold: a channel an assay, read for a patient and scaled by the training patients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt

from mmcare.components import Absent, Prepared, Source
from mmcare.errors import CohortError, Finding, cut
from mmcare.formats import parse_numbers
from mmcare_genomic.gene_matrix import read_matrix
from mmcare_genomic.tumour_genomes import read_genomes

__all__ = [
    "Scale",
    "expression",
    "fit_ranks",
    "fit_scale",
    "markers",
    "rank",
    "read_copy_number",
    "read_expression",
    "read_markers",
    "read_mutations",
]

_FARTHEST = 5.0
"""Scaled values are cut here: published z-scores of expression hold values of some thousands."""
N_RANKS = 101
"""Quantiles that are kept of a gene's expression."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Centre and spread of the training patients: median, and SD by the middle half."""

    centre: float = 0.0
    spread: float = 1.0

    def __call__(self, value: float) -> float:
        """`value` in spreads from the centre, at most 5 away."""
        return float(np.clip((value - self.centre) / self.spread, -_FARTHEST, _FARTHEST))


def fit_scale(values: Iterable[float]) -> Scale:
    """The scale of measured values; a spread of 1 where they do not differ or there are none."""
    known = np.array([v for v in values if not np.isnan(v)])
    if not known.size:
        return Scale()
    low, high = np.quantile(known, [0.25, 0.75])
    spread = (high - low) / 1.349 or known.std() or 1.0  # the middle half of a normal distribution: 1.349 SD
    return Scale(float(np.median(known)), float(spread))


def fit_ranks(values: Iterable[float]) -> npt.NDArray[np.float64]:
    """(N_RANKS,) quantiles of measured values; NaN where there are none."""
    known = np.array([v for v in values if not np.isnan(v)])
    return np.quantile(known, np.linspace(0, 1, N_RANKS)) if known.size else np.full(N_RANKS, np.nan)


def rank(value: float, quantiles: npt.NDArray[np.float64]) -> float:
    """The place of `value` among the training patients, in [-sqrt 3, sqrt 3]: of a uniform rank the spread is 1.

    Equal values share the middle of their places; 0 where there were no training values.
    """
    if np.isnan(quantiles).any():
        return 0.0
    low, high = (int(np.searchsorted(quantiles, value, side)) for side in ("left", "right"))
    if low < high:
        place = (low + high - 1) / 2
    else:
        place = float(np.interp(value, quantiles, np.arange(N_RANKS)))
    return float(np.sqrt(3) * (2 * place / (N_RANKS - 1) - 1))


def read_mutations(source: Source, patient: str, classes: tuple[str, ...]) -> Prepared | Absent:
    """The genes of the patient's panel, and those mutated."""
    genomes = read_genomes(source, classes)
    name = genomes.panel.get(patient)
    covered = genomes.genes.get(name) if name is not None else None
    if covered is None:
        return Absent("not sequenced" if name is None else f"the genes of panel {name} are not known")
    mutated = genomes.mutated.get(patient, frozenset())
    return Prepared({"covered": sorted(covered), "mutated": sorted(mutated)})


def read_copy_number(source: Source, patient: str, classes: tuple[str, ...]) -> Prepared | Absent:
    """The discrete copy number of each gene; of a sequenced patient, only of the panel's genes.

    An export may hold 0 for a gene that the panel does not cover: it was not looked at.
    """
    matrix = read_matrix(source, "copy_number")
    if patient not in matrix.values:
        return Absent("no copy numbers")
    values = dict(zip(matrix.genes, matrix.values[patient].tolist(), strict=True))
    if {"mutations", "panels", "panel_genes"} <= set(source.entry):
        sequenced = read_mutations(source, patient, classes)
        covered = set(values) if isinstance(sequenced, Absent) else set(cast("list[str]", sequenced.values["covered"]))
        values = {gene: value for gene, value in values.items() if gene in covered}
    return Prepared({"copy_number": {gene: value for gene, value in values.items() if not np.isnan(value)}})


def read_expression(source: Source, patient: str, log2: bool) -> Prepared | Absent:
    """The expression of each gene, as in the file or log2(1 + x) of it.

    Raises:
        CohortError: A negative value where a logarithm is asked for.
    """
    matrix = read_matrix(source, "expression")
    if patient not in matrix.values:
        return Absent("no expression")
    values = matrix.values[patient]
    if log2 and bool((values < 0).any()):
        row = int(np.flatnonzero(values < 0)[0])
        what = f"{matrix.genes[row]} of {patient} is {values[row]:g}: `expression_log2` needs counts or TPM, from 0 up."
        todo = "Set `expression_log2: false` where the values are logarithms or z-scores."
        raise CohortError(Finding(file=source.file("expression"), patient=patient, what=what, todo=todo, code="log2"))
    values = np.log2(1 + values) if log2 else values
    return Prepared({"expression_genes": matrix.genes}, {"expression": values})


def require_markers(source: Source, names: Sequence[str]) -> None:
    """Check that the cohort has the columns to train on.

    Raises:
        CohortError: It has no number column of that name.
    """
    numbers = [name for name, column in source.columns.items() if column.type == "number"]
    wrong = [
        Finding(
            file=source.root / "cohort.yaml",
            key="columns",
            what=f"there is no number column `{cut(name)}` for a marker; the columns of numbers are: "
            f"{', '.join(numbers) or 'none'}.",
            todo="Name one of these under `markers`, or describe the column.",
            code="no-marker",
        )
        for name in names
        if name not in numbers
    ]
    if wrong:
        raise CohortError(wrong)


def read_markers(source: Source, patient: str, names: Sequence[str]) -> Mapping[str, float | None]:
    """The patient's value of each marker that the cohort has, None where not measured.

    Raises:
        CohortError: A cell is no number.
    """
    row, values = source.row(patient), {}
    for name in names:
        if name not in source.columns or name not in row:
            continue
        cell = row[name]
        found, wrong = parse_numbers([cell], [0], column=name, missing=source.columns[name].missing)
        if wrong:
            what = f"`{cut(cell, 30)}` is not a number."
            todo = "Write a number, leave the cell empty, or list the text under the column's `missing` in cohort.yaml."
            raise CohortError(Finding(key=name, what=what, todo=todo, code="bad-number"))
        values[name] = None if np.isnan(found[0]) else float(found[0])
    return values


def markers(item: Prepared) -> Mapping[str, float | None]:
    """What `read_markers` gave."""
    return cast("Mapping[str, float | None]", item.values.get("markers", {}))


def expression(item: Prepared, nodes: Iterable[str]) -> Mapping[str, float]:
    """Expression of `nodes`, measured ones only."""
    genes = cast("Sequence[str]", item.values.get("expression_genes", ()))
    values = cast("npt.NDArray[np.float32]", item.arrays.get("expression", np.zeros(0, dtype=np.float32)))
    row = _rows(tuple(genes))
    found = {node: float(values[row[node]]) for node in nodes if node in row}
    return {node: value for node, value in found.items() if not np.isnan(value)}


@lru_cache(maxsize=2)
def _rows(genes: tuple[str, ...]) -> Mapping[str, int]:
    return {gene: row for row, gene in enumerate(genes)}

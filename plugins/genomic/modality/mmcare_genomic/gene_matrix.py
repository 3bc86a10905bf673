"""Matrices of genes by patients: discrete copy numbers and expression, as cBioPortal and most pipelines write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from mmcare.components import Source
from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats import Table, current_symbol, parse_numbers, read_table

__all__ = ["COPY_NUMBERS", "GeneMatrix", "read_matrix"]

COPY_NUMBERS = (-2.0, -1.5, -1.0, 0.0, 1.0, 2.0)
"""Discrete copy numbers of cBioPortal: deep loss to amplification; MSK writes -1.5 for a loss it is not sure of."""

_MISSING = ("NA", "NaN", "nan", "null")
_ENTREZ = "Entrez_Gene_Id"
_SHOWN = 5
Kind = Literal["copy_number", "expression"]


@dataclass(frozen=True, slots=True)
class GeneMatrix:
    """Genes by patients.

    Attributes:
        genes: Current symbols, each once, in the file's order.
        values: (G,) of each patient, NaN where not measured.
        findings: What was wrong with the file.
    """

    genes: tuple[str, ...]
    values: Mapping[str, npt.NDArray[np.float32]]
    findings: tuple[Finding, ...] = ()


def read_matrix(source: Source, kind: Kind) -> GeneMatrix:
    """The matrix that the cohort's entry `copy_number` or `expression` names: a row a gene, a column a patient.

    Of a gene that is there more than once (under an old and a new symbol, say), the first measured value counts, of
    copy numbers the one farthest from 0: exports pad the other row with 0. A copy number that is none of
    `COPY_NUMBERS` counts as not measured, and is found.

    Raises:
        CohortError: The file is absent or of no use, or has patients as rows.
    """
    file = source.file(kind)
    stamp = file.stat().st_mtime_ns if file.exists() else 0
    patients = frozenset(source.table(source.patients_file, source.id))
    return _read(file, stamp, kind, patients)


@lru_cache(maxsize=4)
def _read(file: Path, stamp: int, kind: Kind, patients: frozenset[str]) -> GeneMatrix:
    table = read_table(file, comment="#")
    columns = [name for name in table.columns[1:] if name != _ENTREZ]
    _check_direction(table, columns, patients)
    rows = _rows_by_gene(current_symbol(gene) for gene in table.column(table.columns[0]))
    twice = {gene: found for gene, found in rows.items() if len(found) > 1}
    values, findings = {}, list(table.findings)
    for name in columns:
        cells = table.column(name)
        column, wrong = parse_numbers(cells, table.lines, file=file, column=name, missing=_MISSING)
        findings += wrong
        values[name] = column.astype(np.float32)
    if kind == "copy_number":
        findings += _check_copy_numbers(file, table.column(table.columns[0]), values)
    findings += [_gene_twice(file, kind, gene, [table.lines[row] for row in found]) for gene, found in twice.items()]
    joined = {patient: _join(kind, column, rows) for patient, column in values.items()}
    return GeneMatrix(tuple(rows), joined, tuple(findings))


def _rows_by_gene(symbols: Iterable[str]) -> Mapping[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, gene in enumerate(symbols):
        rows.setdefault(gene, []).append(row)
    return rows


def _join(kind: Kind, column: npt.NDArray[np.float32], rows: Mapping[str, list[int]]) -> npt.NDArray[np.float32]:
    """(G,) one value a gene, by the rule of `read_matrix`."""
    joined = column[[found[0] for found in rows.values()]]
    for place, found in enumerate(rows.values()):
        known = [float(value) for value in column[found] if not np.isnan(value)]
        if len(found) > 1 and known:
            joined[place] = max(known, key=abs) if kind == "copy_number" else known[0]
    return joined


def _check_direction(table: Table, columns: list[str], patients: frozenset[str]) -> None:
    names = table.column(table.columns[0])
    if patients.isdisjoint(columns) and not patients.isdisjoint(names):
        what = f"the rows look like patients ({_some(names)}) and the columns like genes ({_some(columns)}); a row is "
        what += "a gene, a column a patient."
        raise CohortError(Finding(file=table.file, what=what, todo="Transpose the table.", code="transposed"))
    if patients.isdisjoint(columns):
        what = f"none of the {len(columns)} columns ({_some(columns)}) is a patient of the cohort."
        raise CohortError(Finding(file=table.file, what=what, todo="Name columns by patient id.", code="no-patient"))


def _check_copy_numbers(
    file: Path, genes: Sequence[str], values: Mapping[str, npt.NDArray[np.float32]]
) -> list[Finding]:
    bad = []
    for patient, column in values.items():
        wrong = np.flatnonzero(~np.isnan(column) & ~np.isin(column, COPY_NUMBERS))
        bad += [f"{genes[row]} of {patient} is {column[row]:g}" for row in wrong.tolist()]
        column[wrong] = np.nan
    if not bad:
        return []
    more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    what = f"{len(bad)} cells are no discrete copy number ({', '.join(bad[:_SHOWN])}{more}); allowed are -2, -1.5, -1, "
    what += "0, 1 and 2. They count as not measured."
    todo = "Call discrete copy numbers (GISTIC's, as cBioPortal's data_cna), not ratios or counts."
    return [Finding(file=file, what=what, todo=todo, code="copy-number")]


def _gene_twice(file: Path, kind: Kind, gene: str, lines: list[int]) -> Finding:
    rule = "the copy number farthest from 0" if kind == "copy_number" else "the first measured value"
    what = (
        f"the gene '{cut(gene, 40)}' is there {len(lines)} times, in lines {', '.join(map(str, lines))}; {rule} counts."
    )
    return Finding(file=file, what=what, todo="Keep one.", severity=Severity.WARNING, code="gene-twice")


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(cut(name, 20) for name in names[:3]) + (", …" if len(names) > 3 else "")

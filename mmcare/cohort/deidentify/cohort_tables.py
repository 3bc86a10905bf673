"""The tables of a cohort whose images come in de-identified: their rows get the same new ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mmcare.cohort.deidentify.deidentifier import Deidentifier
from mmcare.cohort.deidentify.pseudonyms import is_new_id
from mmcare.cohort.deidentify.table_file import write_table
from mmcare.cohort.deidentify.tables import deidentified_table
from mmcare.errors import CohortError, Finding, Severity
from mmcare.formats.table import Table
from mmcare.formats.table_format import TableFormat

if TYPE_CHECKING:
    from mmcare.cohort.cohort import Cohort

__all__ = ["deidentify_cohort_tables"]

_TEXT = (".csv", ".tsv", ".txt")


def deidentify_cohort_tables(cohort: Cohort, deidentifier: Deidentifier) -> list[Finding]:
    """Give the rows of a cohort's tables the new ids, in place; rows that have one stay as they are.

    The patients' table and the table of outcomes are rewritten, each whole or not at all. Other tables of the folder
    are not touched, and named where they hold an old id.

    Returns:
        Each column that is moved or left out, each other table with old ids.

    Raises:
        CohortError: A table is no plain text, or a column that would be left out is one that `cohort.yaml` names.
        MMCareError: A table cannot be written.
    """
    tables = [table for table in (cohort.table, cohort.outcomes_table) if table is not None]
    column = cohort.dictionary.patients.id
    old = [table for table in tables if _has_old_ids(table, column)]
    made = [(table, *deidentified_table(table, [column], deidentifier)) for table in old]
    errors = [error for before, after, _ in made for error in _refusals(cohort, before, after)]
    if errors:
        raise CohortError(errors)
    for before, after, _ in made:
        write_table(after, before.file, _separator(before.file))
    ids = {cell.strip() for before, _, _ in made for cell in before.column(column) if not is_new_id(cell)} - {""}
    return [*(finding for _, _, found in made for finding in found), *_others(cohort, ids)]


def _has_old_ids(table: Table, column: str) -> bool:
    return column in table.columns and any(cell.strip() and not is_new_id(cell) for cell in table.column(column))


def _refusals(cohort: Cohort, before: Table, after: Table) -> Iterator[Finding]:
    if before.file.suffix.lower() not in _TEXT or cohort.dictionary.patients.form != TableFormat():
        what = "its ids are to be replaced by new ones, and that is done in plain text tables (CSV, TSV, UTF-8) only."
        todo = "Make a new table by `mmcare cohort deidentify-table`, and name it in cohort.yaml."
        yield Finding(file=before.file, what=what, todo=todo, code="not-plain-text")
    named = _named(cohort)
    for name in before.columns:
        if name in named and name not in after.columns:
            what = "tells who a patient is and cannot stay in a de-identified cohort, but cohort.yaml names it."
            todo = "Take it out of cohort.yaml; of a date, bring the time from the treatment decision."
            yield Finding(file=before.file, key=name, what=what, todo=todo, code="identifier")


def _named(cohort: Cohort) -> set[str]:
    """Columns that the dictionary needs."""
    d = cohort.dictionary
    arms = {d.arms.column} if d.arms is not None else set()
    endpoints = {column for entry in d.endpoints.values() for column in (entry.time, entry.event)}
    return arms | endpoints | set(d.columns)


def _separator(path: Path) -> str:
    """As the file has it: by the header, a tab or a comma."""
    with path.open(encoding="utf-8-sig") as file:
        return "\t" if "\t" in file.readline() else ","


def _others(cohort: Cohort, old: set[str]) -> list[Finding]:
    """Text tables of the folder, other than the cohort's own, in which an old id stands as a cell."""
    own = {table.file for table in (cohort.table, cohort.outcomes_table) if table is not None}
    there = sorted(path for path in cohort.root.iterdir() if path.suffix.lower() in (*_TEXT, ".maf"))
    return [_with_old_ids(path) for path in there if path not in own and _holds(path, old)]


def _holds(path: Path, old: set[str]) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return any(cell.strip(' "\r\n') in old for line in file for cell in line.replace("\t", ",").split(","))


def _with_old_ids(path: Path) -> Finding:
    what = "still holds ids of patients as they were."
    todo = "Map them: `mmcare cohort deidentify-table`, with `--id` for each column of ids."
    return Finding(file=path, what=what, todo=todo, severity=Severity.WARNING, code="old-ids")

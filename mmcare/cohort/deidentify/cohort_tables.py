"""The tables of a cohort whose images come in de-identified: their rows get the same new ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmcare.cohort.deidentify.deidentifier import Deidentifier
from mmcare.cohort.deidentify.pseudonyms import is_new_id
from mmcare.cohort.deidentify.table_file import write_table
from mmcare.cohort.deidentify.tables import deidentified_table
from mmcare.cohort.dictionary import Dictionary, TableEntry
from mmcare.errors import CohortError, Finding, Severity
from mmcare.formats.patients_table import read_patients_table
from mmcare.formats.rows import counted
from mmcare.formats.table import Table
from mmcare.formats.table_format import TableFormat

__all__ = ["deidentify_cohort_tables"]

_TEXT = (".csv", ".tsv", ".txt")


@dataclass(frozen=True, slots=True)
class _Own:
    """A table that the dictionary names, as it is and as it will be."""

    entry: TableEntry
    before: Table
    after: Table
    findings: tuple[Finding, ...]

    @property
    def old_ids(self) -> set[str]:
        """Ids that are not of the key's form."""
        cells = (cell.strip() for cell in self.before.column(self.entry.id))
        return {cell for cell in cells if cell and not is_new_id(cell)}


def deidentify_cohort_tables(root: Path, dictionary: Dictionary, deidentifier: Deidentifier) -> list[Finding]:
    """Give the rows of a cohort's tables the new ids, in place; rows that have one stay as they are.

    The patients' table and the table of outcomes are rewritten, each whole or not at all. Other tables of the folder
    are not touched, and named where they hold an old id.

    Args:
        root: The cohort's folder.
        dictionary: Its dictionary.
        deidentifier: Made with the key of the images.

    Returns:
        Each column that is moved or left out, each other table with old ids.

    Raises:
        CohortError: A table cannot be read, is no plain text, or has a column that would be left out while
            `cohort.yaml` names it; nothing is changed.
        MMCareError: A table cannot be written.
    """
    tables = [own for own in _own(root, dictionary, deidentifier) if own.old_ids]
    errors = [error for own in tables for error in _refusals(dictionary, own)]
    if errors:
        raise CohortError(errors)
    for own in tables:
        write_table(own.after, own.before.file, _separator(own.before.file))
    old = set().union(*(own.old_ids for own in tables))
    return [*(finding for own in tables for finding in own.findings), *_others(root, dictionary, old)]


def _own(root: Path, dictionary: Dictionary, deidentifier: Deidentifier) -> Iterator[_Own]:
    for entry in (dictionary.patients, dictionary.outcomes):
        if entry is None or (table := _read(root, entry)) is None:
            continue
        after, findings = deidentified_table(table, [entry.id], deidentifier)
        yield _Own(entry, table, after, tuple(findings))


def _read(root: Path, entry: TableEntry) -> Table | None:
    """The table; None where it has no row yet."""
    try:
        return read_patients_table(root / entry.file, entry.form, id_column=entry.id)
    except CohortError as error:
        if all(finding.code == "no-rows" for finding in error.findings):
            return None
        raise


def _refusals(dictionary: Dictionary, own: _Own) -> Iterator[Finding]:
    file = own.before.file
    if file.suffix.lower() not in _TEXT or own.entry.form != TableFormat():
        what = "its ids are to be replaced by new ones, and that is done in plain text tables (CSV, TSV, UTF-8) only."
        todo = "Make a new table by `mmcare cohort deidentify-table`, and name it in cohort.yaml."
        yield Finding(file=file, what=what, todo=todo, code="not-plain-text")
    if own.before.left_out.keys() - {"blank line"}:
        n, first = sum(own.before.left_out.values()), own.before.findings[0].what
        what = f"{counted(n, 'row')} cannot be read, and would be lost: {first}"
        yield Finding(file=file, what=what, todo="Correct the table first.", code="rows-left-out")
    named = _named(dictionary)
    for name in own.before.columns:
        if name in named and name not in own.after.columns:
            what = "tells who a patient is and cannot stay in a de-identified cohort, but cohort.yaml names it."
            todo = "Take it out of cohort.yaml; of a date, bring the time from the treatment decision."
            yield Finding(file=file, key=name, what=what, todo=todo, code="identifier")


def _named(dictionary: Dictionary) -> set[str]:
    """Columns that the dictionary needs."""
    arms = {dictionary.arms.column} if dictionary.arms is not None else set()
    endpoints = {column for entry in dictionary.endpoints.values() for column in (entry.time, entry.event)}
    return arms | endpoints | set(dictionary.columns)


def _separator(path: Path) -> str:
    """As the file has it: by the header, a tab or a comma."""
    with path.open(encoding="utf-8-sig") as file:
        return "\t" if "\t" in file.readline() else ","


def _others(root: Path, dictionary: Dictionary, old: set[str]) -> list[Finding]:
    """Text tables of the folder, other than the cohort's own, in which an old id stands as a cell."""
    own = {root / entry.file for entry in (dictionary.patients, dictionary.outcomes) if entry is not None}
    there = sorted(path for path in root.iterdir() if path.suffix.lower() in (*_TEXT, ".maf"))
    return [_with_old_ids(path) for path in there if path not in own and _holds(path, old)]


def _holds(path: Path, old: set[str]) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return any(cell.strip(' "\r\n') in old for line in file for cell in line.replace("\t", ",").split(","))


def _with_old_ids(path: Path) -> Finding:
    what = "still holds ids of patients as they were."
    todo = "Map them: `mmcare cohort deidentify-table`, with `--id` for each column of ids."
    return Finding(file=path, what=what, todo=todo, severity=Severity.WARNING, code="old-ids")

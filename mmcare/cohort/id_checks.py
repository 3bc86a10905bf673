"""Checks of ids: one row a patient, ids that can name files, and outcomes of patients that are there."""

from __future__ import annotations

from collections.abc import Iterator

from mmcare.cohort.cohort import Cohort
from mmcare.errors import Finding, Severity, cut
from mmcare.formats import Table, check_id

__all__ = ["check_ids"]

_SHOWN = 3


def check_ids(cohort: Cohort) -> Iterator[Finding]:
    """Findings about the ids of the patients' table, and of the outcomes' where there is one."""
    column = cohort.dictionary.patients.id
    if column in cohort.table.columns:
        yield from _each_once(cohort.table, column)
        for patient, line in zip(cohort.table.column(column), cohort.table.lines, strict=True):
            yield from _usable(cohort.table, column, patient, line)
    entry = cohort.dictionary.outcomes
    if entry is not None and cohort.outcomes_table is not None and entry.id in cohort.outcomes_table.columns:
        yield from _each_once(cohort.outcomes_table, entry.id)
        if column in cohort.table.columns:
            yield from _known(cohort, cohort.outcomes_table, entry.id)


def _each_once(table: Table, column: str) -> Iterator[Finding]:
    rows: dict[str, list[int]] = {}
    for patient, line in zip(table.column(column), table.lines, strict=True):
        rows.setdefault(patient, []).append(line)
    for patient, lines in rows.items():
        if len(lines) > 1 and patient:
            what = f"the patient id `{cut(patient)}` stands in lines {', '.join(map(str, lines))}; one row a patient."
            todo = "Merge the rows, or give each patient an id of its own."
            found = Finding(file=table.file, line=lines[1], key=column, what=what, todo=todo, code="duplicate-patient")
            yield found.at(value=cut(patient))


def _usable(table: Table, column: str, patient: str, line: int) -> Iterator[Finding]:
    if not patient:
        what = "a row without a patient id."
        todo = "Give the patient an id, or delete the row if it is a note or a sum."
        yield Finding(file=table.file, line=line, key=column, what=what, todo=todo, code="no-id")
    elif (unsafe := check_id(patient)) is not None:
        yield unsafe.at(file=table.file, line=line, key=column)


def _known(cohort: Cohort, outcomes: Table, column: str) -> Iterator[Finding]:
    """Outcomes of strangers, which are not used; patients without outcomes, which is data."""
    with_outcome, patients = outcomes.column(column), set(cohort.patients)
    strangers = [patient for patient in with_outcome if patient not in patients]
    without = [patient for patient in cohort.patients if patient not in set(with_outcome)]
    file = cohort.dictionary.patients.file
    if strangers and len(without) == len(patients):
        what = f"none of its {len(strangers)} patients ({_first(strangers)}) is in {file} ({_first(cohort.patients)})."
        todo = "Write the ids of both tables in one way."
        yield Finding(file=outcomes.file, key=column, what=what, todo=todo, code="no-patient")
    elif strangers:
        line = outcomes.lines[with_outcome.index(strangers[0])]
        who = f"{len(strangers)} of {len(with_outcome)} patients are not in {file} ({_first(strangers)})"
        todo = f"Add them to {file}, or take them out of the outcomes."
        yield _note(outcomes, column, f"{who}: their outcomes are not used.", todo).at(
            line=line, severity=Severity.WARNING, code="no-patient"
        )
    if without and len(without) < len(patients):
        who = f"{len(without)} of {len(patients)} patients of {file} have no row ({_first(without)})"
        yield _note(outcomes, column, f"{who}: their outcomes count as not known.", "")


def _note(table: Table, column: str, what: str, todo: str) -> Finding:
    return Finding(file=table.file, key=column, what=what, todo=todo, severity=Severity.NOTE, code="no-outcome")


def _first(patients: tuple[str, ...] | list[str]) -> str:
    more = ", …" if len(patients) > _SHOWN else ""
    return ", ".join(cut(patient, 20) for patient in patients[:_SHOWN]) + more

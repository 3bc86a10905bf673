"""A table with a row a patient (or several) under the new ids: no column that names, dates moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mmcare.cohort.deidentify.checks.tables import kind_of_column
from mmcare.cohort.deidentify.deidentifier import Deidentifier
from mmcare.cohort.deidentify.pseudonyms import is_new_id
from mmcare.errors import Finding, Severity
from mmcare.formats.rows import counted
from mmcare.formats.table import Table

__all__ = ["deidentified_table"]

_LEAST_ID = 4
"""Letters of an id that is looked for within other cells: a shorter one is in many words by chance."""
_DATES = "dates of the calendar"


def deidentified_table(table: Table, ids: Sequence[str], deidentifier: Deidentifier) -> tuple[Table, list[Finding]]:
    """The table with new ids; each column that is left out or changed is a finding, which quotes no cell.

    Columns that hold names, record numbers, addresses, phone numbers or the ids once more are left out. Columns of
    dates (`2008-09-18`, `20080918`, `18.09.2008`) are moved by the days of the row's patient; those of other forms are
    left out, for `9/8/2008` is two days. Rows that have a new id already stay as they are. What free text says of a
    person is not known here: leave such columns out.

    Args:
        table: The table; its first column of `ids` says whose row it is.
        ids: Columns that hold patients' ids, such as `patient_id` or `Tumor_Sample_Barcode`.
        deidentifier: Made with the key of the cohort's images.

    Raises:
        CohortError: A column of `ids` is not there.
    """
    table.require(ids)
    patients = [cell.strip() for cell in table.column(ids[0])]
    columns: dict[str, tuple[str, ...]] = {}
    findings = [_mapped(table, ids, len({p for p in patients if p and not is_new_id(p)}))]
    for name in table.columns:
        if name in ids:
            columns[name] = tuple(_new_id(cell, deidentifier) for cell in table.column(name))
            continue
        cells, finding = _column(table, name, patients, deidentifier)
        findings += [finding] if finding is not None else []
        columns |= {name: cells} if cells is not None else {}
    rows = tuple(zip(*columns.values(), strict=True))
    return replace(table, columns=tuple(columns), rows=rows), findings


def _column(
    table: Table, name: str, patients: Sequence[str], deidentifier: Deidentifier
) -> tuple[tuple[str, ...] | None, Finding | None]:
    """The cells as they may stay, None where they may not; and what there is to say."""
    cells = table.column(name)
    kind = kind_of_column(name, cells)
    if kind == _DATES and (moved := _moved(cells, patients, deidentifier)) is not None:
        what = f"the dates of {counted(sum(map(bool, moved)), 'row')} are moved by the days of each patient."
        return moved, Finding(file=table.file, key=name, what=what, severity=Severity.NOTE, code="dates-moved")
    if not kind and any(_holds(cell, patient) for cell, patient in zip(cells, patients, strict=True)):
        kind = "the patients' ids once more"
    if not kind:
        return cells, None
    what = f"is left out of the de-identified table: it holds {kind}."
    todo = "Bring dates as 2008-09-18 to have them moved." if kind == _DATES else ""
    finding = Finding(
        file=table.file, key=name, what=what, todo=todo, severity=Severity.WARNING, code="column-left-out"
    )
    return None, finding


def _moved(cells: Sequence[str], patients: Sequence[str], deidentifier: Deidentifier) -> tuple[str, ...] | None:
    """All the dates, moved; None where one of them is written in another way."""
    moved = [_moved_date(cell, patient, deidentifier) for cell, patient in zip(cells, patients, strict=True)]
    return None if None in moved else tuple(moved)  # type: ignore[arg-type]


def _moved_date(cell: str, patient: str, deidentifier: Deidentifier) -> str | None:
    return cell if is_new_id(patient) or not cell.strip() else deidentifier.date(cell, patient)


def _new_id(cell: str, deidentifier: Deidentifier) -> str:
    return cell.strip() if is_new_id(cell) or not cell.strip() else deidentifier.patient(cell)


def _holds(cell: str, patient: str) -> bool:
    text = cell.strip().casefold()
    return bool(text) and (text == patient.casefold() or (len(patient) >= _LEAST_ID and patient.casefold() in text))


def _mapped(table: Table, ids: Sequence[str], n: int) -> Finding:
    what = f"{counted(n, 'patient')} have new ids."
    return Finding(file=table.file, key=", ".join(ids), what=what, severity=Severity.NOTE, code="ids-mapped")

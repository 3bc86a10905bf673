"""The table with a row a patient, whatever it is written in: CSV, TSV, Parquet, or a sheet of a workbook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats.parquet import MAGIC, read_parquet
from mmcare.formats.rows import counted, first_lines
from mmcare.formats.table import Table, read_table
from mmcare.formats.table_format import TableFormat
from mmcare.formats.text import other_format
from mmcare.formats.workbook import read_workbook

__all__ = ["SUFFIXES", "read_patients_table"]

SUFFIXES = {
    ".csv": "text",
    ".tsv": "text",
    ".txt": "text",
    ".parquet": "a Parquet file",
    ".pq": "a Parquet file",
    ".xlsx": "an Excel workbook",
    ".xlsm": "an Excel workbook",
}
"""What a file of this name is taken for; its content must agree."""
_ZIP = b"PK\x03\x04"
_SUMS = {
    *("total", "totals", "sum", "mean", "average", "median", "all", "count"),
    *("summe", "gesamt", "mittelwert", "durchschnitt", "anzahl", "somme", "moyenne", "suma", "promedio"),
}
_COMMA = re.compile(r"[+-]?(\d*|\d{1,3}(\.\d{3})+),\d+", re.ASCII)
_POINT = re.compile(r"[+-]?\d+(\.\d+)+", re.ASCII)


def read_patients_table(path: Path, form: TableFormat = TableFormat(), *, id_column: str | None = None) -> Table:  # noqa: B008 -- frozen
    """The table; its cells as texts, the numbers with a decimal point.

    Spaces around names of columns and around ids do not belong to them. A row that sums others up is left out. Each
    of these is a finding.

    Args:
        path: The file; its content decides what it is, and its name must not say otherwise.
        form: How it stands in the file.
        id_column: Column of the patients' ids; None: not known yet.

    Raises:
        CohortError: It cannot be read; the message says what it is and which option may help.
    """
    table = _read(path, form)
    table = _with_names_stripped(table)
    if form.decimal == ",":
        table = _with_points(table, id_column)
    if id_column in table.columns:
        table = _without_sums(_with_ids_stripped(table, id_column), id_column)
    return table


def _read(path: Path, form: TableFormat) -> Table:
    kind = _kind(path)
    _check_name(path, kind)
    if form.sheet is not None and kind != "an Excel workbook":
        what = f"is {kind}, and a sheet ('{cut(form.sheet)}') is to be read from it; only workbooks have sheets."
        raise CohortError(Finding(file=path, what=what, todo="Leave `sheet` out.", code="no-sheets"))
    if kind == "a Parquet file":
        return read_parquet(path)
    if kind == "an Excel workbook":
        return read_workbook(path, form.sheet)
    try:
        return read_table(path, separator=form.separator, encoding=form.encoding)
    except CohortError as error:
        raise CohortError([_with_option(finding) for finding in error.findings]) from error


def _kind(path: Path) -> str:
    """By the first bytes: a file that cannot be opened is left to the reader of text, which says why."""
    try:
        with path.open("rb") as file:
            start = file.read(256)
    except OSError:
        return "text"
    if start.startswith(MAGIC):
        return "a Parquet file"
    return "an Excel workbook" if start.startswith(_ZIP) else other_format(start) or "text"


def _check_name(path: Path, kind: str) -> None:
    expected = SUFFIXES.get(path.suffix.lower(), kind)
    if kind == expected or kind not in SUFFIXES.values():
        return
    with path.open("rb") as file:
        start = file.readline(80).decode("utf-8", "replace").strip()
    begins = f" (it begins with '{cut(start, 40)}')" if kind == "text" else ""
    right = next(suffix for suffix, meant in SUFFIXES.items() if meant == kind)
    what = (
        f"is named as {expected}, and is {kind}{begins}." if expected != "text" else f"is named as text, and is {kind}."
    )
    todo = f"Rename it to {path.stem}{right}, or export it again."
    raise CohortError(Finding(file=path, what=what, todo=todo, code="other-format"))


def _with_option(finding: Finding) -> Finding:
    """A complaint of the text reader, with the key of cohort.yaml that answers it."""
    if finding.code == "not-utf-8":
        guess = "utf-16" if "UTF-16" in finding.what else "windows-1252"
        option = f"`encoding: {guess}` under `patients` in cohort.yaml"
        return finding.at(todo=f"Save it as UTF-8 (in Excel: CSV UTF-8), or write {option}.")
    if finding.code == "separator":
        option = '`separator: ";"`, and `decimal: ","` where its numbers have decimal commas,'
        todo = f"Write {option} under `patients` in cohort.yaml, or save it with commas or tabs."
        return finding.at(what="the columns are separated by semicolons.", todo=todo)
    return finding


def _with_names_stripped(table: Table) -> Table:
    stripped = tuple(name.strip() for name in table.columns)
    if stripped == table.columns:
        return table
    changed = [f"'{name}'" for name, bare in zip(table.columns, stripped, strict=True) if name != bare]
    if len(set(stripped)) < len(stripped):
        twice = next(name for name in stripped if stripped.count(name) > 1)
        what = f"the column '{cut(twice)}' is there twice, once with spaces around its name."
        raise CohortError(Finding(file=table.file, line=1, what=what, todo="Rename one.", code="duplicate-column"))
    what = f"spaces around the names of {counted(len(changed), 'column')} are left out: {cut(', '.join(changed))}."
    note = Finding(file=table.file, line=1, what=what, severity=Severity.NOTE, code="spaces")
    return replace(table, columns=stripped, findings=(*table.findings, note))


def _with_ids_stripped(table: Table, column: str) -> Table:
    place = table.columns.index(column)
    spaced = [line for row, line in zip(table.rows, table.lines, strict=True) if row[place] != row[place].strip()]
    if not spaced:
        return table
    rows = tuple((*row[:place], row[place].strip(), *row[place + 1 :]) for row in table.rows)
    shown = first_lines([f"line {line}" for line in spaced])
    what = f"spaces around {counted(len(spaced), 'id')} are left out ({shown})."
    note = Finding(file=table.file, line=spaced[0], key=column, what=what, severity=Severity.NOTE, code="spaces")
    return replace(table, rows=rows, findings=(*table.findings, note))


def _without_sums(table: Table, column: str) -> Table:
    place = table.columns.index(column)
    sums = [n for n, row in enumerate(table.rows) if row[place].strip(" :.").casefold() in _SUMS]
    if not sums:
        return table
    shown = first_lines([f"'{table.rows[n][place]}' in line {table.lines[n]}" for n in sums])
    what = f"left out: {counted(len(sums), 'row')} that are no patient but sum up others, by their id ({shown})."
    todo = "Delete them; or, where that is a patient's id, give the patient another."
    found = Finding(
        file=table.file,
        line=table.lines[sums[0]],
        key=column,
        what=what,
        todo=todo,
        severity=Severity.WARNING,
        code="totals-row",
    )
    kept = [n for n in range(len(table.rows)) if n not in set(sums)]
    return replace(
        table,
        rows=tuple(table.rows[n] for n in kept),
        lines=tuple(table.lines[n] for n in kept),
        left_out={**table.left_out, "sums up others": len(sums)},
        findings=(*table.findings, found),
    )


def _with_points(table: Table, id_column: str | None) -> Table:
    """Decimal commas as points; what stands with a point already is ambiguous, and is said."""
    pointed = tuple(_points(table, id_column))
    rows = tuple(
        tuple(cell if name == id_column else _as_point(cell) for name, cell in zip(table.columns, row, strict=True))
        for row in table.rows
    )
    return replace(table, rows=rows, findings=(*table.findings, *pointed))


def _as_point(cell: str) -> str:
    text = cell.strip()
    return text.replace(".", "").replace(",", ".") if _COMMA.fullmatch(text) else cell


def _points(table: Table, id_column: str | None) -> Iterator[Finding]:
    for place, name in enumerate(table.columns):
        cells = [(line, row[place].strip()) for row, line in zip(table.rows, table.lines, strict=True)]
        with_point = [f"line {line} '{cut(text, 20)}'" for line, text in cells if _POINT.fullmatch(text)]
        if not with_point or name == id_column:
            continue
        mixed = any(_COMMA.fullmatch(text) for _, text in cells)
        what = (
            f"{counted(len(with_point), 'cell')} with a point, in a table whose decimal mark is a comma "
            f"({first_lines(with_point)}): the point may set thousands apart, or mark decimals."
        )
        todo = "Write the numbers of a table in one way." if mixed else "Check the column; it is read as decimals."
        severity = Severity.ERROR if mixed else Severity.WARNING
        yield Finding(file=table.file, key=name, what=what, todo=todo, severity=severity, code="decimal-mark")

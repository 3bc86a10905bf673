"""Sheets of Excel workbooks (.xlsx) as tables of text cells."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats.cells import as_cell
from mmcare.formats.rows import counted, first_lines
from mmcare.formats.table import Table, check_header
from mmcare.formats.text import nearest

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

__all__ = ["read_workbook", "sheet_names"]

LARGEST_BYTES = 1 << 28
"""Bytes that a workbook may have when unpacked; a larger one is no patients' table, or is meant to fill the memory."""


def read_workbook(path: Path, sheet: str | None = None) -> Table:
    """The table of one sheet; its first row that holds anything names the columns.

    A formula counts by the value that was stored with it. Rows that are hidden in the sheet are read, and said.

    Args:
        path: The workbook.
        sheet: Its sheet; may be left out where only one holds anything.

    Raises:
        CohortError: It cannot be opened, has several sheets or none of that name, or its header does not name each
            column once.
    """
    found = _sheet(path, sheet)
    _refuse_uncalculated(path, found)
    rows = [(number, [as_cell(cell) for cell in row]) for number, row in enumerate(found.values, start=1)]
    full = [(number, _without_empty_end(cells)) for number, cells in rows]
    start = next((place for place, (_, cells) in enumerate(full) if cells), len(full))
    if start == len(full):
        raise CohortError(_problem(path, f"the sheet '{cut(found.title)}' is empty.", "Name another sheet.", "empty"))
    line, header = full[start]
    _refuse_merged(path, found, line)
    check_header(path, line, header)
    return _table(path, found, tuple(header), full[start + 1 :])


def sheet_names(path: Path) -> tuple[str, ...]:
    """Names of the sheets that hold cells.

    Raises:
        CohortError: It cannot be opened.
    """
    return tuple(sheet.title for sheet in _filled(_open(path)))


def _table(path: Path, sheet: Worksheet, header: tuple[str, ...], rows: Sequence[tuple[int, list[str]]]) -> Table:
    while rows and not rows[-1][1]:  # what was formatted below the last row is no row
        rows = rows[:-1]
    good = [(n, (*cells, *[""] * (len(header) - len(cells)))) for n, cells in rows if 0 < len(cells) <= len(header)]
    wide = [n for n, cells in rows if len(cells) > len(header)]
    blank = sum(not cells for _, cells in rows)
    if not good and not wide:
        what = f"the sheet '{cut(sheet.title)}' holds a header but no row; at least one is needed."
        raise CohortError(_problem(path, what, "Export it again, with its rows.", "no-rows"))
    left_out = {"blank line": blank, "cells beyond the header": len(wide)}
    return Table(
        file=path,
        columns=header,
        rows=tuple(cells for _, cells in good),
        lines=tuple(n for n, _ in good),
        n_read=len(rows),
        left_out={reason: n for reason, n in left_out.items() if n},
        findings=tuple(_said(path, sheet, len(header), wide, [n for n, _ in good])),
    )


def _said(path: Path, sheet: Worksheet, n: int, wide: list[int], good: list[int]) -> Iterator[Finding]:
    if wide:
        shown = first_lines([f"row {row}" for row in wide])
        what = f"left out: {counted(len(wide), 'row')} with cells beyond the {n} named columns ({shown})."
        yield _problem(path, what, "Name those columns in the header, or clear the cells.", "ragged-row").at(
            line=wide[0]
        )
    hidden = [row for row in good if sheet.row_dimensions[row].hidden]
    if hidden:
        shown = first_lines([f"row {row}" for row in hidden])
        what = f"read although hidden in the sheet '{cut(sheet.title)}': {counted(len(hidden), 'row')} ({shown})."
        todo = "Delete the rows that are not wanted: a filter only hides them."
        yield _problem(path, what, todo, "hidden-row").at(severity=Severity.WARNING)


def _sheet(path: Path, name: str | None) -> Worksheet:
    sheets = _filled(_open(path))
    titles = [sheet.title for sheet in sheets]
    if name is None and len(sheets) == 1:
        return sheets[0]
    if name in titles:
        return sheets[titles.index(name)]
    listed = ", ".join(f"'{cut(s.title, 40)}' ({s.max_row} rows, {s.max_column} columns)" for s in sheets)
    if name is None:
        what = f"holds {counted(len(sheets), 'sheet')}: {listed}." if sheets else "holds no sheet with cells."
        todo = "Name the one to read: `sheet: NAME` under `patients` in cohort.yaml (`--sheet` of `cohort init`)."
        raise CohortError(_problem(path, what, todo if sheets else "Export it again.", "sheets"))
    what = f"holds no sheet '{cut(name)}'; it holds: {listed or 'none with cells'}."
    near = nearest(name, titles)
    raise CohortError(_problem(path, what, f"{near[0].upper()}{near[1:]}" if near else "Correct the name.", "sheets"))


def _filled(workbook: Any) -> list[Worksheet]:
    return [s for s in workbook.worksheets if s.max_row > 1 or s.max_column > 1 or s["A1"].value is not None]


def _open(path: Path, *, values: bool = True) -> Any:
    openpyxl = _openpyxl(path)
    try:
        _refuse_large(path)
        return openpyxl.load_workbook(path, data_only=values, keep_links=False)
    except (CohortError, MemoryError):
        raise
    except Exception as error:  # openpyxl raises what its parsers raise: any kind, on damaged files
        what = f"is a workbook that cannot be opened ({type(error).__name__}: {cut(str(error), 60)})."
        raise CohortError(_problem(path, what, "Open it in Excel, and save it again as .xlsx.", "workbook")) from error


def _openpyxl(path: Path) -> Any:
    try:
        import openpyxl
    except ImportError as error:
        what = "is an Excel workbook, and openpyxl, which reads those, is not installed."
        todo = 'Run `pip install "mmcare[tables]"`, or save the sheet as CSV (UTF-8).'
        raise CohortError(_problem(path, what, todo, "not-installed")) from error
    return openpyxl


def _refuse_large(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        size = sum(member.file_size for member in archive.infolist())
    if "xl/workbook.xml" not in names:
        kind = "an OpenDocument file (.ods)" if "content.xml" in names else "a zip archive, but no Excel workbook"
        raise CohortError(_problem(path, f"is {kind}.", "Save the table as .xlsx or as CSV (UTF-8).", "no-workbook"))
    if size > LARGEST_BYTES:
        what = f"unpacks to {size:,} bytes; at most {LARGEST_BYTES:,} are read."
        raise CohortError(_problem(path, what, "Save the one sheet as CSV (UTF-8).", "too-large"))


def _refuse_merged(path: Path, sheet: Worksheet, header: int) -> None:
    """Merged cells hold one value, and leave their other columns or rows without."""
    merged = [area for area in sheet.merged_cells.ranges if area.max_row >= header]
    if merged:
        areas = first_lines([area.coord for area in sorted(merged, key=lambda a: (a.min_row, a.min_col))])
        where = "header" if any(area.min_row <= header for area in merged) else "table"
        what = f"cells of the {where} of the sheet '{cut(sheet.title)}' are merged: {areas}."
        todo = "Unmerge them, and write a value into each: one row with a name for each column, one row a patient."
        raise CohortError(_problem(path, what, todo, "merged-cells").at(line=header))


def _refuse_uncalculated(path: Path, sheet: Worksheet) -> None:
    """A formula whose value was never stored reads as an empty cell, which would be taken for a missing value."""
    formulas = _open(path, values=False)[sheet.title]
    lost = [
        cell.coordinate
        for row in formulas.iter_rows()
        for cell in row
        if cell.data_type == "f" and sheet[cell.coordinate].value is None
    ]
    if lost:
        what = f"{counted(len(lost), 'cell')} of the sheet '{cut(sheet.title)}' with a formula and without its value "
        todo = "Open it in Excel and save it, or paste the values."
        raise CohortError(_problem(path, f"{what}({first_lines(lost)}).", todo, "formula"))


def _without_empty_end(cells: list[str]) -> list[str]:
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _problem(path: Path, what: str, todo: str, code: str) -> Finding:
    return Finding(file=path, what=what, todo=todo, code=code)

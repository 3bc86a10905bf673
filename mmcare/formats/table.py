"""Tables of text cells (CSV, TSV), and columns of numbers out of them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats.rows import counted, first_lines
from mmcare.formats.text import nearest, read_text

__all__ = ["Table", "check_header", "parse_numbers", "read_table"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([ T].*)?|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})", re.ASCII)
_COMMA = re.compile(r"[+-]?\d*,\d+|[+-]?\d{1,3}([ '.]\d{3})+,\d+", re.ASCII)
_GROUPED = re.compile(
    r"[+-]?\d{1,3}(([ '\u2019\u00a0\u202f]\d{3})+|(,\d{3}){2,}|(,\d{3})+(?=\.)|(\.\d{3}){2,})(\.\d+)?", re.ASCII
)
_WITH_UNIT = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)\s*(%|[yYmdlLgG]|[A-Za-z\u00b5][A-Za-z/][A-Za-z/%\u00b2\u00b3]*)", re.ASCII
)
_MISSING_CODES = {-999.0, -9999.0, -99999.0}
_SEPARATORS = {"\t": "tab", ",": "comma", ";": "semicolon"}
LONGEST_CELL = 1_000_000


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it stands in the file: every cell is text.

    Attributes:
        file: The file it was read from.
        columns: Names of the columns, each once.
        rows: Cells of each row, as many as `columns`.
        lines: 1-based line of the file at which each row starts.
        n_read: Rows in the file; `n_read == len(rows) + sum(left_out.values())` always.
        left_out: Rows left out, by reason.
        findings: What was wrong; names every reason of `left_out` but the blank line.
    """

    file: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    n_read: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        accounted = len(self.rows) + sum(self.left_out.values())
        if self.n_read != accounted:
            raise AssertionError(f"{self.n_read} rows read, {accounted} accounted for")

    def __len__(self) -> int:
        return len(self.rows)

    def records(self) -> Iterator[Mapping[str, str]]:
        """The rows as texts by column."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def column(self, name: str) -> tuple[str, ...]:
        """The cells of one column.

        Raises:
            CohortError: There is no such column; the message gives the nearest name.
        """
        self.require([name])
        index = self.columns.index(name)
        return tuple(row[index] for row in self.rows)

    def numbers(self, name: str, missing: Iterable[str] = ()) -> tuple[npt.NDArray[np.float64], list[Finding]]:
        """One column as numbers, NaN where unknown; see `parse_numbers`."""
        return parse_numbers(self.column(name), self.lines, file=self.file, column=name, missing=missing)

    def require(self, names: Iterable[str]) -> None:
        """Check that the columns `names` exist.

        Raises:
            CohortError: One or more are missing; a finding each.
        """
        missing = [name for name in names if name not in self.columns]
        if missing:
            raise CohortError(_no_column(self, name) for name in missing)


def read_table(
    path: Path | str,
    *,
    separator: str | None = None,
    comment: str | None = None,
    quoted: bool = True,
    encoding: str | None = None,
) -> Table:
    """The table in a CSV or TSV file. A row of more or fewer cells than the header is left out, and found.

    Args:
        path: A text file whose first line (after comments) names the columns.
        separator: What stands between cells; None: tab or comma, by what the header holds.
        comment: Lines that start with it are skipped at the top of the file.
        quoted: Quotes group (and may hold line breaks); False: they are letters like others, as in a MAF.
        encoding: Encoding of the file; None: UTF-8.

    Raises:
        CohortError: The file is of no use: absent, empty, in another encoding, no rows, a column named twice, quotes
            not closed.
    """
    path = Path(path)
    text, skipped = _without_comments(read_text(path, encoding), comment)
    separator = separator or _separator(path, text, skipped)
    records = _records(path, text, separator, quoted, skipped)
    if not records:
        raise CohortError(Finding(file=path, what="holds comments only.", todo="Export it again.", code="empty-file"))
    header_line, header = records[0]
    check_header(path, header_line, header)
    table = _sort_out(path, tuple(header), records[1:])
    if not table.n_read - table.left_out.get("blank line", 0):
        what = "holds a header but no row; at least one is needed."
        raise CohortError(Finding(file=path, what=what, todo="Export it again, with its rows.", code="no-rows"))
    return table


def parse_numbers(
    cells: Sequence[str],
    lines: Sequence[int],
    *,
    file: Path | str | None = None,
    column: str,
    missing: Iterable[str] = (),
) -> tuple[npt.NDArray[np.float64], list[Finding]]:
    """Cells as numbers.

    Args:
        cells: Texts; surrounding spaces do not count.
        lines: 1-based line of each, for messages.
        file: The file, for messages.
        column: Name of the column, for messages.
        missing: Texts that mean "not known" beside the empty cell.

    Returns:
        Numbers (n,), NaN where the cell is empty, means "not known" or is of no use; and a finding for each kind of
        bad cell, with the count and the first of them.
    """
    unknown = {"", *missing}
    values = np.full(len(cells), np.nan)
    bad: dict[str, list[tuple[int, str]]] = {}
    for row, (raw, line) in enumerate(zip(cells, lines, strict=True)):
        text = raw.strip()
        if text in unknown:
            continue
        number, problem = _number(text)
        if problem:
            bad.setdefault(problem, []).append((line, cut(text, 30)))
        else:
            values[row] = number
    return values, [_bad_cells(file, column, problem, places, len(cells)) for problem, places in bad.items()]


_NOT_A_NUMBER = "text that is no number"
_NOT_FINITE = "a number that is not finite"
_CODE = "a code that often stands for a missing value"
_IS_DATE = "a date"
_HAS_COMMA = "a comma in a number"
_IS_GROUPED = "a number whose thousands are set apart"
_HAS_UNIT = "a number with its unit"
_TODO = {
    _NOT_A_NUMBER: "Write a number with a decimal point, leave the cell empty, "
    "or list the text under the column's `missing`.",
    _NOT_FINITE: "Write a finite number, or leave the cell empty.",
    _CODE: "Leave the cell empty, or list the code under the column's `missing`.",
    _IS_DATE: "Write a number, such as the time between two dates in the column's unit, or leave the cell empty.",
    _HAS_COMMA: "Write it with a decimal point and without marks between the thousands; where commas are the decimal "
    'mark of a patients\' table, write `decimal: ","` under `patients` in cohort.yaml.',
    _IS_GROUPED: "Write it without marks between the thousands.",
    _HAS_UNIT: "Write the number alone; the unit is said once, by the column's `unit`.",
}
_SHAPES = ((_IS_DATE, _DATE), (_HAS_COMMA, _COMMA), (_IS_GROUPED, _GROUPED), (_HAS_UNIT, _WITH_UNIT))
"""How texts look that a reader would take for a number; the first that fits is said."""


def _number(text: str) -> tuple[float, str]:
    if text.casefold().lstrip("+-") in {"inf", "infinity"}:
        return np.nan, _NOT_FINITE
    if not _NUMBER.fullmatch(text):
        return np.nan, next((kind for kind, shape in _SHAPES if shape.fullmatch(text)), _NOT_A_NUMBER)
    number = float(text)
    if not np.isfinite(number):
        return np.nan, _NOT_FINITE
    return (np.nan, _CODE) if number in _MISSING_CODES else (number, "")


def _bad_cells(file: Path | str | None, column: str, problem: str, cells: Sequence[tuple[int, str]], n: int) -> Finding:
    shown = first_lines([f"line {line} '{text}'" for line, text in cells])
    what = f"{len(cells)} of {counted(n, 'cell')} with {problem} ({shown})."
    return Finding(file=file, key=column, value=cells[0][1], what=what, todo=_TODO[problem], code="bad-number")


def _no_column(table: Table, name: str) -> Finding:
    found = nearest(name, list(table.columns))
    names = cut(", ".join(table.columns), 200)
    return Finding(
        file=table.file,
        line=1,
        key=name,
        what=f"there is no column '{name}'; the file has: {names}.",
        todo=f"{found[0].upper()}{found[1:]}" if found else "Name one of these, or add the column.",
        code="no-column",
    )


def _without_comments(text: str, comment: str | None) -> tuple[str, int]:
    skipped = 0
    while comment and text.startswith(comment):
        _, _, text = text.partition("\n")
        skipped += 1
    return text, skipped


def _separator(path: Path, text: str, skipped: int) -> str:
    header = text.partition("\n")[0]
    counts = {mark: header.count(mark) for mark in _SEPARATORS}
    if counts["\t"] or counts[","]:
        return "\t" if counts["\t"] >= counts[","] else ","
    if counts[";"]:
        what = "the columns are separated by semicolons; allowed are commas and tabs."
        todo = "Save it as CSV (comma separated, decimal point) or as tab-separated text."
        raise CohortError(Finding(file=path, line=skipped + 1, what=what, todo=todo, code="separator"))
    return ","


def _records(path: Path, text: str, separator: str, quoted: bool, skipped: int) -> list[tuple[int, list[str]]]:
    csv.field_size_limit(LONGEST_CELL)
    lines = io.StringIO(text, newline="")
    if quoted:
        reader = csv.reader(lines, delimiter=separator, strict=True)
    else:
        reader = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
    records, start = [], 1
    try:
        for record in reader:
            records.append((skipped + start, record))
            start = reader.line_num + 1
    except csv.Error as error:
        what = f"the quotes or the length of a cell of the row that starts here do not work out ({error})."
        todo = "Close the quote, and double a quote that belongs to the text."
        raise CohortError(Finding(file=path, line=skipped + start, what=what, todo=todo, code="quotes")) from error
    return records


def check_header(path: Path, line: int, header: Sequence[str]) -> None:
    """Raise CohortError where a column has no name (the first may lack one) or a name stands twice."""
    place: dict[str, int] = {}
    for number, name in enumerate(header, start=1):
        if not name.strip() and number > 1:
            what = f"column {number} of {len(header)} has no name."
            raise CohortError(Finding(file=path, line=line, what=what, todo="Name it.", code="column-without-name"))
        if name in place:
            what = f"the column '{cut(name)}' is there twice, as columns {place[name]} and {number}."
            raise CohortError(Finding(file=path, line=line, what=what, todo="Rename one.", code="duplicate-column"))
        place[name] = number


def _sort_out(path: Path, header: tuple[str, ...], records: list[tuple[int, list[str]]]) -> Table:
    good = [(line, tuple(cells)) for line, cells in records if len(cells) == len(header)]
    blank = sum(not cells for _, cells in records)
    ragged = [(line, len(cells)) for line, cells in records if cells and len(cells) != len(header)]
    left_out = {"blank line": blank, "another number of cells": len(ragged)}
    return Table(
        file=path,
        columns=header,
        rows=tuple(cells for _, cells in good),
        lines=tuple(line for line, _ in good),
        n_read=len(records),
        left_out={reason: n for reason, n in left_out.items() if n},
        findings=(_ragged(path, len(header), ragged),) if ragged else (),
    )


def _ragged(path: Path, n: int, rows: list[tuple[int, int]]) -> Finding:
    shown = first_lines([f"line {line} has {cells}" for line, cells in rows])
    return Finding(
        file=path,
        line=rows[0][0],
        what=f"left out: {counted(len(rows), 'row')} without the header's {n} cells ({shown}).",
        todo="Put quotes around a cell that holds the separator, or add the missing cells.",
        severity=Severity.ERROR,
        code="ragged-row",
    )

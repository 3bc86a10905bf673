"""What one column of a table looks like: numbers, dates, a few texts that come again, or free text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mmcare.cohort.units import words_of
from mmcare.formats import Table, parse_numbers

__all__ = ["Profile", "profiles"]

Kind = Literal["empty", "number", "category", "date", "text"]
_NOT_KNOWN = {
    *("na", "n/a", "n.a.", "#n/a", "nan", "null", "none recorded", "unknown", "unk", "missing", "not known"),
    *("not collected", "not recorded", "not recorded in database", "not available", "not assessed", "not done"),
    *("not reported", "not evaluated", "[not available]", "[unknown]", "nd", "?", "-", "--", ".", "unbekannt", "k.a."),
}
_CODES = {f"-{nines}{zero}" for nines in ("9", "99", "999", "9999", "99999") for zero in ("", ".0")}
"""Texts that stand for a missing value among numbers that are never negative."""
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([ T].*)?|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})", re.ASCII)
_MOST = 0.8
"""Share of the known cells that decides what a column is: single slips are left to the check."""
_MOST_LEVELS = 50
_CODED = {"stage", "grade", "type", "histology", "site", "code", "race", "ethnicity", "class", "category", "center"}
"""Words in the name of a column whose whole numbers are codes of categories."""
_MOST_CODES = 12


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """A column.

    Attributes:
        name: Its name.
        kind: What most of its known cells are.
        cells: Every cell (n,), surrounding spaces left out.
        counts: How often each known text occurs, in the order of their first.
        missing: Texts that seem to mean "not known", beside the empty cell.
        numbers: The known cells that are numbers.
    """

    name: str
    kind: Kind
    cells: tuple[str, ...]
    counts: Mapping[str, int]
    missing: tuple[str, ...]
    numbers: npt.NDArray[np.float64]

    @property
    def n_known(self) -> int:
        """Cells that say something."""
        return sum(self.counts.values())

    @property
    def n_missing(self) -> int:
        """Cells that are empty or mean "not known"."""
        return len(self.cells) - self.n_known

    @property
    def is_unique(self) -> bool:
        """Whether every cell is known and none occurs twice."""
        return self.n_known == len(self.cells) == len(self.counts)

    @property
    def words(self) -> str:
        """The words of its name, in small letters."""
        return words_of(self.name)

    def known(self, cell: str) -> bool:
        """Whether a cell of it says something."""
        return bool(cell) and cell not in self.missing


def profiles(table: Table) -> tuple[Profile, ...]:
    """A profile of each column, in the table's order."""
    columns = zip(*table.rows, strict=True) if table.rows else ((),) * len(table.columns)
    return tuple(_profile(name, column) for name, column in zip(table.columns, columns, strict=True))


def _profile(name: str, column: tuple[str, ...]) -> Profile:
    cells = tuple(cell.strip() for cell in column)
    counts = Counter(cell for cell in cells if cell)
    values = dict(zip(counts, parse_numbers(list(counts), [0] * len(counts), column=name)[0], strict=True))
    missing = {text for text in counts if text.casefold() in _NOT_KNOWN}
    negative = any(value < 0 for text, value in values.items() if text not in _CODES)
    if not negative and any(np.isfinite(value) for text, value in values.items() if text not in _CODES):
        missing |= counts.keys() & _CODES
    known = {text: count for text, count in counts.items() if text not in missing}
    numbers = np.array([values[cell] for cell in cells if cell in known], dtype=np.float64)
    return Profile(
        name=name,
        kind=_kind(words_of(name), known, numbers),
        cells=cells,
        counts=known,
        missing=tuple(text for text in counts if text in missing),
        numbers=numbers[np.isfinite(numbers)],
    )


def _kind(words: str, known: Mapping[str, int], numbers: npt.NDArray[np.float64]) -> Kind:
    n = len(numbers)
    if not n:
        return "empty"
    if np.isfinite(numbers).sum() >= _MOST * n:
        return "category" if _is_coded(words, known, numbers[np.isfinite(numbers)]) else "number"
    if sum(count for text, count in known.items() if _DATE.fullmatch(text)) >= _MOST * n:
        return "date"
    return "category" if len(known) <= min(_MOST_LEVELS, max(6, n // 3)) else "text"


def _is_coded(words: str, known: Mapping[str, int], numbers: npt.NDArray[np.float64]) -> bool:
    """Whole numbers that stand for categories: two of them, or a few under a name that says so."""
    if not (numbers == np.round(numbers)).all() or numbers.min() < 0:
        return False
    return (len(known) == 2 and numbers.max() <= 2) or (len(known) <= _MOST_CODES and bool(_CODED & set(words.split())))

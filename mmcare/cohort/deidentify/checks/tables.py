"""Columns of tables that hold names, record numbers, dates of birth or of service, mail addresses, phone numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mmcare.cohort.deidentify.checks.looks import (
    is_date,
    is_person,
    is_phone,
    is_record_number,
    is_state_number,
    looks_like,
)
from mmcare.formats.patients_table import read_patients_table
from mmcare.formats.table import Table, read_table

__all__ = ["LONG_IDS", "TABLES", "in_table", "kind_of_column"]

TABLES = (".csv", ".tsv", ".maf", ".parquet", ".pq", ".xlsx", ".xlsm")
_MOST = 0.5
"""Share of the filled cells that must look alike."""
_FEW = 3
LONG_IDS = "numbers as hospitals give to patients"


def in_table(path: Path, by_name: bool = True) -> Iterator[tuple[str, str]]:
    """Columns (name, what they hold) of a table that identify persons.

    Args:
        path: The table.
        by_name: Whether the names of the columns count, or their cells alone.

    Raises:
        CohortError: It cannot be read as a table.
    """
    table = read_patients_table(path) if path.suffix.lower() != ".maf" else _maf(path)
    for name in table.columns:
        kind = kind_of_column(name, table.column(name), by_name)
        if kind:
            yield name, kind
        elif _ids_of_a_hospital(name, table.column(name)):
            yield name, LONG_IDS


def _ids_of_a_hospital(name: str, cells: Sequence[str]) -> bool:
    """One long number a row: no proof, for others number so, too."""
    filled = [text for cell in cells if (text := cell.strip())]
    named_so = "id" in name.casefold().replace("-", "_").split("_")
    return named_so and len(set(filled)) == len(filled) >= _FEW and all(map(is_record_number, filled))


def _maf(path: Path) -> Table:
    return read_table(path, separator="\t", comment="#", quoted=False)


def kind_of_column(name: str, cells: Sequence[str], by_name: bool = True) -> str:
    """What of a person a column holds, by its name or by its cells; empty where nothing speaks for it."""
    from mmcare.cohort.identifiers import identifying  # reads cohorts, and so imports torch

    filled = [text for cell in cells if (text := cell.strip())]
    if not filled:
        return ""
    if by_name and identifying(name):
        return identifying(name)
    if any("@" in text and looks_like(text) == "a mail address" for text in filled):
        return "mail addresses"
    # Eight digits are a date if the name says so, or if all are days of the calendar: one number in a thousand is.
    named_so = "date" in name.casefold() or (len(filled) >= _FEW and all(is_date(text, True) for text in filled))
    tests: dict[str, Callable[[str], bool]] = {
        "dates of the calendar": lambda text: is_date(text, eight_digits=named_so),
        "names of persons": is_person,
        "numbers of a state or health service": is_state_number,
        "phone numbers": is_phone,
    }
    return next((what for what, test in tests.items() if sum(map(test, filled)) > _MOST * len(filled)), "")

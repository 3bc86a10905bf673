"""How a table stands in its file: what a CSV, a workbook or a Parquet file cannot say itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Separator", "TableFormat"]

Separator = Literal[",", ";", "\t", "|"]


@dataclass(frozen=True, slots=True)
class TableFormat:
    """How a table is to be read; the defaults are those of a CSV or TSV file in UTF-8.

    Attributes:
        sheet: Sheet of a workbook; None: the only one.
        encoding: Encoding of a text file; None: UTF-8.
        separator: What separates the cells of a text file; None: tab or comma, by what the header holds.
        decimal: Decimal mark of the numbers.
    """

    sheet: str | None = None
    encoding: str | None = None
    separator: Separator | None = None
    decimal: Literal[".", ","] = "."

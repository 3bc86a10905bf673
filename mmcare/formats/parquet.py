"""Parquet files as tables of text cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmcare.errors import CohortError, Finding, cut
from mmcare.formats.cells import as_cell
from mmcare.formats.table import Table, check_header

__all__ = ["MAGIC", "read_parquet"]

MAGIC = b"PAR1"
"""How a Parquet file begins, and ends."""
MOST_CELLS = 50_000_000


def read_parquet(path: Path) -> Table:
    """The table in a Parquet file; a patient's row n counts as line n + 1, as if a header stood above it.

    Raises:
        CohortError: It is damaged or has no rows, names no column or one twice, or holds lists.
    """
    _refuse_truncated(path)
    names, columns = _columns(path)
    check_header(path, 1, names)
    rows = tuple(zip(*columns, strict=True))
    if not rows:
        todo = "Export it again, with its rows."
        raise CohortError(Finding(file=path, what="holds columns but no row.", todo=todo, code="no-rows"))
    return Table(path, tuple(names), rows, tuple(range(2, len(rows) + 2)), n_read=len(rows))


def _columns(path: Path) -> tuple[list[str], list[list[str]]]:
    """Names, and the cells of each column."""
    parquet = _parquet(path)
    try:
        file = parquet.ParquetFile(path)
        _refuse_large(path, file.metadata)
        table = file.read()
        names = [str(name) for name in table.column_names]
        nested = [name for name, field in zip(names, table.schema, strict=True) if field.type.num_fields]
        columns = [[as_cell(value) for value in column.to_pylist()] for column in table.columns]
    except CohortError:
        raise
    except (OSError, ValueError, NotImplementedError, OverflowError) as error:  # ArrowInvalid is a ValueError
        what = f"is a Parquet file that cannot be read ({cut(str(error), 80)})."
        raise CohortError(Finding(file=path, what=what, todo="Export it again.", code="parquet")) from error
    if nested:
        what = "holds lists or maps; a cell of a patients' table is a number or a text."
        todo = "Write one column for each of their values."
        raise CohortError(Finding(file=path, line=1, key=nested[0], what=what, todo=todo, code="nested-column"))
    return names, columns


def _refuse_truncated(path: Path) -> None:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - len(MAGIC)))
        end = file.read()
    if end != MAGIC or size <= 2 * len(MAGIC):
        what = f"is a Parquet file that is cut off or damaged: after its {size:,} bytes the end mark `PAR1` is missing."
        raise CohortError(Finding(file=path, what=what, todo="Copy or export it again.", code="truncated"))


def _refuse_large(path: Path, metadata: Any) -> None:
    cells = metadata.num_rows * metadata.num_columns
    if cells > MOST_CELLS:
        what = f"holds {metadata.num_rows:,} rows of {metadata.num_columns:,} columns; at most {MOST_CELLS:,} cells are"
        todo = "Keep one row a patient, and genomic matrices in files of their own."
        raise CohortError(Finding(file=path, what=f"{what} read.", todo=todo, code="too-large"))


def _parquet(path: Path) -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        what = "is a Parquet file, and pyarrow, which reads those, is not installed."
        todo = 'Run `pip install "mmcare[tables]"`, or save the table as CSV (UTF-8).'
        raise CohortError(Finding(file=path, what=what, todo=todo, code="not-installed")) from error
    return parquet

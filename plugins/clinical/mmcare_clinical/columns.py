"""What a column of the patients' table looks like as a whole: cells of no use, and columns that teach nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mmcare.components import Column
from mmcare.errors import Finding, Severity, cut
from mmcare.formats import Table

__all__ = ["check_column"]

_FEW = 10
"""Patients below which a constant column is no wonder."""
_MOST_LEVELS = 50


def check_column(table: Table, column: Column) -> Iterator[Finding]:
    """Findings of one predictor: errors where cells cannot be used, warnings where it teaches nothing."""
    cells = [cell.strip() for cell in table.column(column.name)]
    known = [cell for cell in cells if cell and cell not in column.missing]
    if not known:
        yield _warning(table, column, f"is empty for all {len(cells)} patients.")
        return
    if column.type == "number":
        yield from table.numbers(column.name, column.missing)[1]
    else:
        yield from _levels(table, column, cells)
    if len(set(known)) == 1 and len(known) >= _FEW:
        what = f"holds `{cut(known[0], 40)}` for all {len(known)} patients who have a value: it teaches nothing."
        yield _warning(table, column, what)


def _levels(table: Table, column: Column, cells: list[str]) -> Iterator[Finding]:
    """Categories that the dictionary does not name, and texts too many for a category."""
    counts = Counter(cell for cell in cells if cell and cell not in column.missing)
    unknown = {level: count for level, count in counts.items() if column.levels and level not in column.levels}
    if unknown:
        level, count = next(iter(unknown.items()))
        line = table.lines[cells.index(level)]
        more = f", and {len(unknown) - 1} other texts" if len(unknown) > 1 else ""
        said = f"`{cut(level, 40)}` (line {line}; {count} cells{more})"
        what = f"{said} is none of the levels {', '.join(column.levels)}: it counts as not measured."
        yield _warning(table, column, what, "Correct the cells, or the column's `levels`.")
    if len(counts) > _MOST_LEVELS:
        what = f"holds {len(counts)} different texts: more than {_MOST_LEVELS} are no category to learn of."
        yield _warning(table, column, what, "Group them, or give the column `role: other`.")


def _warning(table: Table, column: Column, what: str, todo: str = "Leave it out, or correct it.") -> Finding:
    return Finding(
        file=table.file, key=column.name, what=what, todo=todo, severity=Severity.WARNING, code="column-of-no-use"
    )

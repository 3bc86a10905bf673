"""Findings as one table: to look down a column of many."""

from __future__ import annotations

from collections.abc import Sequence

from mmcare.cli.show import printable, table_console
from mmcare.errors import Finding

__all__ = ["show_findings_table"]

_HEADER = ("severity", "patient", "file", "column", "value", "found", "what to do")


def show_findings_table(findings: Sequence[Finding]) -> None:
    """Write findings to stdout, a row each, in the order given; cells wrap on a terminal, and never in a pipe."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in _HEADER:
        table.add_column(name, overflow="fold", ratio=2 if name in ("found", "what to do") else None)
    for finding in findings:
        table.add_row(*map(printable, _cells(finding)))
    table_console().print(table)


def _cells(finding: Finding) -> tuple[str, ...]:
    """A modality stands before the column or element that it is said of."""
    numbers = [str(n) for n in (finding.line, finding.column) if n is not None]
    file = ":".join([str(finding.file), *numbers]) if finding.file is not None else ""
    column = " ".join(part for part in (finding.modality, finding.key) if part)
    return str(finding.severity), finding.patient or "", file, column, finding.value or "", finding.what, finding.todo

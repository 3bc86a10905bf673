"""How findings are shown on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from mmcare.errors import Finding, Severity

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["aligned", "fits", "print_wrapped", "printable", "show_findings", "table_console"]

PIPE_WIDTH = 1000
_READABLE = 100
"""Columns at which running text is wrapped at the latest."""

_COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold cyan"}


def show_findings(findings: Iterable[Finding], to: TextIO | None = None) -> None:
    """Write findings, two lines each: what is wrong and where, then what to do. To stderr by default."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=to or sys.stderr, soft_wrap=True, highlight=False, markup=False, emoji=False)
    for finding in findings:
        label = Text(f"{finding.severity.capitalize()}: ", style=_COLOURS[finding.severity])
        where = finding.where()
        console.print(label + Text(printable(f"{where}: {finding.what}" if where else finding.what)))
        if finding.todo:
            console.print(Text(f"  {printable(finding.todo)}"))


def printable(text: str) -> str:
    """`text` without what a terminal would obey: control characters, line breaks inside, and the like."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def table_console() -> Console:
    """A console for tables: as wide as the terminal; in a pipe as wide as the table, so that no line is cut."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, emoji=False, width=PIPE_WIDTH)


def aligned(rows: Sequence[Sequence[str]], sides: str = "", gap: int = 2) -> list[str]:
    """Rows of cells as lines of text, in columns; nothing stands behind the last word of a line.

    Args:
        rows: Of one length; a cell may have several lines.
        sides: `l` or `r` for each column; left where it says nothing.
        gap: Spaces between columns.
    """
    from rich.cells import cell_len

    lines = [line for row in rows for line in _lines_of(row)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    found = []
    for line in lines:
        padded = []
        for place, (text, width) in enumerate(zip(line, widths, strict=True)):
            space = " " * (width - cell_len(text))
            padded.append(space + text if sides[place : place + 1] == "r" else text + space)
        found.append((" " * gap).join(padded).rstrip())
    return found


def _lines_of(row: Sequence[str]) -> list[list[str]]:
    """One row of cells, as many lines as its tallest cell has."""
    cells = [cell.split("\n") for cell in row]
    tallest = max(map(len, cells))
    return [[cell[n] if n < len(cell) else "" for cell in cells] for n in range(tallest)]


def fits(lines: Iterable[str]) -> bool:
    """Whether no line is longer than the terminal is wide; a pipe takes any."""
    from rich.cells import cell_len

    return not sys.stdout.isatty() or max(map(cell_len, lines), default=0) <= _columns()


def print_wrapped(text: str, label: str = "") -> None:
    """Print running text to stdout, wrapped at words; lines after the first start below the text, not the label."""
    from textwrap import fill

    width = min(_columns(), _READABLE) if sys.stdout.isatty() else _READABLE
    print(fill(text, width, initial_indent=label, subsequent_indent=" " * len(label), break_on_hyphens=False))


def _columns() -> int:
    from shutil import get_terminal_size

    return get_terminal_size().columns

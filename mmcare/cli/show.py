"""How findings are shown on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from mmcare.errors import Finding, Severity

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["printable", "show_findings", "table_console"]

PIPE_WIDTH = 1000

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

"""Progress on stderr: a bar on a terminal, a line at each tenth elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Progress", "on_terminal", "progress", "tell"]

Progress = Callable[[str, int, int], None]


def on_terminal() -> bool:
    """Whether a person watches stderr on a terminal."""
    return sys.stderr.isatty()


def tell(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def progress() -> Iterator[Progress]:
    """A function to call with (what, done, total)."""
    if not on_terminal():
        yield _lines
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        tasks: dict[str, object] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)  # type: ignore[arg-type]

        yield advance


def _lines(what: str, done: int, total: int) -> None:
    if total >= 20 and done in {total * tenth // 10 for tenth in (3, 6, 10)}:
        tell(f"{what}: {done}/{total}")

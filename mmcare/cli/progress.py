"""Progress on stderr: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

__all__ = ["Progress", "on_terminal", "progress", "tell"]

Progress = Callable[[str, int, int], None]
_SECONDS_BETWEEN_LINES = 10.0


def on_terminal() -> bool:
    """Whether a person watches stderr on a terminal."""
    return sys.stderr.isatty()


def tell(text: str) -> None:
    """A line of progress; above the bars, where there are some."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def progress() -> Iterator[Progress]:
    """A function to call with (what, done, total)."""
    if not on_terminal():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(file=sys.stderr), transient=True, redirect_stdout=False) as bars:
        yield _Tasks(bars)


class _Tasks:
    """A bar for each thing that is being done, gone when it is done."""

    def __init__(self, bars: Bars) -> None:
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self.tasks:
            self.tasks[what] = self.bars.add_task(what, total=total)
        self.bars.update(self.tasks[what], completed=done)
        if done >= total:
            self.bars.remove_task(self.tasks.pop(what))


class _Lines:
    """A line where something takes long, and at its end if it did."""

    def __init__(self) -> None:
        self.last: dict[str, float] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        now = monotonic()
        if now - self.last.setdefault(what, now) >= _SECONDS_BETWEEN_LINES:
            self.last[what] = now
            tell(f"{what}: {done}/{total}")

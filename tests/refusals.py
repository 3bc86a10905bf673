"""A disk that refuses: one write in turn, whichever it is, fails as on a full or closed disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmcare.formats import atomic

__all__ = ["Refusals", "refusing"]

_EVENTS = ("open", "os.mkdir", "os.rename")


class Refusals:
    """Refuses the n-th write below a folder: a folder made, a file opened for writing, flushed or renamed.

    Attributes:
        refused: What was refused, the event and its path; empty where there were fewer writes.
    """

    def __init__(self) -> None:
        self.folder, self.failing, self.number, self.count, self.refused = "", -1, 0, 0, ""

    def start(self, folder: Path, failing: int, number: int) -> None:
        """Refuse write `failing` (the first is 1) with the error of that number."""
        self.folder, self.failing, self.number, self.count, self.refused = str(folder), failing, number, 0, ""

    def stop(self) -> None:
        """Refuse nothing any more."""
        self.folder = ""

    def hook(self, event: str, arguments: tuple[object, ...]) -> None:
        """An audit hook: it sees what Python is about to do."""
        if not self.folder or event not in _EVENTS:
            return
        if event == "open" and not int(str(arguments[2])) & (os.O_WRONLY | os.O_RDWR):
            return
        if event == "os.mkdir" and Path(str(arguments[0])).is_dir():
            return  # it was only asked for to be there
        self.write(event, str(arguments[0]))

    def write(self, event: str, path: str) -> None:
        """Count a write; refuse it when its turn has come."""
        if not self.folder or not path.startswith(self.folder):
            return
        self.count += 1
        if self.count == self.failing:
            self.refused = f"{event} {path}"
            raise OSError(self.number, os.strerror(self.number), path)


_REFUSALS = Refusals()


@contextmanager
def refusing() -> Iterator[Refusals]:
    """The refusals of this process; an audit hook stays for good, and is idle outside of the block."""
    if not hasattr(sys, "_mmcare_refusals"):
        sys._mmcare_refusals = _REFUSALS  # type: ignore[attr-defined]
        sys.addaudithook(_REFUSALS.hook)
    fsync = os.fsync

    def flush(handle: int) -> None:
        _REFUSALS.write("fsync", os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    atomic.os.fsync = flush
    try:
        yield _REFUSALS
    finally:
        atomic.os.fsync = fsync
        _REFUSALS.stop()

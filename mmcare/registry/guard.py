"""Foreign code is imported under guard: it is timed, a slow one is named, and it cannot write to stdout."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator

__all__ = ["Stopwatch", "guarded"]

PATIENCE_SECONDS = 5.0
"""After this long, a line says what is being imported."""


class Stopwatch:
    """Seconds that a block took."""

    seconds: float = 0.0


@contextlib.contextmanager
def guarded(who: str) -> Iterator[Stopwatch]:
    """Import something foreign inside: whatever it prints goes to stderr, and waiting is explained.

    Args:
        who: What is being imported, in words, for the line that explains the wait.
    """
    watch = Stopwatch()
    alarm = threading.Timer(PATIENCE_SECONDS, _say_who, [who])
    alarm.daemon = True
    alarm.start()
    start = time.perf_counter()
    try:
        with _stdout_to_stderr(), contextlib.redirect_stdout(sys.stderr):
            yield watch
    finally:
        watch.seconds = time.perf_counter() - start
        alarm.cancel()


def _say_who(who: str) -> None:
    print(f"Still importing {who} …", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """The same for what does not go through `sys.stdout`: subprocesses and compiled code."""
    if sys.stdout is not None:
        sys.stdout.flush()  # what was printed before stays where it belongs
    try:
        kept = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # no such stream: nothing to protect
        yield
        return
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)

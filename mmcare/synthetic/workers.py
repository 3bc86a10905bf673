"""The same function over many tasks, in several processes; results in the order of the tasks."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import connection, get_context, parent_process
from typing import TypeVar

from mmcare.errors import Finding, MMCareError

__all__ = ["in_order"]

Task = TypeVar("Task")
Result = TypeVar("Result")
_AHEAD = 4
"""Tasks a worker that are waiting or done and not yet taken: enough to keep it busy."""


def in_order(function: Callable[[Task], Result], tasks: Sequence[Task], workers: int) -> Iterator[Result]:
    """Results of all tasks, the first first.

    With one worker everything happens in this process. More are processes of their own, that end with this one, also
    where it is killed.

    Args:
        function: Of a module, so that a worker can import it.
        tasks: Can be pickled.
        workers: At least 1.

    Raises:
        MMCareError: That of the first task that failed, or a worker was killed.
    """
    if workers == 1 or len(tasks) < 2:
        yield from map(function, tasks)
        return
    pool = ProcessPoolExecutor(min(workers, len(tasks)), mp_context=get_context("spawn"), initializer=_begin)
    try:
        for found in _taken(pool, partial(_attempt, function), tasks, _AHEAD * workers):
            if isinstance(found, _Failed):
                raise MMCareError(found.findings)
            yield found
    except BrokenProcessPool as error:
        what = "a worker process was ended from outside, or found no memory; nothing was kept."
        raise MMCareError(Finding(what=what, todo="Use fewer with `--workers`.", code="worker-ended")) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _taken(
    pool: ProcessPoolExecutor, function: Callable[[Task], Result], tasks: Sequence[Task], ahead: int
) -> Iterator[Result]:
    """Results in order, never more than some tasks ahead of the one taken: memory stays small."""
    waiting: deque[Future[Result]] = deque()
    for task in tasks:
        if len(waiting) == ahead:
            yield waiting.popleft().result()
        waiting.append(pool.submit(function, task))
    while waiting:
        yield waiting.popleft().result()


class _Failed:
    """A known error on its way between processes, with its findings whole."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings


def _attempt(function: Callable[[Task], Result], task: Task) -> Result | _Failed:
    try:
        return function(task)
    except MMCareError as error:
        return _Failed(error.findings)


def _begin() -> None:
    """Leave Ctrl-C to the parent, and end when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None, "a worker has one"
    connection.wait([parent.sentinel])
    os._exit(1)

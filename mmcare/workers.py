"""The same function over many tasks, in several processes; results in the order of the tasks."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import connection, get_context, parent_process
from typing import TypeVar

from mmcare.errors import Finding, MMCareError

__all__ = ["cores", "in_order", "processes", "workers_for"]

Task = TypeVar("Task")
Result = TypeVar("Result")
_AHEAD = 256
"""Tasks that are waiting or done and not yet taken: enough to keep every worker busy."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers_for(asked: int, tasks: int, worth: int) -> int:
    """How many processes: those asked for, or as many as there are cores, fewer for few tasks.

    Args:
        asked: What `--workers` says; 0 leaves it to us.
        tasks: How many tasks there are.
        worth: From how many of them on another process saves more than its start takes.

    Raises:
        MMCareError: `asked` is negative.
    """
    if asked < 0:
        what = f"is {asked}; a number from 1 upwards is due, or 0 for as many as there are cores."
        raise MMCareError(Finding(key="--workers", what=what, todo="Give such a number.", code="workers"))
    return asked or min(cores(), max(1, tasks // worth))


@contextmanager
def processes(count: int) -> Iterator[ProcessPoolExecutor | None]:
    """Worker processes, or None where one is enough: then the work is done here.

    They end with this process, also where it is killed.
    """
    if count == 1:
        yield None
        return
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_begin)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def in_order(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    pool: Executor | None,
    kept: Callable[[int], str] | None = None,
) -> Iterator[Result]:
    """Results of all tasks, the first first.

    Args:
        function: Of a module, so that a worker can import it.
        tasks: Can be pickled.
        pool: Who does the work.
        kept: What is kept where a worker is killed after so many results, in words: the same call goes on then. None:
            nothing is.

    Raises:
        MMCareError: That of the first task that failed, or a worker was killed.
    """
    if pool is None:
        yield from map(function, tasks)
        return
    done = 0
    try:
        for found in _taken(pool, partial(_attempt, function), tasks):
            if isinstance(found, _Failed):
                raise MMCareError(found.findings)
            done += 1
            yield found
    except BrokenExecutor as error:
        fewer = isinstance(pool, ProcessPoolExecutor)
        raise MMCareError(_ended(kept(done) if kept is not None else "", fewer)) from error


def _ended(kept: str, fewer: bool) -> Finding:
    what = f"a worker process was ended from outside, or found no memory; {kept or 'nothing was kept'}."
    todo = "Give the same command again, with fewer `--workers`." if kept else "Use fewer with `--workers`."
    if not fewer:
        todo = "Give the same command again."
    return Finding(what=what, todo=todo, code="worker-ended")


def _taken(pool: Executor, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[Result]:
    """Results in order, never more than some tasks ahead of the one taken: memory stays small."""
    waiting: deque[Future[Result]] = deque()
    for task in tasks:
        if len(waiting) == _AHEAD:
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

"""The cores of a Ray cluster as an executor that `in_order` takes; its nodes must see the same files."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from typing import Any, TypeVar

from mmcare.errors import Finding, MMCareError

__all__ = ["ray_cluster"]

Result = TypeVar("Result")
_ADDRESS = "RAY_ADDRESS"
_SECONDS = 10.0
_OURS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is told to anybody
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else the current folder, with what data it holds, goes to the nodes
}


@contextmanager
def ray_cluster() -> Iterator[Executor]:
    """An executor on the cluster that `RAY_ADDRESS` names, or, where it names none, on Ray's processes of this machine.

    A task whose worker is lost is given to another one, three times.

    Raises:
        MMCareError: Ray is not installed, or nothing answers at that address.
    """
    for name, value in _OURS.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        what = "`--engine ray` needs Ray, which is not installed."
        raise MMCareError(Finding(what=what, todo="Run: pip install 'mmcare[ray]'.", code="no-ray")) from error
    _check_answers(os.environ.get(_ADDRESS, ""))
    if ray.is_initialized():  # by whoever called us, who will end it
        yield _RayExecutor(ray)
        return
    ray.init(address=os.environ.get(_ADDRESS) or "local", log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield _RayExecutor(ray)
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Ray itself would ask for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return  # `auto`, `local` or nothing
    try:
        socket.create_connection((host, int(port)), timeout=_SECONDS).close()
    except OSError as error:
        what = f"is {address}, where no Ray cluster answers ({error.strerror or error})."
        todo = "Start one there (`ray start --head`), correct it, or unset it to use this machine."
        raise MMCareError(Finding(key=_ADDRESS, what=what, todo=todo, code="no-cluster")) from error


class _RayExecutor(Executor):
    def __init__(self, ray: Any) -> None:
        self._errors = (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError)
        self._call = ray.remote(num_cpus=1)(_call)

    def submit(self, function: Callable[..., Result], /, *arguments: Any, **named: Any) -> Future[Result]:
        """Give the cluster a task; a lost worker is a `BrokenExecutor`, as with processes."""
        found: Future[Result] = Future()
        given = self._call.remote(function, arguments, named).future()
        given.add_done_callback(lambda done: self._hand_on(done, found))
        return found

    def _hand_on(self, done: Future[Result], found: Future[Result]) -> None:
        error = done.exception()
        if error is None:
            found.set_result(done.result())
        elif isinstance(error, self._errors):
            found.set_exception(BrokenExecutor(str(error)))
        else:
            found.set_exception(error)


def _call(function: Callable[..., Result], arguments: tuple[Any, ...], named: dict[str, Any]) -> Result:
    return function(*arguments, **named)

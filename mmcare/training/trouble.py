"""What a machine runs out of while training, in words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from mmcare.errors import Finding, RunError
from mmcare.spec import TrainingConfig

__all__ = ["in_words"]

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
_NO_MEMORY = ("DefaultCPUAllocator", "out of memory")
_WORKER_GONE = "DataLoader worker"


@contextmanager
def in_words(config: TrainingConfig, folder: Path, device: str, command: str) -> Iterator[None]:
    """Turn a lack of memory or disk while training into a known error.

    Raises:
        RunError: Names what lacks and the setting to change; the command that goes on.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        finding = _finding(error, config, folder, device, command)
        if finding is None:
            raise
        raise RunError(finding) from error


def _finding(error: Exception, config: TrainingConfig, folder: Path, device: str, command: str) -> Finding | None:
    if isinstance(error, OSError):
        if error.errno not in _DISK:
            return None
        what = f"the logs of training cannot be written: {error.strerror}."
        todo = f"Free some space or allow writing there, then go on: {command}"
        return Finding(file=error.filename or folder / "logs", what=what, todo=todo, code="not-written")
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or any(text in str(error) for text in _NO_MEMORY):
        what = f"the memory of the {device} does not hold a training step of {config.batch_size} patients."
        todo = "Lower it, and raise `training.accumulate` by as much: steps then see as many patients as before."
        return Finding(key="training.batch_size", what=what, todo=todo, code="memory")
    if _WORKER_GONE in str(error):
        what = f"one of the {config.workers} processes that prepare batches ended, most often for lack of memory."
        todo = f"Lower it in a copy of the spec; `training.workers: 0` needs the least memory. To go on: {command}"
        return Finding(key="training.workers", what=what, todo=todo, code="worker")
    return None

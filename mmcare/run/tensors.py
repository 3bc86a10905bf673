"""Arrays and tensors of a run, from safetensors files: no pickle, and no memory taken on the word of a header."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy
import safetensors.torch
from torch import Tensor

from mmcare.errors import Finding, RunError
from mmcare.run.json_file import RESTORE

__all__ = ["read_arrays", "read_tensors"]

_LENGTH_BYTES = 8


def read_arrays(path: Path) -> Mapping[str, npt.NDArray[np.generic]]:
    """The arrays of a safetensors file.

    Raises:
        RunError: As `read_tensors`.
    """
    try:
        return safetensors.numpy.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def read_tensors(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a weights file.

    Raises:
        RunError: The file is absent, cut, or not safetensors; the message names the file, its size and the reason.
    """
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> RunError:
    if not path.is_file():
        return RunError(Finding(file=path, what="is missing.", todo=RESTORE, code="missing"))
    reason = _reason(path) or str(error).removeprefix("Error while deserializing header: ").rstrip(".")
    what = f"is no readable safetensors file ({path.stat().st_size:,} bytes): {reason}."
    return RunError(Finding(file=path, what=what, todo=RESTORE, code="weights"))


def _reason(path: Path) -> str | None:
    """What is wrong in words with sizes and names, where the library says less; None where it says enough."""
    size = path.stat().st_size
    if size < _LENGTH_BYTES:
        return f"even its first {_LENGTH_BYTES} bytes, the length of its header, are not whole"
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if length > size - _LENGTH_BYTES:
            return f"its header should take {length:,} bytes, and {size - _LENGTH_BYTES:,} follow"
        header = file.read(length)
    try:
        entries = json.loads(header)
        ranges = sorted((*entry["data_offsets"], name) for name, entry in entries.items() if name != "__metadata__")
        return next(_misplaced(ranges, size - _LENGTH_BYTES - length), None)
    except (RecursionError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _misplaced(ranges: list[Any], data: int) -> Iterator[str]:
    """Tensors that share bytes, lie over the end, or leave bytes to nobody."""
    for (_, end, name), (start, _, after) in pairwise(ranges):
        if start < end:
            yield f"the tensors {name} and {after} overlap at byte {start:,} of the data"
        if start > end:
            yield f"the bytes {end:,} to {start:,} between the tensors {name} and {after} belong to none"
    if ranges and ranges[-1][1] != data:
        yield f"its tensors take {ranges[-1][1]:,} bytes, and {data:,} are there"

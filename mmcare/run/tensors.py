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
import torch
from torch import Tensor

from mmcare.errors import Finding, RunError, cut
from mmcare.run.json_file import RESTORE

__all__ = ["read_arrays", "read_checkpoint", "read_tensors"]

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


def read_checkpoint(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a weights file: safetensors, or a state dict as torch saves it (`.pth`, `.pt`, `.bin`).

    Of the latter only tensors and plain containers are read; anything that would run code is refused.

    Raises:
        RunError: The file is damaged, or holds no tensors by name.
    """
    if path.suffix not in (".pth", ".pt", ".bin"):
        return read_tensors(path)
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever torch says of a file that is not what its name says
        reason = str(error).strip().splitlines()[0].rstrip(".")
        what = f"is no state dict that can be read without running code: {cut(reason, 120)}."
        raise RunError(Finding(file=path, what=what, todo=_CONVERT, code="weights")) from error
    held = held.get("state_dict", held) if isinstance(held, dict) else held
    if not isinstance(held, dict) or not held or not all(isinstance(tensor, Tensor) for tensor in held.values()):
        raise RunError(Finding(file=path, what="holds no tensors by name.", todo=_CONVERT, code="weights"))
    return held


_CONVERT = "Save its state dict with `safetensors.torch.save_file`, and name that file."


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

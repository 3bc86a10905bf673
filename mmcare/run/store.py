"""Typed readers and writers of a run folder's files; no pickle."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
import safetensors.torch
from torch import Tensor

from mmcare.components import Endpoint, Fitted, OutcomeLayout, Record, Split
from mmcare.errors import Finding, RunError
from mmcare.formats.atomic import write_bytes, write_text

__all__ = [
    "read_fitted",
    "read_outcome_layout",
    "read_splits",
    "read_tensors",
    "write_outcome_layout",
    "write_record",
    "write_splits",
]


def write_record(folder: Path, name: str, record: Record) -> None:
    """Fitted state or a baseline: `NAME.json`, and `NAME.safetensors` where it has arrays."""
    write_text(folder / f"{name}.json", json.dumps(dict(record.values), indent=1, allow_nan=False) + "\n")
    if record.arrays:
        arrays = {key: np.ascontiguousarray(value) for key, value in record.arrays.items()}
        write_bytes(folder / f"{name}.safetensors", safetensors.numpy.save(arrays))


def read_fitted(folder: Path, name: str) -> Fitted:
    """What `write_record` wrote.

    Raises:
        RunError: A file is damaged.
    """
    path = folder / f"{name}.json"
    arrays = folder / f"{name}.safetensors"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise RunError(Finding(file=path, what=f"cannot be read: {error}.", todo=RESTORE)) from error
    return Fitted(values, read_arrays(arrays) if arrays.exists() else {})


def read_arrays(path: Path) -> Mapping[str, np.ndarray]:  # type: ignore[type-arg]
    """The arrays of a safetensors file. Raises RunError where it is damaged."""
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
    size = f" ({path.stat().st_size:,} bytes)" if path.is_file() else ""
    what = f"is no readable safetensors file{size}: {error}."
    return RunError(Finding(file=path, what=what, todo=RESTORE, code="weights"))


RESTORE = "Restore it from a copy of the run, or train again."


def write_outcome_layout(path: Path, layout: OutcomeLayout) -> None:
    """The codes of arms and endpoints."""
    endpoints = [{"name": e.name, "horizons": list(e.horizons), "competing": e.competing} for e in layout.endpoints]
    write_text(path, json.dumps({"arms": list(layout.arms), "endpoints": endpoints}, indent=1) + "\n")


def read_outcome_layout(path: Path) -> OutcomeLayout:
    """What `write_outcome_layout` wrote."""
    data = json.loads(path.read_text(encoding="utf-8"))
    endpoints = tuple(Endpoint(e["name"], tuple(e["horizons"]), e["competing"]) for e in data["endpoints"])
    return OutcomeLayout(tuple(data["arms"]), endpoints)


def write_splits(path: Path, splits: Mapping[str, Split]) -> None:
    """Which patient is in which split."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["patient", "split"])
    writer.writerows(splits.items())
    write_text(path, text.getvalue())


def read_splits(path: Path) -> Mapping[str, Split]:
    """What `write_splits` wrote, in its order."""
    with path.open(newline="", encoding="utf-8") as file:
        return {row["patient"]: row["split"] for row in csv.DictReader(file)}  # type: ignore[misc]

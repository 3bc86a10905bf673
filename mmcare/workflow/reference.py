"""What explanations need of the training patients: under running numbers, without images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import safetensors.numpy
import torch

from mmcare.components import Batch, GraphBatch, Outcomes, TableBatch, TokenBatch
from mmcare.formats.atomic import write_bytes
from mmcare.inputs import Inputs
from mmcare.run import RunFolder
from mmcare.run.store import read_arrays

__all__ = ["training_outcomes", "write_reference"]

_NOT_IMAGES = (TableBatch, GraphBatch, TokenBatch)


def write_reference(folder: RunFolder, inputs: Inputs, training: tuple[str, ...]) -> None:
    """Write `reference/training.safetensors`: presence, arm, outcomes and the inputs that are no images.

    These are patient data without identifiers; `--no-reference` leaves them out.
    """
    batch = inputs.batch(training)
    assert batch.outcomes is not None, "training patients have outcomes"
    arrays = {
        "present": batch.present.numpy(),
        "arm": batch.outcomes.arm.numpy(),
        "time": batch.outcomes.time.numpy(),
        "event": batch.outcomes.event.numpy(),
        **_inputs(batch),
    }
    data = safetensors.numpy.save({name: np.ascontiguousarray(values) for name, values in arrays.items()})
    write_bytes(_file(folder), data)


def training_outcomes(folder: RunFolder) -> Outcomes | None:
    """Arm and outcomes of the training patients, as they were at training; None of a run made without a reference."""
    if not _file(folder).exists():
        return None
    arrays = read_arrays(_file(folder))
    return Outcomes(**{name: torch.from_numpy(arrays[name]) for name in ("arm", "time", "event")})


def _file(folder: RunFolder) -> Path:
    return folder.path / "reference" / "training.safetensors"


def _inputs(batch: Batch) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    found: dict[str, np.ndarray] = {}  # type: ignore[type-arg]
    for name, rows in batch.modalities.items():
        if isinstance(rows, _NOT_IMAGES):
            behind = rows.mask if isinstance(rows, TokenBatch) else rows.measured
            found |= {f"{name}.rows": rows.rows.numpy(), f"{name}.values": rows.values.numpy()}
            found[f"{name}.measured"] = behind.numpy()
    return found

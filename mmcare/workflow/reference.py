"""What explanations need of the training patients: under running numbers, without images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors.numpy
import torch

from mmcare.components import Batch, GraphBatch, Outcomes, Representation, TableBatch, TokenBatch
from mmcare.errors import Finding, RunError
from mmcare.formats.atomic import write_bytes
from mmcare.inputs import Inputs
from mmcare.run import EnsemblePredictor, NetworkPredictor, Predictor, RunFolder
from mmcare.run.store import read_arrays

__all__ = ["training_outcomes", "write_reference"]

_NOT_IMAGES = (TableBatch, GraphBatch, TokenBatch)
_PATIENTS_AT_ONCE = 64
_TOKENS_OF = 64
"""Of how many training patients an image's tokens are kept: the background of an explanation is drawn from them."""
Arrays = dict[str, npt.NDArray[np.generic]]


def write_reference(
    folder: RunFolder,
    inputs: Inputs,
    training: Sequence[str],
    predictor: Predictor,
    r: Representation | None = None,
) -> None:
    """Write `reference/training.safetensors`: presence, arm, outcomes, the inputs that are no images, and R.

    Row n of `present (n, M)`, `arm`, `time`, `event (n, E)`, `R.values (n, P, D)` and `R.mask (n, P)` is training
    patient n; `NAME.values` and `NAME.measured` have the rows that `NAME.rows` counts. Of an image (and of sequences)
    it is what the encoder made of it, of some patients only: `NAME.tokens.rows`, `.values (n, N, D)`, `.mask (n, N)`.
    Of an ensemble R is that of its members side by side. A baseline has no R and no tokens.

    These are patient data without identifiers; `--no-reference` leaves them out.

    Args:
        folder: The run's.
        inputs: Fitted.
        training: Patients.
        predictor: What was trained.
        r: R, whose first rows are the training patients', where it is known already.
    """
    starts = range(0, len(training), _PATIENTS_AT_ONCE)
    parts = [_arrays(inputs.batch(training[at : at + _PATIENTS_AT_ONCE]), at, predictor, r) for at in starts]
    names = {name: None for part in parts for name in part}
    arrays = {name: np.concatenate([part[name] for part in parts if name in part]) for name in names}
    for name in inputs.modalities:
        arrays |= _tokens(name, inputs, training, predictor)
    write_bytes(_file(folder), safetensors.numpy.save(arrays))


def training_outcomes(folder: RunFolder) -> Outcomes | None:
    """Arm and outcomes of the training patients, as they were at training; None of a run made without a reference.

    Raises:
        RunError: The file is damaged.
    """
    file = _file(folder)
    if not file.exists():
        return None
    arrays = read_arrays(file)
    lost = [name for name in ("arm", "time", "event") if name not in arrays]
    if lost:
        what = f"lacks {', '.join(lost)} of the training patients."
        raise RunError(Finding(file=file, what=what, todo="Restore it from a copy of the run, or train again."))
    return Outcomes(**{name: torch.from_numpy(arrays[name]) for name in ("arm", "time", "event")})


def _file(folder: RunFolder) -> Path:
    return folder.path / "reference" / "training.safetensors"


def _arrays(batch: Batch, first: int, predictor: Predictor, r: Representation | None) -> Arrays:
    """What is kept of patients `first` and those after."""
    assert batch.outcomes is not None, "training patients have outcomes"
    return {
        "present": batch.present.numpy(),
        "arm": batch.outcomes.arm.numpy(),
        "time": batch.outcomes.time.numpy(),
        "event": batch.outcomes.event.numpy(),
        **_inputs(batch, first),
        **_representation(batch, first, predictor, r),
    }


def _inputs(batch: Batch, first: int) -> Arrays:
    found: Arrays = {}
    for name, rows in batch.modalities.items():
        if isinstance(rows, _NOT_IMAGES):
            behind = rows.mask if isinstance(rows, TokenBatch) else rows.measured
            found |= {f"{name}.rows": rows.rows.numpy() + first, f"{name}.values": rows.values.numpy()}
            found[f"{name}.measured"] = behind.numpy()
    return found


def _tokens(name: str, inputs: Inputs, training: Sequence[str], predictor: Predictor) -> Arrays:
    """What the encoder of an image makes of it, for training patients spread evenly over those who have one.

    Of an ensemble the tokens of each member: `NAME.tokens.values`, then `NAME.tokens.values.1` and so on.
    """
    having = [place for place, patient in enumerate(training) if patient in inputs.samples[name].prepared]
    chosen = [having[n] for n in np.unique(np.linspace(0, len(having) - 1, _TOKENS_OF).round().astype(int))]
    networks = _networks(predictor)
    if not networks or isinstance(inputs.batch([training[chosen[0]]], False).modalities[name], _NOT_IMAGES):
        return {}
    found: Arrays = {f"{name}.tokens.rows": np.array(chosen, dtype=np.int64)}
    for member, network in enumerate(networks):
        parts = [network.tokens(inputs.batch([training[place]], False), name) for place in chosen]
        end = f".{member}" if member else ""
        found[f"{name}.tokens.values{end}"] = np.concatenate([part.values.cpu().numpy() for part in parts])
        found[f"{name}.tokens.mask{end}"] = np.concatenate([part.mask.cpu().numpy() for part in parts])
    return found


def _networks(predictor: Predictor) -> tuple[NetworkPredictor, ...]:
    if isinstance(predictor, EnsemblePredictor):
        return predictor.members
    return (predictor,) if isinstance(predictor, NetworkPredictor) else ()


def _representation(batch: Batch, first: int, predictor: Predictor, known: Representation | None) -> Arrays:
    """R, where similar patients are near; the name is in capitals since no modality's is."""
    if not isinstance(predictor, NetworkPredictor | EnsemblePredictor):
        return {}
    r, rows = known, slice(first, first + len(batch))
    if r is None:
        r, rows = predictor.representation(batch), slice(None)
    return {"R.values": r.values[rows].cpu().numpy(), "R.mask": r.mask[rows].cpu().numpy()}

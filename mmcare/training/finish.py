"""After the last step: the heads are recalibrated on the scores of training and validation patients."""

from __future__ import annotations

import torch

from mmcare.components import split_labels
from mmcare.inputs import Inputs
from mmcare.model import Encoded, Model, PathScores, encoded, full_precision

__all__ = ["encode_patients", "finish", "score"]

_AT_ONCE = 64


def finish(
    model: Model, inputs: Inputs, training: tuple[str, ...], validation: tuple[str, ...], device: str = "cpu"
) -> Encoded:
    """Recalibrate the heads; the only place for that. Afterwards the model is on the CPU, in eval mode.

    Args:
        model: The trained network.
        inputs: Fitted inputs.
        training: Training patients.
        validation: Validation patients.
        device: Where the patients are encoded.

    Returns:
        What the network makes of training and validation patients: whoever needs it later need not encode again.
    """
    patients = (*training, *validation)
    found = encode_patients(model.to(device), inputs, patients)
    model.cpu()
    with torch.no_grad(), full_precision():
        split = split_labels(len(training), len(validation))
        model.finish(model.scores(found.r), inputs.outcomes_of(patients), split)
    return found


def encode_patients(model: Model, inputs: Inputs, patients: tuple[str, ...]) -> Encoded:
    """What a network makes of patients in eval mode and fp32, on its device."""
    model.eval()
    starts = range(0, len(patients), _AT_ONCE)
    batches = (inputs.batch(patients[start : start + _AT_ONCE], with_outcomes=False) for start in starts)
    return Encoded.cat([encoded(model, batch) for batch in batches])


def score(model: Model, inputs: Inputs, patients: tuple[str, ...], device: str = "cpu") -> PathScores:
    """Scores of patients in eval mode and fp32, on the CPU."""
    r = encode_patients(model.to(device), inputs, patients).r
    with torch.no_grad(), full_precision():
        return model.cpu().scores(r)

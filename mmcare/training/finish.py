"""After the last step: the heads are recalibrated on the scores of training and validation patients."""

from __future__ import annotations

import torch

from mmcare.components import Representation, split_labels
from mmcare.inputs import Inputs
from mmcare.model import Model, PathScores, full_precision

__all__ = ["finish", "represent", "score"]

_AT_ONCE = 64


def finish(
    model: Model, inputs: Inputs, training: tuple[str, ...], validation: tuple[str, ...], device: str = "cpu"
) -> Representation:
    """Recalibrate the heads; the only place for that. Afterwards the model is on the CPU, in eval mode.

    Args:
        model: The trained network.
        inputs: Fitted inputs.
        training: Training patients.
        validation: Validation patients.
        device: Where the patients are encoded.

    Returns:
        R of training and validation patients, on the CPU: whoever needs it later need not encode again.
    """
    patients = (*training, *validation)
    r = represent(model.to(device), inputs, patients, device)
    model.cpu()
    with torch.no_grad(), full_precision():
        split = split_labels(len(training), len(validation))
        model.finish(model.scores(r), inputs.outcomes_of(patients), split)
    return r


def represent(model: Model, inputs: Inputs, patients: tuple[str, ...], device: str = "cpu") -> Representation:
    """R of patients in eval mode and fp32, on the CPU."""
    model.eval()
    with torch.no_grad(), full_precision():
        parts = []
        for start in range(0, len(patients), _AT_ONCE):
            batch = inputs.batch(patients[start : start + _AT_ONCE], with_outcomes=False).to(device)
            parts.append(model.represent(model.encode(batch)))
        return Representation(
            torch.cat([r.values.cpu() for r in parts]),
            torch.cat([r.mask.cpu() for r in parts]),
        )


def score(model: Model, inputs: Inputs, patients: tuple[str, ...], device: str = "cpu") -> PathScores:
    """Scores of patients in eval mode and fp32, on the CPU."""
    r = represent(model.to(device), inputs, patients, device)
    with torch.no_grad(), full_precision():
        return model.cpu().scores(r)

"""After the last step: the heads are recalibrated on the scores of training and validation patients."""

from __future__ import annotations

import torch

from mmcare.components import split_labels
from mmcare.inputs import Inputs
from mmcare.model import Model, PathScores, full_precision

__all__ = ["finish", "score"]

_AT_ONCE = 64


def finish(
    model: Model, inputs: Inputs, training: tuple[str, ...], validation: tuple[str, ...], device: str = "cpu"
) -> None:
    """Recalibrate the heads; the only place for that. Afterwards the model is on the CPU, in eval mode.

    Args:
        model: The trained network.
        inputs: Fitted inputs.
        training: Training patients.
        validation: Validation patients.
        device: Where the patients are scored.
    """
    patients = (*training, *validation)
    scores = score(model.to(device), inputs, patients, device)
    model.cpu()
    with torch.no_grad():
        model.finish(scores, inputs.outcomes_of(patients), split_labels(len(training), len(validation)))


def score(model: Model, inputs: Inputs, patients: tuple[str, ...], device: str = "cpu") -> PathScores:
    """Scores of patients in eval mode and fp32, on the CPU."""
    model.eval()
    with torch.no_grad(), full_precision():
        batches = (
            inputs.batch(patients[start : start + _AT_ONCE], with_outcomes=False).to(device)
            for start in range(0, len(patients), _AT_ONCE)
        )
        return PathScores.cat([model(batch).to("cpu") for batch in batches])

"""The networks of a run, and what their heads see of patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from mmcare.components import Batch, Head, Prognosis, Representation
from mmcare.model import Model, full_precision
from mmcare.model.paths import average_members
from mmcare.run import EnsemblePredictor, NetworkPredictor, Predictor

__all__ = ["flat", "heads_of", "mean_prognosis", "networks_of", "represent"]


def networks_of(predictor: Predictor) -> tuple[Model, ...]:
    """The members' networks; none of a baseline."""
    if isinstance(predictor, EnsemblePredictor):
        return tuple(member.model for member in predictor.members)
    return (predictor.model,) if isinstance(predictor, NetworkPredictor) else ()


def heads_of(model: Model) -> tuple[Head, ...]:
    """A head a path."""
    return tuple(cast("list[Head]", list(model.heads)))


def represent(model: Model, batch: Batch) -> Representation:
    """R (n, P, D) of a network in eval mode, on the CPU."""
    device = next(model.parameters()).device
    with torch.no_grad(), full_precision():
        r = model.represent(model.encode(batch.to(device)))
    return Representation(r.values.cpu(), r.mask.cpu())


def flat(members: Sequence[Representation]) -> npt.NDArray[np.float64]:
    """(n, members * P * D) R of all members side by side; 0 for a path that a patient lacks."""
    parts = [torch.where(r.mask[..., None], r.values, 0.0).flatten(1) for r in members]
    return torch.cat(parts, dim=1).double().numpy()


def mean_prognosis(members: Sequence[Prognosis]) -> Prognosis:
    """The mean of the members' probabilities, of the same patients."""
    return average_members(members)

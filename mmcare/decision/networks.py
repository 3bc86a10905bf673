"""The networks of a run, and what their heads see of patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mmcare.components import Batch, Head, Prognosis, Representation
from mmcare.decision.distribution import R
from mmcare.model import Encoded, Model, encoded
from mmcare.model.paths import average_members
from mmcare.run import EnsemblePredictor, NetworkPredictor, Predictor

__all__ = ["features", "heads_of", "mean_prognosis", "networks_of", "represent"]


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
    return encoded(model, batch).r


def features(members: Sequence[Encoded]) -> dict[str, npt.NDArray[np.float64]]:
    """R and each modality's mean token, (n, D) each, of all members side by side; 0 for what a patient lacks."""
    found = {R: [_flat(member.r.values, member.r.mask) for member in members]}
    for name in members[0].pooled:
        found[name] = [_flat(member.pooled[name].values, member.pooled[name].mask) for member in members]
    return {name: torch.cat(parts, dim=1).double().numpy() for name, parts in found.items()}


def _flat(values: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask[..., None], values, 0.0).flatten(1)


def mean_prognosis(members: Sequence[Prognosis]) -> Prognosis:
    """The mean of the members' probabilities, of the same patients."""
    return average_members(members)

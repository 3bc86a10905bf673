"""Two heads about one patient: survival lies between what the competing-risk head allows."""

from __future__ import annotations

import torch
from torch import Tensor

from mmcare.components import Prognosis

__all__ = ["disagreement", "share_disagreeing"]

TOLERANCE = 0.01


def disagreement(survival: Tensor, free: Tensor, competing: Tensor) -> Tensor:
    """By how much survival leaves `1 - F_LF - F_D <= S <= 1 - F_D`; 0 inside.

    Args:
        survival: S, probability to be alive, any shape.
        free: 1 - F_LF, probability of no local failure so far, death possible; same shape.
        competing: F_D, probability that death came first; same shape.
    """
    return torch.relu(free - competing - survival) + torch.relu(survival - (1 - competing))


def share_disagreeing(prognosis: Prognosis, survival: str, local: str, tolerance: float = TOLERANCE) -> float:
    """Share of patients, arms and edges at which two endpoints disagree by more than `tolerance`; NaN where unknown.

    Args:
        prognosis: Holds both endpoints.
        survival: The endpoint whose event is death of any cause.
        local: The endpoint for which death competes.
        tolerance: Difference of probabilities that is let pass.
    """
    of, other = prognosis.endpoints[survival].free, prognosis.endpoints[local]
    assert of is not None and other.free is not None and other.competing is not None, "both endpoints have curves"
    off = disagreement(of, other.free, other.competing)[..., 1:]
    known = off[~off.isnan()]
    return float((known > tolerance).double().mean())

"""Modality dropout: whole modalities of some patients are withheld in training."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["modalities_to_keep", "rates_of"]


def rates_of(rate: float | Mapping[str, float], names: tuple[str, ...]) -> Tensor:
    """(M,) rate of each modality, from one number or one a modality (0 where it is not named)."""
    if isinstance(rate, Mapping):
        return torch.tensor([float(rate.get(name, 0.0)) for name in names])
    return torch.full((len(names),), float(rate))


def modalities_to_keep(present: Tensor, rates: Tensor, generator: torch.Generator) -> Tensor:
    """(B, M) bool, which modalities each patient keeps; where all that are present fell, one is put back.

    With one rate p and all M present, a modality is withheld at the rate p - p^M / M. Nothing is rescaled: the
    fusion sees what it will see when a modality is missing.

    Args:
        present: (B, M) bool.
        rates: (M,) in [0, 1).
        generator: Drawn from on its own device; the same number of draws whatever is present.
    """
    draws = torch.rand(2, *present.shape, generator=generator, device=generator.device).to(present.device)
    keep = (draws[0] >= rates.to(present.device)) & present
    put_back = torch.where(present, draws[1], -1.0).argmax(1)
    one = torch.nn.functional.one_hot(put_back, present.shape[1]).bool() & present
    return torch.where(keep.any(1, keepdim=True), keep, one)

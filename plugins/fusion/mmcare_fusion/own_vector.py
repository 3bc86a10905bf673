"""A vector of one width for each modality, from that modality alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from mmcare.components import Tokens, masked_mean

__all__ = ["OwnVectors"]


class OwnVectors(nn.Module):
    """z_m = f_m(LayerNorm(mean of the real tokens of m)); 0 where the modality is absent.

    Args:
        dims: D_m of each modality, in the order of the columns.
        make: Makes f_m: (B, 1, D_m) -> (B, 1, D), from D_m.
    """

    def __init__(self, dims: Mapping[str, int], make: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.names = tuple(dims)
        self.maps = nn.ModuleList(nn.Sequential(nn.LayerNorm(width), make(width)) for width in dims.values())

    def forward(self, tokens: Mapping[str, Tokens]) -> tuple[Tensor, Tensor]:
        """(B, M, D), and whether each is there, (B, M) bool."""
        means = [masked_mean(tokens[name]) for name in self.names]
        there = torch.cat([mean.mask for mean in means], dim=1)
        vectors = torch.cat([own(mean.values) for own, mean in zip(self.maps, means, strict=True)], dim=1)
        return torch.where(there[..., None], vectors, 0), there

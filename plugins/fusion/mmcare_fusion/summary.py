"""One vector a modality: the mean of its real tokens, or a learned stand-in where it is absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mmcare.components import Tokens, masked_mean

__all__ = ["Summaries"]


class Summaries(nn.Module):
    """Mean tokens in a fixed order of modalities, each with a learned vector for absence (zero is not missing)."""

    def __init__(self, names: Sequence[str], dims: Mapping[str, int]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.missing = nn.ParameterList(0.1 * torch.randn(dims[name]) for name in names)

    def forward(self, tokens: Mapping[str, Tokens]) -> tuple[list[Tensor], Tensor]:
        """(B, D_m) of each modality, and whether each is there, (B, M) bool."""
        vectors, there = [], []
        for name, stand_in in zip(self.names, self.missing, strict=True):
            mean = masked_mean(tokens[name])
            vectors.append(torch.where(mean.mask, mean.values[:, 0], stand_in.to(mean.values.dtype)))
            there.append(mean.mask[:, 0])
        return vectors, torch.stack(there, dim=1)

"""The fusion of a single modality: there is nothing to fuse, so its tokens are pooled."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from mmcare.components import Fusion, Representation, TokenLayout, Tokens, masked_mean
from mmcare.registry import FusionConfig

__all__ = ["SinglePath"]


class SinglePath(Fusion[FusionConfig]):
    """The mean of one modality's tokens."""

    paths = ("joint",)

    def __init__(self, config: FusionConfig, layouts: Mapping[str, TokenLayout], dims: Mapping[str, int]) -> None:
        super().__init__(config, layouts, dims)
        ((self.name, self.dim),) = dims.items()

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """Mean over the real tokens: (B, N, D) -> (B, 1, D)."""
        pooled = masked_mean(tokens[self.name])
        # a patient without the modality has no representation of its own: zeros, and no path
        return Representation(torch.where(pooled.mask[..., None], pooled.values, 0), pooled.mask)

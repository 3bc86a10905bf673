"""Early concatenation of the modalities' mean tokens."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from mmcare.components import Fusion, Representation, TokenLayout, Tokens
from mmcare_fusion.perceptron import perceptron
from mmcare_fusion.plugin import ConcatConfig
from mmcare_fusion.summary import Summaries

__all__ = ["Concat"]


class Concat(Fusion[ConcatConfig]):
    """R = MLP([mean_1; ...; mean_M]).

    Shapes: tokens (B, N_m, D_m) -> R (B, 1, D).
    """

    paths = ("joint",)

    def __init__(self, config: ConcatConfig, layouts: Mapping[str, TokenLayout], dims: Mapping[str, int]) -> None:
        super().__init__(config, layouts, dims)
        self.dim = config.dim
        self.summaries = Summaries(tuple(dims), dims)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in dims.values())
        self.mlp = perceptron(sum(dims.values()), config.dim, config.dropout)

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """The representation; absent only for a patient without any modality."""
        vectors, there = self.summaries(tokens)
        joined = torch.cat([norm(vector) for norm, vector in zip(self.norms, vectors, strict=True)], dim=1)
        return Representation(self.mlp(joined)[:, None], there.any(1, keepdim=True))

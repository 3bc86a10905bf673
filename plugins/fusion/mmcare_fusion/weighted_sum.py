"""Weighted sum of the modalities' vectors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmcare.components import Fusion, Representation, TokenLayout, Tokens
from mmcare_fusion.own_vector import OwnVectors
from mmcare_fusion.perceptron import perceptron
from mmcare_fusion.plugin import WeightedSumConfig

__all__ = ["WeightedSum"]


class WeightedSum(Fusion[WeightedSumConfig]):
    """R = sum of w_m z_m over the modalities present, over the sum of their w_m; z_m = MLP_m(LayerNorm(mean_m)).

    The weights are the same for every patient. Learned ones are w_m = exp(a_m), all equal at the start.

    Shapes: tokens (B, N_m, D_m) -> R (B, 1, D).
    """

    paths = ("joint",)
    log_weight: Tensor

    def __init__(self, config: WeightedSumConfig, layouts: Mapping[str, TokenLayout], dims: Mapping[str, int]) -> None:
        super().__init__(config, layouts, dims)
        self.dim = config.dim
        self.vectors = OwnVectors(dims, lambda width: perceptron(width, config.dim, config.dropout))
        if config.mixing == "learned":
            self.log_weight = nn.Parameter(torch.zeros(len(dims)))
        else:
            given = torch.tensor([config.mixing[name] for name in dims])
            self.register_buffer("log_weight", given.log())

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """The representation; absent only for a patient without any modality."""
        vectors, there = self.vectors(tokens)
        weights = self.weights(there).to(vectors.dtype)
        return Representation((weights[..., None] * vectors).sum(1, keepdim=True), there.any(1, keepdim=True))

    def weights(self, there: Tensor) -> Tensor:
        """(B, M) weights of the modalities present, which sum to 1; all 0 where there is none."""
        weight = torch.where(there, torch.exp(self.log_weight - self.log_weight.detach().max()), 0)
        total = weight.sum(1, keepdim=True)
        return weight / torch.where(total > 0, total, 1)

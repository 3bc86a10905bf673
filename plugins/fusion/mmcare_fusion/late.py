"""Late fusion: every modality predicts by itself, the probabilities are averaged."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from mmcare.components import Fusion, Representation, TokenLayout, Tokens
from mmcare_fusion.own_vector import OwnVectors
from mmcare_fusion.plugin import LateConfig

__all__ = ["Late"]


class Late(Fusion[LateConfig]):
    """A path a modality, R_m = LayerNorm(mean_m), as it is where it is D wide, else W_m of it + b_m; each gets a head.

    The fusion adds no layer that is not needed: a path is the model of its modality alone.

    The heads' losses are summed over the paths a patient has, and their probabilities averaged: a missing modality
    leaves the mean of the others. Modality dropout teaches it nothing: paths do not meet, so that a modality left out
    is data lost.

    Shapes: tokens (B, N_m, D_m) -> R (B, M, D).
    """

    def __init__(self, config: LateConfig, layouts: Mapping[str, TokenLayout], dims: Mapping[str, int]) -> None:
        super().__init__(config, layouts, dims)
        self.dim, self.paths = config.dim, tuple(dims)
        self.vectors = OwnVectors(dims, self._to_width)

    def _to_width(self, width: int) -> nn.Module:
        same = nn.Identity() if width == self.dim else nn.Linear(width, self.dim)
        return nn.Sequential(nn.Dropout(self.config.dropout), same)

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """One representation a modality, absent where the modality is."""
        return Representation(*self.vectors(tokens))

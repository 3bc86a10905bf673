"""A small convolutional encoder of PET volumes."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from mmcare.components import (
    Encoder,
    InputLayout,
    ModalityBatch,
    TokenLayout,
    Tokens,
    VolumeBatch,
    VolumeLayout,
    masked_mean,
)
from mmcare_pet.plugin import PETCNNConfig

__all__ = ["PETCNN"]


class PETCNN(Encoder[PETCNNConfig]):
    """Convolution of stride 2, batch norm, ReLU, as often as there are `channels`; then a linear map a cell.

    Shapes: values (b, 1, D, H, W) in SUV -> tokens (b, N, dim), N cells of the last grid; pooled (b, 1, dim).
    """

    def __init__(self, config: PETCNNConfig, layout: InputLayout) -> None:
        super().__init__(config, layout)
        assert isinstance(layout, VolumeLayout), "an encoder that takes `volume` is given a VolumeLayout"
        stride = 2 ** len(config.channels)
        i, j, k = (-(-n // stride) for n in layout.size)
        cells = TokenLayout(grid=(i, j, k), stride_voxels=(stride, stride, stride))
        self.dim = config.dim
        self.tokens = TokenLayout.pooled("pet") if config.pooled else cells
        self.blocks = nn.Sequential(*(_block(a, b) for a, b in pairwise((1, *config.channels))))
        self.project = nn.Linear(config.channels[-1], config.dim)
        self.place = nn.Parameter(0.02 * torch.randn(cells.count, config.dim))

    def forward(self, batch: ModalityBatch) -> Tokens:
        """A token a cell."""
        assert isinstance(batch, VolumeBatch), "a volume"
        features: Tensor = self.blocks(torch.asinh(batch.values))  # uptake spans decades
        values = self.project(features.flatten(2).transpose(1, 2)) + self.place
        tokens = Tokens(values, torch.ones(values.shape[:2], dtype=torch.bool, device=values.device))
        return masked_mean(tokens) if self.config.pooled else tokens

    def saliency_layer(self) -> nn.Module:
        """The last convolution."""
        return self.blocks[-1]


def _block(takes: int, gives: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(takes, gives, 3, stride=2, padding=1, bias=False), nn.BatchNorm3d(gives), nn.ReLU())

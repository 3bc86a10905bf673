"""CBAM's spatial attention, in three dimensions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["SpatialAttention"]


class SpatialAttention(nn.Module):
    """M(F) = sigmoid(norm(conv([mean_c F; max_c F]))), F' = M(F) * F: the attention of Eq. 3.

    Shapes: (B, C, D, H, W) -> the same.

    Source: Woo et al. 2018, CBAM, arXiv 1807.06521, Eq. 5; the kernel is the paper's 7, here along three axes,
    and batch norm follows it as in its authors' code.
    """

    def __init__(self, kernel: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv3d(2, 1, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm3d(1)

    def forward(self, features: Tensor) -> Tensor:
        """The features, weighted by place."""
        summary = torch.cat([features.mean(1, keepdim=True), features.amax(1, keepdim=True)], dim=1)
        return features * torch.sigmoid(self.norm(self.conv(summary)))

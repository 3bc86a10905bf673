"""A segmenter that is trained on with the model: its probabilities take the place of the hard mask (Eq. 1-2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from mmcare.components import Segmenter, VolumeBatch, VolumeLayout

__all__ = ["SoftMask"]


class SoftMask(nn.Module):
    """Masks a crop by the segmenter's probabilities, so that gradients reach its weights.

    The crop stays where the frozen weights located it. The mask is spread by the modality's margin, as the hard one is:
    each voxel takes the largest probability within a cube of that half width.

    Args:
        segmenter: Sees the unmasked crop, at its own `spacing_mm` where it names one.
        layout: The crop's.

    Shapes: mask (b, 1, D, H, W) in {0, 1} -> (b, 1, D, H, W) in [0, 1].
    """

    def __init__(self, segmenter: Segmenter[Any], layout: VolumeLayout) -> None:
        super().__init__()
        self.segmenter = segmenter
        self.margin_voxels = tuple(round(layout.margin_mm / spacing) for spacing in layout.spacing_mm)
        seen_mm = segmenter.config.spacing_mm
        self.seen_size = tuple(
            max(1, round(n * spacing / (seen_mm or spacing)))
            for n, spacing in zip(layout.size, layout.spacing_mm, strict=True)
        )

    def forward(self, batch: VolumeBatch) -> VolumeBatch:
        """The same rows with a soft mask."""
        probability = torch.sigmoid(_resized(self.segmenter(_resized(batch.values, self.seen_size)), batch.values))
        return replace(batch, mask=_spread(probability, self.margin_voxels))


def _resized(values: Tensor, like: Tensor | tuple[int, ...]) -> Tensor:
    size = tuple(like.shape[2:]) if isinstance(like, Tensor) else like
    if tuple(values.shape[2:]) == size:
        return values
    return nn.functional.interpolate(values, size=size, mode="trilinear", align_corners=False)


def _spread(mask: Tensor, voxels: tuple[int, ...]) -> Tensor:
    """The largest value within a box, an axis at a time."""
    for axis, reach in enumerate(voxels):
        if reach:
            window = [1, 1, 1]
            window[axis] = 2 * reach + 1
            padding = [side // 2 for side in window]
            mask = nn.functional.max_pool3d(mask, window, stride=1, padding=padding)
    return mask

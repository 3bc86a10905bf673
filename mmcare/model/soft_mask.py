"""A segmenter that is trained on with the model: its probabilities take the place of the hard mask (Eq. 1-2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from mmcare.components import Segmenter, VolumeBatch, VolumeLayout

__all__ = ["SoftMask"]

Axes = tuple[float, ...]


class SoftMask(nn.Module):
    """Masks a crop by the segmenter's probabilities, so that gradients reach its weights.

    The crop stays where the frozen weights located it. The mask is spread by the modality's margin, as the hard one is:
    each voxel takes the largest probability within a cube of that half width. A patient whose region overflowed has a
    coarser spacing; each distinct spacing goes through the segmenter by itself.

    Args:
        segmenter: Sees the unmasked crop, at its own `spacing_mm` where it names one.
        layout: The crop's.

    Shapes: mask (b, 1, D, H, W) in {0, 1} -> (b, 1, D, H, W) in [0, 1].
    """

    def __init__(self, segmenter: Segmenter[Any], layout: VolumeLayout) -> None:
        super().__init__()
        self.segmenter, self.margin_mm = segmenter, layout.margin_mm

    def forward(self, batch: VolumeBatch) -> VolumeBatch:
        """The same rows with a soft mask."""
        mask = torch.zeros_like(batch.values)
        for spacing_mm, rows in _by_spacing(batch.spacing_mm):
            mask = mask.index_copy(0, rows, self._soft(batch.values[rows], spacing_mm).to(mask.dtype))
        return replace(batch, mask=mask)

    def _soft(self, values: Tensor, spacing_mm: Axes) -> Tensor:
        """The spread probabilities of rows of one spacing."""
        shape = tuple(values.shape[2:])
        own_mm = self.segmenter.config.spacing_mm
        ratios = [spacing / (own_mm or spacing) for spacing in spacing_mm]
        seen = tuple(max(1, round(n * ratio)) for n, ratio in zip(shape, ratios, strict=True))
        probability = torch.sigmoid(_resized(self.segmenter(_resized(values, seen)), shape))
        return _spread(probability, [round(self.margin_mm / spacing) for spacing in spacing_mm])


def _by_spacing(spacing_mm: Tensor) -> Iterator[tuple[Axes, Tensor]]:
    """Each distinct spacing (to a micrometre), and the rows that have it."""
    distinct, of = torch.unique((spacing_mm * 1000).round(), dim=0, return_inverse=True)
    for place, spacing in enumerate(distinct.tolist()):
        yield tuple(micrometres / 1000 for micrometres in spacing), (of == place).nonzero()[:, 0]


def _resized(values: Tensor, size: tuple[int, ...]) -> Tensor:
    if tuple(values.shape[2:]) == size:
        return values
    return nn.functional.interpolate(values, size=size, mode="trilinear", align_corners=False)


def _spread(mask: Tensor, voxels: list[int]) -> Tensor:
    """The largest value within a box, an axis at a time."""
    for axis, reach in enumerate(voxels):
        if reach:
            window = [1, 1, 1]
            window[axis] = 2 * reach + 1
            padding = [side // 2 for side in window]
            mask = nn.functional.max_pool3d(mask, window, stride=1, padding=padding)
    return mask

"""Patches for a segmenter's training step, balanced on tumour and changed at random."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmcare.formats import Volume
from mmcare_imaging.crop import AIR_HU
from mmcare_imaging.plugin import UNet3DConfig

__all__ = ["draw_patches"]

_SHIFT_HU, _NOISE_HU = 20.0, 15.0


def draw_patches(volume: Volume, config: UNet3DConfig, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """HU (n, 1, D, H, W) and mask (n, 1, D, H, W) in {0, 1}, n = `config.patches`.

    Args:
        volume: At the network's spacing, with its mask.
        config: Size and number of patches, share in the tumour, whether they are changed.
        generator: Decides all of it.
    """
    assert volume.mask is not None, "a volume to learn from has a mask"
    seed = int(torch.randint(0, 2**31, (), generator=generator))
    transforms = _transforms(config).set_random_state(seed=seed)
    drawn = transforms({"hu": volume.values[None].astype(np.float32), "mask": volume.mask[None].astype(np.float32)})
    return _stacked(drawn, "hu"), _stacked(drawn, "mask")


def _transforms(config: UNet3DConfig) -> Any:
    """MONAI's transforms in order: fill up to a patch, crop, flip, shift HU, add noise."""
    from monai import transforms as monai

    both = ("hu", "mask")
    steps: list[Any] = [
        monai.SpatialPadd("hu", config.patch, value=AIR_HU),
        monai.SpatialPadd("mask", config.patch),
        monai.RandCropByPosNegLabeld(
            both,
            label_key="mask",
            spatial_size=config.patch,
            pos=config.tumour_share,
            neg=1 - config.tumour_share,
            num_samples=config.patches,
        ),
    ]
    if config.augment:
        steps += [monai.RandFlipd(both, prob=0.5, spatial_axis=axis) for axis in range(3)]
        steps += [
            monai.RandShiftIntensityd("hu", offsets=_SHIFT_HU, prob=0.5),
            monai.RandGaussianNoised("hu", std=_NOISE_HU, prob=0.3),
        ]
    return monai.Compose(steps)


def _stacked(drawn: list[dict[str, Any]], name: str) -> Tensor:
    return torch.stack([torch.as_tensor(np.asarray(patch[name])) for patch in drawn])

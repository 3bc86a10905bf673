"""The 3D U-Net: HU in, a logit of tumour for every voxel out (Eq. 1)."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor, nn

from mmcare.components import Absent, Mask, Segmenter
from mmcare.formats import Volume
from mmcare_imaging.crop import AIR_HU, Box, resample_mask, resample_values
from mmcare_imaging.patches import draw_patches
from mmcare_imaging.plugin import UNet3DConfig
from mmcare_imaging.resnet3d import normalise_hu

__all__ = ["UNet3D"]

_CONNECTED = np.ones((3, 3, 3), dtype=bool)


class UNet3D(Segmenter[UNet3DConfig]):
    """MONAI's residual 3D U-Net, trained by Dice + cross-entropy on patches: M = U-Net(CT) (Eq. 1).

    Shapes: HU (B, 1, D, H, W) -> logits (B, 1, D, H, W), any size.

    Source:
        Çiçek et al. 2016 (10.1007/978-3-319-46723-8_49); residual units: Kerfoot et al. 2019
        (10.1007/978-3-030-12029-0_40).
    """

    def __init__(self, config: UNet3DConfig) -> None:
        super().__init__(config)
        from monai.losses import DiceCELoss
        from monai.networks.nets import UNet

        self.network = UNet(
            spatial_dims=3,
            in_channels=1,
            out_channels=1,
            channels=config.channels,
            strides=(2,) * (len(config.channels) - 1),
            num_res_units=config.residual_units,
            norm=config.norm,
        )
        self._loss = DiceCELoss(sigmoid=True, batch=True)

    def forward(self, volume: Tensor) -> Tensor:
        """Logits; a size that the levels do not divide is filled with air on the far side and cut back."""
        step = 2 ** (len(self.config.channels) - 1)
        missing = [-n % step for n in volume.shape[2:]]
        padding = [end for n in reversed(missing) for end in (0, n)]
        logits = self.network(normalise_hu(nn.functional.pad(volume, padding, value=AIR_HU)))
        d, h, w = volume.shape[2:]
        return cast(Tensor, logits[..., :d, :h, :w])

    def resample(self, volume: Volume) -> Volume:
        """The volume on a grid of `spacing_mm` along its own axes; float32 HU and a bool mask."""
        box = self._box(volume)
        mask = None
        if volume.mask is not None:
            mask = resample_mask(Mask(volume.mask, volume.affine), box).astype(bool)
        return Volume(resample_values(volume, box).astype(np.float32), box.affine, mask)

    def draw(self, volume: Volume, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Patches, a share of them centred in the tumour; changed at random where `augment`."""
        return draw_patches(volume, self.config, generator)

    def loss(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Soft Dice of the batch plus cross-entropy, in fp32."""
        return cast(Tensor, self._loss(logits.float(), mask.float()))

    def locate(self, volume: Volume) -> Mask | Absent:
        """Sliding windows at `spacing_mm`, the mask brought back to the volume's grid."""
        seen = self.resample(volume)
        tumour = self._probability(np.asarray(seen.values, dtype=np.float32)) >= self.config.threshold
        if self.config.keep == "largest":
            tumour = _largest(tumour)
        if not tumour.any():
            return Absent("the segmenter found no tumour")
        return Mask(_on_grid_of(volume, tumour, seen.affine), volume.affine)

    def _probability(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        from monai.inferers import sliding_window_inference

        device = next(self.parameters()).device
        image = torch.from_numpy(values)[None, None]
        with torch.no_grad():
            logits = sliding_window_inference(
                image,
                roi_size=self.config.patch,
                sw_batch_size=2,
                predictor=self,
                overlap=self.config.overlap,
                mode="gaussian",
                cval=AIR_HU,
                sw_device=device,
                device="cpu",  # a whole volume of logits need not fit beside the network
            )
        return cast("npt.NDArray[np.float32]", torch.sigmoid(cast(Tensor, logits))[0, 0].float().numpy())

    def _box(self, volume: Volume) -> Box:
        """A box over all of the volume's voxels; without `spacing_mm`, at the volume's own spacing."""
        spacing = np.array([self.config.spacing_mm or s for s in volume.spacing_mm])
        corners = volume.geometry.corners_mm
        extent = corners.max(0) - corners.min(0) + spacing
        i, j, k = np.ceil(extent / spacing - 1e-6).astype(int).tolist()
        return Box((i, j, k), spacing, corners.mean(0), extent, overflows=False)


def _largest(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The connected part with the most voxels."""
    labels, count = ndimage.label(mask, _CONNECTED)
    if count <= 1:
        return mask
    return np.asarray(labels == np.bincount(labels.ravel())[1:].argmax() + 1)


def _on_grid_of(volume: Volume, mask: npt.NDArray[np.bool_], affine: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """A mask of another grid on the volume's, linear, half or more; only where it can be True is interpolated."""
    to_mask = np.linalg.inv(affine) @ volume.affine
    found = np.argwhere(mask)
    ends = np.array(np.meshgrid(*zip(found.min(0) - 1, found.max(0) + 1, strict=True))).reshape(3, -1)
    there = np.linalg.inv(to_mask)
    corners = there[:3, :3] @ ends + there[:3, 3:]
    lower = np.clip(np.floor(corners.min(1)).astype(int), 0, volume.shape)
    upper = np.clip(np.ceil(corners.max(1)).astype(int) + 1, 0, volume.shape)
    on_grid = np.zeros(volume.shape, dtype=bool)
    part = ndimage.affine_transform(
        mask.astype(np.float32),
        to_mask[:3, :3],
        to_mask[:3, :3] @ lower + to_mask[:3, 3],
        output_shape=tuple((upper - lower).tolist()),
        order=1,
    )
    on_grid[tuple(slice(a, b) for a, b in zip(lower, upper, strict=True))] = part >= 0.5
    return on_grid

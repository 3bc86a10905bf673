"""The image encoder: a 3D ResNet whose last stage gives a grid of tokens (Eq. 2-3)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmcare.components import (
    Adapted,
    Encoder,
    InputLayout,
    ModalityBatch,
    TokenLayout,
    Tokens,
    VolumeBatch,
    VolumeLayout,
    masked_mean,
)
from mmcare.errors import Finding, SpecError
from mmcare_imaging.backbone import STAGES, backbone, fetch_weights
from mmcare_imaging.crop import AIR_HU
from mmcare_imaging.plugin import ResNet3DConfig
from mmcare_imaging.weights import adapt

__all__ = ["ResNet3D", "normalise_hu"]

_SALIENCY_STRIDE = 8


def normalise_hu(values: Tensor) -> Tensor:
    """HU from -1000 (air) to 400 (dense tissue) to [-1, 1], clipped."""
    return (values.clamp(AIR_HU, 400.0) + 300.0) / 700.0


class ResNet3D(Encoder[ResNet3DConfig]):
    """A timm-3d ResNet up to the stage of the stride asked for; later stages are not built.

    `weights: timm-3d` starts from the backbone's ImageNet weights; a state dict of a ResNet in two dimensions or three,
    such as MedicalNet's, and a run will do too. What is taken, inflated or left at random is said.

    F_img = ResNet-3D with spatial attention (ROI) (Eq. 3): CBAM's spatial branch in each residual block.

    ROI = CT * M with air as zero (Eq. 2): what lies outside the mask is -1000 HU. A cell without a voxel of the mask is
    a masked token. The spacing of a patient whose region overflowed the box is told to the tokens.

    Shapes: values (b, 1, D, H, W) in HU -> tokens (b, N, dim), N cells of the grid; pooled (b, 1, dim).

    Raises:
        SpecError: timm-3d has no such backbone, or the crop is too small for the stride.
    """

    def __init__(self, config: ResNet3DConfig, layout: InputLayout) -> None:
        super().__init__(config, layout)
        assert isinstance(layout, VolumeLayout), "an encoder that takes `volume` is given a VolumeLayout"
        self.dim = config.dim
        _require_room(config, layout)
        self.stem, self.stages, channels = backbone(config)
        self.grid = tuple(-(-n // config.stride) for n in layout.size)
        stride = (config.stride,) * 3
        cells = TokenLayout(grid=self.grid, stride_voxels=stride)  # type: ignore[arg-type]
        self.tokens = TokenLayout.pooled("ct") if config.pooled else cells
        self.project = nn.Linear(channels, config.dim)
        self.place = nn.Parameter(0.02 * torch.randn(cells.count, config.dim))
        self.scale = nn.Linear(3, config.dim, bias=False)
        self.register_buffer("nominal_mm", torch.tensor(layout.spacing_mm), persistent=False)

    nominal_mm: Tensor

    def forward(self, batch: ModalityBatch) -> Tokens:
        """Tokens of the cells within the region."""
        assert isinstance(batch, VolumeBatch), "a volume"
        features = self.stem(self._input(batch))
        for stage in self.stages:
            features = stage(features)
        values = self.project(features.flatten(2).transpose(1, 2)) + self.place
        coarser = torch.log2(batch.spacing_mm.to(values) / self.nominal_mm)
        tokens = Tokens(values + self.scale(coarser)[:, None], self._cells(batch.mask))
        return masked_mean(tokens) if self.config.pooled else tokens

    def saliency_layer(self) -> nn.Module:
        """The stage of stride 8, or the last where tokens come from an earlier one."""
        return self.stages[min(STAGES[_SALIENCY_STRIDE], len(self.stages)) - 1]

    def adapt(self, tensors: Mapping[str, Tensor]) -> Adapted:
        """Weights of a ResNet in two dimensions or three, of MedicalNet, or of another run; see `weights.adapt`."""
        return adapt(self.state_dict(), tensors, frozen=self.config.freeze)

    @classmethod
    def published_weights(cls, config: ResNet3DConfig, word: str) -> Mapping[str, Tensor]:
        """timm-3d's weights of the backbone."""
        return fetch_weights(config.backbone)

    def _input(self, batch: VolumeBatch) -> Tensor:
        values = batch.values
        if self.config.masked == "hard":
            # Eq. 2 with air as zero; a mask may be soft, and what stands outside of it, no number at all even, is air
            values = torch.where(batch.mask > 0, AIR_HU + batch.mask * (values - AIR_HU), AIR_HU)
        return normalise_hu(values)

    def _cells(self, mask: Tensor) -> Tensor:
        """(b, N) bool, cells that hold a voxel of the mask; all of them where none does."""
        cells = nn.functional.adaptive_max_pool3d(mask.float(), self.grid).flatten(1) >= 0.5
        return cells | ~cells.any(1, keepdim=True)


def _require_room(config: ResNet3DConfig, layout: VolumeLayout) -> None:
    if min(layout.size) < config.stride:
        size = " x ".join(map(str, layout.size))
        what = f"a stride of {config.stride} voxels does not fit the crop of {size} voxels."
        raise SpecError(
            Finding(key="stride", what=what, todo="Write a smaller `stride`, or a larger `size` of the CT.")
        )

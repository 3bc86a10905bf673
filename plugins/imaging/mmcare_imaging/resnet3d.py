"""The image encoder: a 3D ResNet whose last stage gives a grid of tokens (Eq. 2-3)."""

from __future__ import annotations

import warnings

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
from mmcare.errors import Finding, SpecError
from mmcare_imaging.crop import AIR_HU
from mmcare_imaging.plugin import ResNet3DConfig
from mmcare_imaging.spatial_attention import SpatialAttention

__all__ = ["ResNet3D", "normalise_hu"]

_STAGES = {4: 1, 8: 2, 16: 3, 32: 4}
_SALIENCY_STRIDE = 8


def normalise_hu(values: Tensor) -> Tensor:
    """HU from -1000 (air) to 400 (dense tissue) to [-1, 1], clipped."""
    return (values.clamp(AIR_HU, 400.0) + 300.0) / 700.0


class ResNet3D(Encoder[ResNet3DConfig]):
    """A timm-3d ResNet up to the stage of the stride asked for; later stages are not built.

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
        self.stem, self.stages, channels = _backbone(config)
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
        return self.stages[min(_STAGES[_SALIENCY_STRIDE], len(self.stages)) - 1]

    def _input(self, batch: VolumeBatch) -> Tensor:
        values = batch.values
        if self.config.masked == "hard":
            values = AIR_HU + batch.mask * (values - AIR_HU)  # Eq. 2 with air as zero; a mask may be soft
        return normalise_hu(values)

    def _cells(self, mask: Tensor) -> Tensor:
        """(b, N) bool, cells that hold a voxel of the mask; all of them where none does."""
        cells = nn.functional.adaptive_max_pool3d(mask.float(), self.grid).flatten(1) >= 0.5
        return cells | ~cells.any(1, keepdim=True)


def _backbone(config: ResNet3DConfig) -> tuple[nn.Module, nn.ModuleList, int]:
    """Stem, stages up to the stride, and the channels of the last."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # timm uses torch.jit.script when it is imported
        import timm_3d

    if config.backbone not in timm_3d.list_models("resnet*"):
        names = ", ".join(timm_3d.list_models("resnet*")[:6])
        what = f"timm-3d has no `{config.backbone}`; it has {names}, …."
        raise SpecError(Finding(key="backbone", what=what, todo="`timm_3d.list_models('resnet*')` lists them all."))
    whole = timm_3d.create_model(config.backbone, pretrained=False, in_chans=1, num_classes=0)
    stages = [getattr(whole, f"layer{number}") for number in range(1, _STAGES[config.stride] + 1)]
    if config.spatial_attention:
        for stage in stages:
            for block in stage:
                block.se = SpatialAttention()  # where timm puts a block's attention: before the residual sum
    stem = nn.Sequential(whole.conv1, whole.bn1, whole.act1, whole.maxpool)
    return stem, nn.ModuleList(stages), whole.feature_info[_STAGES[config.stride]]["num_chs"]

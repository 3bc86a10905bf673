"""What this distribution offers; light, for listings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, field_validator

from mmcare.registry import (
    Component,
    EncoderConfig,
    ModalityConfig,
    SegmenterConfig,
    SegmenterPart,
    hookimpl,
)

__all__ = ["CTConfig", "MaskConfig", "ResNet3DConfig", "WholeConfig"]

MMCARE_API = 1

Millimetres = Annotated[float, Field(gt=0, le=50)]
Voxels = Annotated[int, Field(ge=4, le=512)]


class CTConfig(ModalityConfig):
    """Keys of the CT modality."""

    spacing_mm: Millimetres | tuple[Millimetres, Millimetres, Millimetres] = Field(
        1.5, description="Spacing of the crop in mm, one number or one an axis."
    )
    size: tuple[Voxels, Voxels, Voxels] = Field((64, 64, 64), description="Voxels of the crop along each axis.")
    margin_mm: float = Field(10.0, ge=0, le=200, description="Margin around the region in mm, on every side.")
    on_overflow: Literal["shrink", "crop"] = Field(
        "shrink",
        description="Where region and margin exceed the crop: a coarser spacing for this patient, or cut at the box.",
    )
    augment: bool = Field(True, description="Random flips and small shifts of HU in training.")
    roi: SegmenterPart | None = Field(
        None, description="What finds the tumour that the crop is centred on; by default the centre of the volume."
    )

    @field_validator("spacing_mm", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @property
    def spacings_mm(self) -> tuple[float, float, float]:
        """Spacing along each axis in mm."""
        s = self.spacing_mm
        return s if isinstance(s, tuple) else (s, s, s)


class MaskConfig(SegmenterConfig):
    """Keys of the segmenter that takes the mask drawn by hand."""


class WholeConfig(SegmenterConfig):
    """Keys of the segmenter that marks the whole volume."""


class ResNet3DConfig(EncoderConfig):
    """Keys of the 3D ResNet."""

    backbone: str = Field("resnet18", pattern=r"^resnet\w+$", description="Any `resnet*` that timm-3d offers.")
    spatial_attention: bool = Field(True, description="CBAM's spatial attention in every residual block.")
    stride: Literal[4, 8, 16, 32] = Field(16, description="Voxels of the crop from one token to the next.")
    dim: int = Field(128, ge=1, description="Width of the tokens.")
    masked: Literal["hard", "none"] = Field(
        "hard",
        description="`hard`: what lies outside the region is air (-1000 HU), as in Eq. 2; `none`: left as it is.",
    )


@hookimpl
def mmcare_components() -> Iterator[Component]:
    """The modality, the segmenters without weights, and the encoder."""
    yield Component(
        kind="modality",
        name="ct",
        summary="A CT crop around the tumour in HU, from DICOM, NIfTI or NRRD.",
        config=CTConfig,
        target="mmcare_imaging.ct:CT",
        gives="volume",
    )
    yield Component(
        kind="segmenter",
        name="mask",
        summary="The mask that the cohort brings (drawn by hand).",
        config=MaskConfig,
        target="mmcare_imaging.segmenters:GivenMask",
    )
    yield Component(
        kind="segmenter",
        name="whole",
        summary="The whole volume.",
        config=WholeConfig,
        target="mmcare_imaging.segmenters:WholeVolume",
    )
    yield Component(
        kind="encoder",
        name="resnet3d",
        summary="A timm-3d ResNet with spatial attention; a token a cell of its grid (Eq. 3).",
        config=ResNet3DConfig,
        target="mmcare_imaging.resnet3d:ResNet3D",
        takes="volume",
    )

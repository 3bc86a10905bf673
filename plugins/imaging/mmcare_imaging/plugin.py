"""What this distribution offers; light, for listings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mmcare.registry import (
    Component,
    EncoderConfig,
    ModalityConfig,
    SegmenterConfig,
    SegmenterPart,
    hookimpl,
)

__all__ = ["Augmentation", "CTConfig", "MaskConfig", "ResNet3DConfig", "UNet3DConfig", "WholeConfig"]

MMCARE_API = 1

Millimetres = Annotated[float, Field(gt=0, le=50)]
Voxels = Annotated[int, Field(ge=4, le=512)]


class Augmentation(BaseModel):
    """How a training crop is changed, each time anew."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    flip: bool = Field(True, description="Mirror each axis with probability one half.")
    rotate_degrees: float = Field(
        0.0, ge=0, le=180, description="Turn about each axis by an angle within plus and minus this, in mm space."
    )
    scale: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="Zoom by a factor within 1 plus and minus this; the encoder is told the spacing, for size matters.",
    )
    shift_hu: float = Field(20.0, ge=0, le=500, description="Shift all HU by a value within plus and minus this.")
    noise_hu: float = Field(
        0.0, ge=0, le=500, description="Add noise by voxel; its standard deviation is within 0 and this."
    )


class CTConfig(ModalityConfig):
    """Keys of the CT modality."""

    spacing_mm: Millimetres | tuple[Millimetres, Millimetres, Millimetres] = Field(
        1.5, description="Spacing of the crop in mm, one number or one an axis."
    )
    size: tuple[Voxels, Voxels, Voxels] = Field((64, 64, 64), description="Voxels of the crop along each axis.")
    margin_mm: float = Field(
        10.0,
        ge=0,
        le=200,
        description="Margin around the region in mm, on every side. The mask includes it: the tumour's surroundings "
        "are seen, all else is air to an encoder with `masked: hard`; 0 leaves the region alone (Eq. 2).",
    )
    on_overflow: Literal["shrink", "crop"] = Field(
        "shrink",
        description="Where region and margin exceed the crop: `shrink`, a coarser spacing on all axes for this patient "
        "(the encoder is told), or `crop`, cut at the box. Either way it is said.",
    )
    augment: bool | Augmentation = Field(
        True,
        description="Random changes in training: `true`, flips and shifts of HU; `false`, none; or a map of `flip`, "
        "`rotate_degrees`, `scale`, `shift_hu` and `noise_hu`.",
    )
    roi: SegmenterPart | None = Field(
        None, description="What finds the tumour that the crop is centred on; by default the centre of the volume."
    )

    @field_validator("spacing_mm", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @property
    def augmentation(self) -> Augmentation | None:
        """How training crops are changed; None where they are not."""
        if isinstance(self.augment, Augmentation):
            return self.augment
        return Augmentation() if self.augment else None

    @property
    def spacings_mm(self) -> tuple[float, float, float]:
        """Spacing along each axis in mm."""
        s = self.spacing_mm
        return s if isinstance(s, tuple) else (s, s, s)


class MaskConfig(SegmenterConfig):
    """Keys of the segmenter that takes the mask drawn by hand."""


class WholeConfig(SegmenterConfig):
    """Keys of the segmenter that marks the whole volume."""


class UNet3DConfig(SegmenterConfig):
    """Keys of the 3D U-Net."""

    spacing_mm: Millimetres | None = Field(
        1.5, description="Spacing in mm at which the network sees the volume, the same along each axis."
    )
    patch: tuple[Voxels, Voxels, Voxels] = Field((96, 96, 96), description="Voxels of a patch along each axis.")
    patches: int = Field(2, ge=1, le=64, description="Patches that a training step draws of each volume.")
    tumour_share: float = Field(0.5, ge=0, le=1, description="Share of patches that are centred in the tumour.")
    channels: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field(
        (16, 32, 64, 128, 256),
        min_length=2,
        description="Channels of each level, finest first; each halves the grid.",
    )
    residual_units: int = Field(2, ge=0, le=8, description="Convolutions of each level's residual unit.")
    norm: Literal["batch", "instance"] = Field(
        "batch",
        description="`batch` keeps absolute HU; `instance`, which loses them, where a step holds very few patches.",
    )
    augment: bool = Field(True, description="Random flips, and small changes of HU, in training.")
    overlap: float = Field(0.25, ge=0, lt=1, description="Share by which neighbouring windows overlap when it locates.")
    threshold: float = Field(0.5, gt=0, lt=1, description="Probability from which on a voxel counts as tumour.")
    keep: Literal["largest", "all"] = Field(
        "largest", description="Connected parts of the mask to keep: the largest alone, or all."
    )

    @model_validator(mode="after")
    def _divisible(self) -> UNet3DConfig:
        step = 2 ** (len(self.channels) - 1)
        odd = [n for n in self.patch if n % step]
        if odd:
            raise ValueError(f"{len(self.channels)} levels need a patch of multiples of {step} voxels, found {odd[0]}")
        return self


class ResNet3DConfig(EncoderConfig):
    """Keys of the 3D ResNet."""

    published: ClassVar[tuple[str, ...]] = ("timm-3d",)

    backbone: str = Field("resnet18", pattern=r"^resnet\w+$", description="Any `resnet*` that timm-3d offers.")
    spatial_attention: bool = Field(True, description="CBAM's spatial attention in every residual block.")
    stride: Literal[4, 8, 16, 32] = Field(16, description="Voxels of the crop from one token to the next.")
    dim: int = Field(128, ge=1, description="Width of the tokens.")
    masked: Literal["hard", "none"] = Field(
        "hard",
        description="`hard`: what lies outside the mask (region and margin) is air (-1000 HU), as in Eq. 2; "
        "`none`: left as it is.",
    )


@hookimpl
def mmcare_components() -> Iterator[Component]:
    """The modality, the segmenters, and the encoder."""
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
        name="unet3d",
        summary="A 3D U-Net that learns to find the tumour (Eq. 1).",
        config=UNet3DConfig,
        target="mmcare_imaging.unet3d:UNet3D",
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

"""What this distribution offers; light, for listings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from mmcare.registry import Component, EncoderConfig, ModalityConfig, hookimpl

__all__ = ["PETCNNConfig", "PETConfig"]

MMCARE_API = 1

Voxels = Annotated[int, Field(ge=4, le=512)]


class PETConfig(ModalityConfig):
    """Keys of the PET modality."""

    spacing_mm: float = Field(4.0, gt=0, le=50, description="Spacing of the sample in mm, the same along each axis.")
    size: tuple[Voxels, Voxels, Voxels] = Field((48, 48, 48), description="Voxels of the sample along each axis.")
    augment: bool = Field(True, description="Random left-right flips in training.")


class PETCNNConfig(EncoderConfig):
    """Keys of the convolutional encoder."""

    dim: int = Field(64, ge=1, description="Width of the tokens.")
    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (8, 16, 32, 64), min_length=1, max_length=6, description="Channels of each convolution; each halves the grid."
    )


@hookimpl
def mmcare_components() -> Iterator[Component]:
    """The modality and the encoder."""
    yield Component(
        kind="modality",
        name="pet",
        summary="The middle of an FDG-PET in standardised uptake values (SUV), from NIfTI.",
        config=PETConfig,
        target="mmcare_pet.modality:PET",
        gives="volume",
    )
    yield Component(
        kind="encoder",
        name="pet-cnn",
        summary="Strided 3D convolutions; a token a cell of the last grid.",
        config=PETCNNConfig,
        target="mmcare_pet.encoder:PETCNN",
        takes="volume",
    )

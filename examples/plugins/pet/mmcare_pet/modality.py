"""The PET modality: standardised uptake values (SUV) around the middle of the volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor

from mmcare.components import (
    Absent,
    Fitted,
    Modality,
    ModalityBatch,
    Prepared,
    Region,
    Source,
    VolumeBatch,
    VolumeLayout,
)
from mmcare.errors import CohortError, Finding
from mmcare.formats import Volume, read_nifti
from mmcare_pet.plugin import PETConfig

__all__ = ["PET"]

HIGHEST_SUV = 1000.0
"""The hottest bladder stays below; activity in Bq/ml lies above."""


class PET(Modality[PETConfig]):
    """The middle of a PET on a grid of its own; the cohort's entry is `files`, a NIfTI in SUV a patient.

    Shapes: values (b, 1, D, H, W) in SUV; axes along right, front, head.
    """

    def files(self, source: Source, patient: str) -> tuple[Path, ...]:
        """The volume, if it is there."""
        path = source.path("files", patient)
        return () if path is None or not path.exists() else (path,)

    def read(self, source: Source, patient: str) -> Volume | Absent:
        """The volume.

        Raises:
            CohortError: The file cannot be used, or holds no SUV.
        """
        files = self.files(source, patient)
        if not files:
            return Absent("no PET")
        volume, _ = read_nifti(files[0])
        highest = float(volume.values.max())
        if highest > HIGHEST_SUV:
            what = f"holds values up to {highest:,.0f}; SUV stay below {HIGHEST_SUV:,.0f}."
            todo = "Divide activity in Bq/ml by the injected dose a gram of body weight."
            raise CohortError(Finding(file=files[0], what=what, todo=todo, code="no-suv"))
        return volume

    def volume(self, raw: Volume) -> Volume:
        """The volume as read."""
        return raw

    def prepare(self, raw: Volume, region: Region | None) -> Prepared:
        """Linear interpolation on the sample's grid; no uptake outside the volume."""
        affine = self._grid(raw, region)
        to_voxels = np.linalg.inv(raw.affine) @ affine
        suv = ndimage.affine_transform(
            raw.values.astype(np.float32),
            to_voxels[:3, :3],
            to_voxels[:3, 3],
            output_shape=self.config.size,
            order=1,
            mode="grid-constant",
        )
        return Prepared({"affine": affine.tolist()}, {"suv": suv})

    def _grid(self, volume: Volume, region: Region | None) -> npt.NDArray[np.float64]:
        """(4, 4), a grid along right, front and head around the middle of the region, or of the volume."""
        size, spacing = np.array(self.config.size), self.config.spacing_mm
        middle = (volume.affine @ [*(np.array(volume.shape) - 1) / 2, 1.0])[:3] if region is None else region.centre_mm
        affine = np.diag([spacing, spacing, spacing, 1.0])
        affine[:3, 3] = middle - spacing * (size - 1) / 2
        return affine

    def layout(self, fitted: Fitted | None) -> VolumeLayout:
        """The sample's grid."""
        return VolumeLayout(size=self.config.size, spacing_mm=(self.config.spacing_mm,) * 3)

    def collate(self, items: Sequence[Prepared], rows: Tensor, fitted: Fitted) -> VolumeBatch:
        """Samples side by side; the mask is 1 everywhere."""
        values = torch.from_numpy(np.stack([item.arrays["suv"] for item in items]))[:, None]
        affine = torch.tensor([cast("list[list[float]]", item.values["affine"]) for item in items], dtype=torch.float64)
        return VolumeBatch(
            rows=rows,
            values=values,
            mask=torch.ones_like(values),
            spacing_mm=affine[:, :3, :3].norm(dim=1).float(),
            affine=affine,
        )

    def augment(self, batch: ModalityBatch, generators: Sequence[torch.Generator]) -> VolumeBatch:
        """Each row flipped left to right at even odds; the affine goes along."""
        volumes = cast(VolumeBatch, batch)
        if not self.config.augment:
            return volumes
        flipped = torch.tensor([bool(torch.rand((), generator=g, device=g.device) < 0.5) for g in generators])
        flip = torch.eye(4, dtype=torch.float64, device=volumes.affine.device)
        flip[0, 0], flip[0, 3] = -1, volumes.values.shape[2] - 1
        turn = flipped.to(volumes.values.device)
        return replace(
            volumes,
            values=torch.where(turn[:, None, None, None, None], volumes.values.flip(2), volumes.values),
            affine=torch.where(turn[:, None, None], volumes.affine @ flip, volumes.affine),
        )

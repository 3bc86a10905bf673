"""Cutting a box out of a volume: where it lies, and the voxels resampled within it alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from mmcare.components import Mask, Region
from mmcare.formats import Volume

__all__ = ["AIR_HU", "Box", "box_around", "centre_box", "region_mask", "resample_mask", "resample_values"]

AIR_HU = -1000.0
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Box:
    """A grid on RAS+ axes.

    Attributes:
        size: Voxels along each axis.
        spacing_mm: Spacing along each axis.
        centre_mm: Its centre.
        wanted_mm: Extent that was asked for; greater than the nominal box where it overflows.
        overflows: Whether the region with its margin exceeds the nominal box.
    """

    size: tuple[int, int, int]
    spacing_mm: Floats
    centre_mm: Floats
    wanted_mm: Floats
    overflows: bool

    @property
    def affine(self) -> Floats:
        """(4, 4) from voxel centres to mm."""
        affine = np.diag([*self.spacing_mm, 1.0])
        affine[:3, 3] = self.centre_mm - self.spacing_mm * (np.array(self.size) - 1) / 2
        return affine

    def padded(self, rim: npt.NDArray[np.int64]) -> Box:
        """The same grid with `rim` more voxels on both sides of each axis."""
        i, j, k = (np.array(self.size) + 2 * rim).tolist()
        return replace(self, size=(i, j, k))


def box_around(
    region: Region, size: tuple[int, int, int], spacing_mm: tuple[float, float, float], margin_mm: float, shrink: bool
) -> Box:
    """The box centred on a region; where region and margin exceed it, coarser by one factor on all axes if `shrink`."""
    nominal, wanted = np.array(spacing_mm), region.extent_mm + 2 * margin_mm
    factor = float((wanted / (nominal * size)).max())
    overflows = factor > 1 + 1e-9
    spacing = nominal * factor if overflows and shrink else nominal
    return Box(size, spacing, region.centre_mm, wanted, overflows)


def centre_box(volume: Volume, size: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> Box:
    """The box at the centre of a volume."""
    middle = volume.affine[:3, :3] @ ((np.array(volume.shape) - 1) / 2) + volume.affine[:3, 3]
    nominal = np.array(spacing_mm)
    return Box(size, nominal, middle, nominal * size, False)


def resample_values(volume: Volume, box: Box) -> npt.NDArray[np.int16]:
    """HU on the box's grid, linear, air outside the volume; smoothed before where the box is much coarser."""
    values = _resample(volume.values, volume.affine, box, outside=AIR_HU)
    return np.clip(np.rint(values), -32768, 32767).astype(np.int16)


def resample_mask(mask: Mask, box: Box) -> npt.NDArray[np.uint8]:
    """The mask on the box's grid, half a voxel or more; one too small for a voxel keeps the nearest to its middle."""
    found = _resample(mask.values.astype(np.float32), mask.affine, box, outside=0.0) >= 0.5
    if not found.any() and mask.values.any():
        middle = mask.affine[:3, :3] @ np.argwhere(mask.values).mean(0) + mask.affine[:3, 3]
        place = np.rint((middle - box.affine[:3, 3]) / box.spacing_mm).astype(int)
        found[tuple(np.clip(place, 0, np.array(box.size) - 1))] = True
    return found.astype(np.uint8)


def region_mask(mask: Mask, box: Box, margin_mm: float) -> npt.NDArray[np.uint8]:
    """The mask on the box's grid, grown by a margin: 1 where a voxel lies in it or within `margin_mm` of its surface.

    The margin is measured in mm between centres of voxels, half a voxel (of the finest axis) being the way from a
    centre to the surface. What the box cuts off grows into the box like the rest.
    """
    if margin_mm <= 0:
        return resample_mask(mask, box)
    rim = np.ceil(margin_mm / box.spacing_mm).astype(int) if box.overflows else np.zeros(3, dtype=int)
    tumour = resample_mask(mask, box.padded(rim))
    apart = ndimage.distance_transform_edt(tumour == 0, sampling=box.spacing_mm)
    grown = apart <= margin_mm + box.spacing_mm.min() / 2
    inner = tuple(slice(r, n - r) for r, n in zip(rim, grown.shape, strict=True))
    return np.asarray(grown[inner], dtype=np.uint8)


def _resample(values: npt.NDArray[np.generic], affine: Floats, box: Box, outside: float) -> npt.NDArray[np.float32]:
    """Only the voxels that the box touches are smoothed and interpolated."""
    to_voxels = np.linalg.inv(affine) @ box.affine
    part, start = _touched(values, to_voxels, box, outside)
    steps = np.linalg.norm(to_voxels[:3, :3], axis=1)  # voxels of the volume a voxel of the box
    part = ndimage.gaussian_filter(part, np.maximum(0, (steps - 1) / 2), mode="nearest") if steps.max() > 1.5 else part
    offset = to_voxels[:3, 3] - start
    return np.asarray(
        ndimage.affine_transform(
            part, to_voxels[:3, :3], offset, output_shape=box.size, order=1, mode="grid-constant", cval=outside
        )
    )


def _touched(
    values: npt.NDArray[np.generic], to_voxels: Floats, box: Box, outside: float
) -> tuple[npt.NDArray[np.float32], Floats]:
    """The part of the volume under the box with a rim, and where it starts; what lies outside is filled."""
    ends = np.array(np.meshgrid(*[(0, n - 1) for n in box.size])).reshape(3, -1)
    corners = to_voxels[:3, :3] @ ends + to_voxels[:3, 3:]
    rim = 2 + np.ceil(2 * np.linalg.norm(to_voxels[:3, :3], axis=1)).astype(int)
    lower = np.floor(corners.min(1)).astype(int) - rim
    upper = np.ceil(corners.max(1)).astype(int) + rim + 1
    inner = [slice(max(0, a), max(0, min(n, b))) for a, b, n in zip(lower, upper, values.shape, strict=True)]
    found = values[tuple(inner)].astype(np.float32)
    pads = [(min(max(0, -a), b - a), 0) for a, b in zip(lower, upper, strict=True)]
    pads = [(p[0], (b - a) - p[0] - n) for p, a, b, n in zip(pads, lower, upper, found.shape, strict=True)]
    return np.pad(found, pads, constant_values=outside), lower.astype(np.float64)

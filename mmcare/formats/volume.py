"""A CT volume: values that never travel without the grid on which they lie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["Geometry", "Series", "Volume", "canonical", "spans_space"]

LEAST_VOLUME = 0.01  # of three unit axes: below it they lie as good as in one plane
TOLERANCE = 0.01  # of the spacing: how far two grids may lie apart and count as one


@dataclass(frozen=True, eq=False)
class Geometry:
    """A grid of voxels.

    Attributes:
        shape: Number of voxels along (i, j, k).
        affine: (4, 4) float64, from (i, j, k) of a voxel's centre to mm in RAS+.
    """

    shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxels along (i, j, k) in mm."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0).tolist()
        return i, j, k

    @property
    def orientation(self) -> str:
        """Direction of each axis in three letters: `RAS` goes to the patient's right, front, head."""
        directions = self.affine[:3, :3]
        letters = []
        for axis in range(3):
            world = int(np.abs(directions[:, axis]).argmax())
            letters.append(("LR", "PA", "IS")[world][int(directions[world, axis] > 0)])
        return "".join(letters)

    @property
    def corners_mm(self) -> npt.NDArray[np.float64]:
        """(8, 3), centres of the corner voxels in mm in RAS+."""
        ends = [(0, n - 1) for n in self.shape]
        indices = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(8, 3)
        return indices @ self.affine[:3, :3].T + self.affine[:3, 3]

    def difference(self, other: Geometry) -> str:
        """In what two grids differ, both values named; empty where they are one to 0.01 of the spacing everywhere."""
        if self.shape != other.shape:
            return f"size {_by(self.shape)} against {_by(other.shape)} voxels"
        apart = float(np.linalg.norm(self.corners_mm - other.corners_mm, axis=1).max())
        if apart <= TOLERANCE * min(self.spacing_mm):
            return ""
        parts = [
            f"{name} {mine} against {theirs}"
            for name, mine, theirs in (
                ("spacing", f"{_mm(self.spacing_mm)} mm", f"{_mm(other.spacing_mm)} mm"),
                ("origin", f"({_mm(self.affine[:3, 3])}) mm", f"({_mm(other.affine[:3, 3])}) mm"),
                ("axes", _axes(self.affine), _axes(other.affine)),
            )
            if mine != theirs
        ]
        return f"{', '.join(parts)}; up to {apart:.4g} mm apart"

    def __str__(self) -> str:
        return f"{_by(self.shape)} voxels of {_by(f'{s:.4g}' for s in self.spacing_mm)} mm, {self.orientation}"


@dataclass(frozen=True, slots=True)
class Series:
    """The DICOM series that a volume was read from: what a structure set must refer to."""

    series_uid: str
    study_uid: str
    frame_of_reference_uid: str
    description: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Volume:
    """A CT in Hounsfield units on its grid, axes in RAS+ order.

    Attributes:
        values: (i, j, k) int16 or float32, HU.
        affine: (4, 4) float64, from voxel centres (i, j, k) to mm in RAS+.
        mask: (i, j, k) bool on the same grid, or None.
        series: The DICOM series it was read from, or None.
    """

    values: npt.NDArray[np.int16] | npt.NDArray[np.float32]
    affine: npt.NDArray[np.float64]
    mask: npt.NDArray[np.bool_] | None = None
    series: Series | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.dtype not in (np.dtype(np.int16), np.dtype(np.float32)):
            raise ValueError(f"values must be (i, j, k) int16 or float32, not {self.values.dtype} {self.values.shape}")
        if self.affine.shape != (4, 4) or not np.isfinite(self.affine).all():
            raise ValueError(f"affine must be (4, 4) and finite, not {self.affine.tolist()}")
        if self.mask is not None and (self.mask.shape != self.values.shape or self.mask.dtype != np.bool_):
            raise ValueError(f"mask must be bool {self.values.shape}, not {self.mask.dtype} {self.mask.shape}")

    @cached_property
    def geometry(self) -> Geometry:
        """The grid of the values."""
        i, j, k = self.values.shape
        return Geometry((i, j, k), self.affine)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along (i, j, k)."""
        return self.geometry.shape

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxels along (i, j, k) in mm."""
        return self.geometry.spacing_mm

    def __repr__(self) -> str:
        mask = "" if self.mask is None else f", mask of {np.count_nonzero(self.mask):,} voxels"
        return f"Volume({self.geometry}{mask})"


def canonical(
    values: npt.NDArray[np.generic], affine: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.float64]]:
    """The same voxels with axes flipped and permuted so that they run nearest to right, front and head (RAS+).

    Args:
        values: (i, j, k).
        affine: (4, 4) to mm in RAS+.

    Returns:
        Values without negative strides, and their affine. No voxel is interpolated.
    """
    from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

    orientation = io_orientation(affine)
    turned = apply_orientation(values, orientation)
    return np.copy(turned, order="K"), affine @ inv_ornt_aff(orientation, values.shape)


def spans_space(affine: npt.NDArray[np.float64]) -> bool:
    """Whether the axes of an affine (4, 4) or its directions (3, 3) are finite, not null, and not in one plane."""
    axes = affine[:3, :3]
    lengths = np.linalg.norm(axes, axis=0)
    if not np.isfinite(affine).all() or not (lengths > 0).all() or not np.isfinite(lengths).all():
        return False
    return abs(float(np.linalg.det(axes / lengths))) > LEAST_VOLUME


def _by(sizes: object) -> str:
    return " x ".join(str(size) for size in sizes)  # type: ignore[attr-defined]


def _mm(values: object) -> str:
    return ", ".join(f"{value:.6g}" for value in values)  # type: ignore[attr-defined]


def _axes(affine: npt.NDArray[np.float64]) -> str:
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return " ".join(f"({_mm(np.round(axis, 4) + 0.0)})" for axis in directions.T)

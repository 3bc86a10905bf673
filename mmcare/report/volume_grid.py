"""The grid on which a page shows an image: along right, front and head, around what the model looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

__all__ = ["ViewGrid", "around", "resampled"]

LEAST_MM, RIM_MM = 160.0, 30.0
"""Least side of the cube that is shown, and what is shown on every side of a large region."""
MOST_VOXELS = 1_250_000
"""Of one image in a page: about 1.8 MB as it is embedded, whatever the scanner's resolution."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ViewGrid:
    """A grid of voxels, `shape` along (right, front, head), `affine` (4, 4) from voxels to mm."""

    shape: tuple[int, int, int]
    affine: Floats

    def voxel(self, mm: Floats) -> tuple[int, int, int]:
        """The voxel nearest to a place in mm, inside the grid."""
        place = (mm - self.affine[:3, 3]) / np.diag(self.affine)[:3]
        i, j, k = np.clip(np.rint(place), 0, np.array(self.shape) - 1).astype(int).tolist()
        return i, j, k


def around(centre_mm: Floats, extent_mm: Floats, shape: tuple[int, ...], affine: Floats) -> ViewGrid:
    """The grid around a region, as far as the image goes.

    Args:
        centre_mm: (3,) of the region. extent_mm: (3,) of it.
        shape: Of the image. affine: (4, 4) of the image, to mm in RAS+.
    """
    lower, upper = _bounds_mm(shape, affine)
    half = np.maximum(LEAST_MM, extent_mm + 2 * RIM_MM) / 2
    start, end = np.maximum(lower, centre_mm - half), np.minimum(upper, centre_mm + half)
    side = np.maximum(end - start, np.linalg.norm(affine[:3, :3], axis=0).min())
    finest = float(np.linalg.norm(affine[:3, :3], axis=0).min())
    spacing = max(finest, float((side.prod() / MOST_VOXELS) ** (1 / 3)))
    i, j, k = np.maximum(np.floor(side / spacing).astype(int), 1).tolist()
    grid = np.diag([spacing, spacing, spacing, 1.0])
    grid[:3, 3] = (start + end) / 2 - spacing * (np.array([i, j, k]) - 1) / 2
    return ViewGrid((i, j, k), grid)


def _bounds_mm(shape: tuple[int, ...], affine: Floats) -> tuple[Floats, Floats]:
    """Outer faces of the image's voxels along the axes in mm."""
    ends = np.stack(np.meshgrid(*[(-0.5, n - 0.5) for n in shape], indexing="ij"), -1).reshape(-1, 3)
    corners = ends @ affine[:3, :3].T + affine[:3, 3]
    return corners.min(0), corners.max(0)


def resampled(
    values: npt.NDArray[np.generic], affine: Floats, grid: ViewGrid, *, outside: float, order: int = 1
) -> npt.NDArray[np.float32]:
    """An image (i, j, k) on the grid; linear, or the nearest voxel's with `order` 0."""
    matrix = np.linalg.inv(affine) @ grid.affine
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in grid.shape], indexing="ij"), -1).reshape(-1, 3)
    places = corners @ matrix[:3, :3].T + matrix[:3, 3]
    start = np.clip(np.floor(places.min(0)).astype(int) - 2, 0, None)
    end = np.ceil(places.max(0)).astype(int) + 3
    part = values[tuple(slice(a, max(a + 1, b)) for a, b in zip(start, end, strict=True))].astype(np.float32)
    return np.asarray(
        ndimage.affine_transform(
            part, matrix[:3, :3], matrix[:3, 3] - start, grid.shape, order=order, mode="grid-constant", cval=outside
        ),
        dtype=np.float32,
    )

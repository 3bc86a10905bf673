"""A CT in small: three planes through the middle of its mask, and the mask's outline."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.formats.volume import Volume

__all__ = ["GAP", "TILE", "Thumbnail", "thumbnail"]

TILE, GAP = 128, 2
"""Side of a plane in px, and px between two."""
WINDOW_HU = (-1000.0, 350.0)
"""What is black and what is white: lung, tumour and chest wall all show."""
_FIELD_MM = 160.0
"""Side of what is shown; twice the mask where that is more, the whole CT where it is smaller or has no mask."""
_QUALITY = 70
_PLANES = (("axial", 0, 1), ("coronal", 0, 2), ("sagittal", 1, 2))
"""Name, and the axes of the volume (right, front, head) that run across and up."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """Three planes beside each other.

    Attributes:
        patient: Whose CT it is.
        jpeg: Grey picture, 128 px a plane, 2 px between them. Seen from the feet, the front and the patient's left:
            the patient's right is on the left of the first two, the front on the left of the third.
        outline: `d` of an SVG path in px of the picture; empty where the planes meet no mask.
        field_mm: Side of each plane in mm.
        mask: What of the mask there was: `drawn`, `empty` or `none`.
    """

    patient: str
    jpeg: bytes
    outline: str
    field_mm: float
    mask: str


def thumbnail(volume: Volume, patient: str) -> Thumbnail:
    """Three planes of a CT in HU, through the centroid of its mask; through its middle where it has none."""
    spacing = np.array(volume.spacing_mm)
    marked = _marked(volume.mask) if volume.mask is not None else np.zeros((0, 3), dtype=np.int64)
    centre = marked.mean(axis=0) if len(marked) else (np.array(volume.shape) - 1) / 2
    field = _field(volume, marked, spacing)
    tiles: list[npt.NDArray[np.uint8]] = []
    outlines: list[str] = []
    for place, (_, across, up) in enumerate(_PLANES):
        view = _View(across, up, centre, spacing, field, place * (TILE + GAP))
        tiles.append(view.pixels(volume.values))
        if len(marked) and volume.mask is not None:
            outlines += view.outline(volume.mask)
    mask = "none" if volume.mask is None else "drawn" if len(marked) else "empty"
    return Thumbnail(patient, _jpeg(tiles), "".join(outlines), float(field), mask)


def _marked(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """(n, 3) voxels of a mask; only its box is searched, since most of a CT is not tumour."""
    used = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    if not len(used[0]):
        return np.zeros((0, 3), dtype=np.int64)
    box = tuple(slice(int(side[0]), int(side[-1]) + 1) for side in used)
    return np.argwhere(mask[box]) + np.array([side[0] for side in used], dtype=np.int64)


def _field(volume: Volume, marked: npt.NDArray[np.int64], spacing: npt.NDArray[np.float64]) -> float:
    whole = float((np.array(volume.shape) * spacing).max())
    if not len(marked):
        return whole
    extent = float(((np.ptp(marked, axis=0) + 1) * spacing).max())
    return min(whole, max(_FIELD_MM, 2 * extent))


@dataclass(frozen=True, slots=True)
class _View:
    """One plane of a volume, `field` mm wide and high around `centre` (voxels), its picture `left` px from the left."""

    across: int
    up: int
    centre: npt.NDArray[np.float64]
    spacing: npt.NDArray[np.float64]
    field: float
    left: int

    def pixels(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
        """The plane as a picture (128, 128): high values of its axes are on the left, and at the top."""
        from scipy.ndimage import map_coordinates

        mm = (np.arange(TILE) + 0.5) / TILE * self.field - self.field / 2
        columns = self.centre[self.across] - mm / self.spacing[self.across]
        rows = self.centre[self.up] - mm / self.spacing[self.up]
        grid = np.meshgrid(columns, rows, indexing="ij")
        hu = map_coordinates(self._slice(values).astype(np.float32), grid, order=1, cval=WINDOW_HU[0]).T
        low, high = WINDOW_HU
        return np.asarray(np.clip((hu - low) / (high - low), 0, 1) * 255, dtype=np.uint8)

    def outline(self, mask: npt.NDArray[np.bool_]) -> Iterator[str]:
        """Paths around what the mask holds of the plane, in px of the picture."""
        from skimage.measure import approximate_polygon, find_contours

        for corners in find_contours(np.pad(self._slice(mask), 1).astype(np.float32), 0.5):
            mm = (self.centre[[self.across, self.up]] - (corners - 1)) * self.spacing[[self.across, self.up]]
            px = approximate_polygon((mm / self.field + 0.5) * TILE, 0.3)
            within = np.clip(px[:-1], 0, TILE)
            yield "M" + "L".join(f"{x + self.left:.1f} {y:.1f}" for x, y in within) + "Z"

    def _slice(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        through = 3 - self.across - self.up
        place = int(np.clip(round(float(self.centre[through])), 0, values.shape[through] - 1))
        return np.moveaxis(values, through, 0)[place]  # a view: `take` would copy the whole CT


def _jpeg(tiles: list[npt.NDArray[np.uint8]]) -> bytes:
    from PIL import Image

    sheet = np.zeros((TILE, 3 * TILE + 2 * GAP), dtype=np.uint8)
    for place, tile in enumerate(tiles):
        left = place * (TILE + GAP)
        sheet[:, left : left + TILE] = tile
    written = io.BytesIO()
    Image.fromarray(sheet).save(written, "JPEG", quality=_QUALITY, optimize=True)
    return written.getvalue()

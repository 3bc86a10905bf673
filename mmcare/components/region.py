"""The region of a volume in which a modality's sample is cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Mask", "Region"]


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask on a volume's own grid: `values (i, j, k)` bool, and the volume's affine (4, 4) to mm in RAS+."""

    values: npt.NDArray[np.bool_]
    affine: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Region:
    """Where a segmenter located the tumour, once a patient.

    Attributes:
        lower_mm: (3,), least corner of the box in RAS+ mm, voxel faces included.
        upper_mm: (3,), its greatest corner.
        mask: The mask cropped to the box; None where the segmenter marks nothing inside (`whole`).
        key: Digest of what decided the region (volume, segmenter, its weights); part of the cache key.
    """

    lower_mm: npt.NDArray[np.float64]
    upper_mm: npt.NDArray[np.float64]
    mask: Mask | None
    key: str

    @property
    def extent_mm(self) -> npt.NDArray[np.float64]:
        """(3,), length of the box along each axis in mm."""
        return self.upper_mm - self.lower_mm

    @property
    def centre_mm(self) -> npt.NDArray[np.float64]:
        """(3,), centre of the box in mm."""
        return (self.upper_mm + self.lower_mm) / 2

"""How well a mask agrees with the one drawn by hand: Dice, and the 95th percentile of the Hausdorff distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

__all__ = ["dice", "hausdorff_95_mm"]

Mask = npt.NDArray[np.bool_]


def dice(found: Mask, truth: Mask) -> float:
    """Twice the common voxels over the sum of both, in [0, 1]; NaN where both masks (i, j, k) are empty.

    Source:
        Dice 1945 (10.2307/1932409).
    """
    total = np.count_nonzero(found) + np.count_nonzero(truth)
    return 2 * np.count_nonzero(found & truth) / total if total else float("nan")


def hausdorff_95_mm(found: Mask, truth: Mask, spacing_mm: Sequence[float]) -> float:
    """The larger of the two directed 95th percentiles of the distance between surfaces, in mm; NaN where one is empty.

    A surface is the mask's voxels that have a face outside of it.

    Args:
        found: (i, j, k).
        truth: (i, j, k).
        spacing_mm: Spacing along each axis.

    Source:
        Huttenlocher et al. 1993 (10.1109/34.232073); the percentile as in Taha and Hanbury 2015
        (10.1186/s12880-015-0068-x).
    """
    if not found.any() or not truth.any():
        return float("nan")
    part = _around(found | truth)
    a, b = _surface(found[part]), _surface(truth[part])
    return max(_directed(a, b, spacing_mm), _directed(b, a, spacing_mm))


def _directed(a: Mask, b: Mask, spacing_mm: Sequence[float]) -> float:
    distance = ndimage.distance_transform_edt(~b, sampling=spacing_mm)
    return float(np.percentile(distance[a], 95))


def _surface(mask: Mask) -> Mask:
    return np.asarray(mask & ~ndimage.binary_erosion(mask))


def _around(mask: Mask) -> tuple[slice, ...]:
    """The part of the array that holds the mask."""
    return ndimage.find_objects(mask.astype(np.int8))[0]  # type: ignore[no-any-return]

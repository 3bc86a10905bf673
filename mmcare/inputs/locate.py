"""From a segmenter's mask to the region in which a modality's sample is cut."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmcare.components import Absent, Mask, Region, Segmenter
from mmcare.formats import Volume

__all__ = ["region_of"]


def region_of(volume: Volume, segmenter: Segmenter[Any], key: str) -> Region | Absent:
    """The region that `segmenter` locates in `volume`.

    Where it finds nothing: the whole volume, if its config says `fallback: whole`, else Absent with the reason.
    """
    mask = segmenter.locate(volume)
    if isinstance(mask, Mask) and not mask.values.any():
        mask = Absent("the mask is empty")
    if isinstance(mask, Absent):
        if segmenter.config.fallback != "whole":
            return mask
        mask = Mask(np.ones(volume.values.shape, dtype=bool), volume.affine)
    return _region(mask, key)


def _region(mask: Mask, key: str) -> Region:
    lower, upper = _bounds(mask.values)
    corners = np.stack(np.meshgrid(*zip(lower - 0.5, upper + 0.5, strict=True), indexing="ij"), -1).reshape(-1, 3)
    in_mm = corners @ mask.affine[:3, :3].T + mask.affine[:3, 3]
    affine = mask.affine.copy()
    affine[:3, 3] += mask.affine[:3, :3] @ lower
    cropped = mask.values[tuple(slice(a, b + 1) for a, b in zip(lower, upper, strict=True))]
    return Region(in_mm.min(0), in_mm.max(0), Mask(cropped, affine), key)


def _bounds(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """First and last index along each axis."""
    used = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    return np.array([u[0] for u in used]), np.array([u[-1] for u in used])

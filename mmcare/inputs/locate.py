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
    affine = mask.affine.copy()
    affine[:3, 3] += mask.affine[:3, :3] @ lower
    cropped = mask.values[tuple(slice(a, b + 1) for a, b in zip(lower, upper, strict=True))]
    in_mm = _ends(cropped) @ affine[:3, :3].T + affine[:3, 3]
    half = np.abs(affine[:3, :3]).sum(1) / 2  # from a voxel's centre to its farthest corner along each axis in mm
    return Region(in_mm.min(0) - half, in_mm.max(0) + half, Mask(cropped, affine), key)


def _ends(mask: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """(n, 3), first and last voxel of every column along k: no other voxel is extreme along any direction."""
    i, j = np.nonzero(mask.any(axis=2))
    columns = mask[i, j]
    first, last = columns.argmax(1), mask.shape[2] - 1 - columns[:, ::-1].argmax(1)
    return np.concatenate([np.stack([i, j, first], 1), np.stack([i, j, last], 1)])


def _bounds(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """First and last index along each axis."""
    used = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    return np.array([u[0] for u in used]), np.array([u[-1] for u in used])

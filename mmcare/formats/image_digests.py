"""Digests of a CT and its mask: equal where the voxels are, whatever the format."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.formats.volume import Volume

__all__ = ["ImageDigests", "digests_of"]


@dataclass(frozen=True, slots=True)
class ImageDigests:
    """Digests of the voxels of a CT and of its mask.

    Attributes:
        image: Of the CT.
        mask: Of the mask; empty where there is none, or none that tells one patient from another.
    """

    image: str
    mask: str = ""


def digests_of(volume: Volume) -> ImageDigests:
    """The digests of a volume and its mask: of size and values, not of where it lies in space."""
    shape = volume.shape
    if volume.mask is None or _fills_its_box(volume.mask):
        return ImageDigests(_digest(volume.values, shape))
    return ImageDigests(_digest(volume.values, shape), _digest(np.packbits(volume.mask), shape))


def _digest(values: npt.NDArray[np.generic], shape: tuple[int, ...]) -> str:
    if values.dtype == np.float32 and bool((np.abs(values) < 2**15).all() and (np.rint(values) == values).all()):
        values = values.astype(np.int16)  # some formats keep whole numbers as floats
    digest = hashlib.blake2b(repr((shape, values.dtype.str)).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def _fills_its_box(mask: npt.NDArray[np.bool_]) -> bool:
    """Whether a mask is empty, a point or a box: such stand at one place in many patients' crops by right."""
    sides = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    return not len(sides[0]) or int(mask.sum()) == int(np.prod([side[-1] - side[0] + 1 for side in sides]))

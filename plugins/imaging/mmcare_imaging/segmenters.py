"""Segmenters without weights."""

from __future__ import annotations

import numpy as np

from mmcare.components import Absent, Mask, Segmenter
from mmcare.formats import Volume
from mmcare_imaging.plugin import MaskConfig, WholeConfig

__all__ = ["GivenMask", "WholeVolume"]


class GivenMask(Segmenter[MaskConfig]):
    """The mask that came with the volume."""

    def locate(self, volume: Volume) -> Mask | Absent:
        """The volume's own mask; Absent where it has none."""
        return Absent("no tumour mask") if volume.mask is None else Mask(volume.mask, volume.affine)


class WholeVolume(Segmenter[WholeConfig]):
    """No tumour is sought: all of the volume."""

    def locate(self, volume: Volume) -> Mask:
        """True everywhere."""
        return Mask(np.ones(volume.shape, dtype=bool), volume.affine)

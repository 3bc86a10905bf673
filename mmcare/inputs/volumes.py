"""Volumes with masks as a segmenter sees them: resampled once, kept in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmcare.cache import Cache
from mmcare.cohort import LabelledVolumes
from mmcare.components import Prepared, Segmenter
from mmcare.errors import CohortError, Finding
from mmcare.formats import Volume
from mmcare.formats.digest import key_of
from mmcare.inputs.samples import Progress
from mmcare.spec import ResolvedPart

__all__ = ["SegmenterVolumes"]

_GRID = {"weights", "freeze", "from_", "fallback"}  # keys that decide nothing of the resampled volume


class SegmenterVolumes:
    """The volumes of a folder on the segmenter's grid.

    Args:
        volumes: As the folder holds them.
        segmenter: Resamples.
        part: The segmenter as the spec resolves it; part of the cache key.
        cache: Where resampled volumes are kept.
    """

    def __init__(self, volumes: LabelledVolumes, segmenter: Segmenter[Any], part: ResolvedPart, cache: Cache) -> None:
        self.volumes, self.segmenter, self.cache = volumes, segmenter, cache
        config = part.config.model_dump(mode="json", exclude=_GRID)
        self._identity = [part.entry.qualified, part.entry.provider.version, config, volumes.roi]

    def prepare(self, patients: Sequence[str], progress: Progress | None = None) -> None:
        """Bring all patients into the cache.

        Raises:
            CohortError: Files that cannot be used, all patients' findings together.
        """
        wrong: list[Finding] = []
        for done, patient in enumerate(patients, 1):
            try:
                self.volume(patient)
            except CohortError as error:
                wrong += [f if f.patient is not None else f.at(patient=patient) for f in error.findings]
            if progress is not None:
                progress("reading volumes and masks", done, len(patients))
        if wrong:
            raise CohortError(wrong)

    def volume(self, patient: str) -> Volume:
        """The patient's volume, float32 HU, with its mask."""
        key = key_of(self.cache.digests(self.volumes.files[patient]), self._identity)
        return _as_volume(self.cache.get_or_compute(key, lambda: self._resampled(patient)))

    def _resampled(self, patient: str) -> Prepared:
        return _as_sample(self.segmenter.resample(self.volumes.read(patient)))


def _as_sample(volume: Volume) -> Prepared:
    assert volume.mask is not None, "it was read with its mask"
    hu = np.clip(np.rint(volume.values), -32768, 32767).astype(np.int16)
    return Prepared({}, {"hu": hu, "mask": volume.mask.astype(np.uint8), "affine": volume.affine})


def _as_volume(sample: Prepared) -> Volume:
    arrays = sample.arrays
    return Volume(arrays["hu"].astype(np.float32), arrays["affine"].astype(np.float64), arrays["mask"].astype(np.bool_))

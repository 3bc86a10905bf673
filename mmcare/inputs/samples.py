"""From a patient's files to prepared samples: read, locate, prepare; from the cache where they are there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from mmcare.cache import Cache
from mmcare.components import Absent, Modality, Prepared, Segmenter, Source
from mmcare.errors import CohortError
from mmcare.formats.digest import key_of
from mmcare.inputs.locate import region_of
from mmcare.spec import ResolvedPart

__all__ = ["Kept", "Progress", "Samples", "Stage"]

log = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and how many there are."""
_Result = Prepared | Absent | CohortError


class Kept(StrEnum):
    """What became of a patient's sample when the cache was filled."""

    THERE = "there already"
    PREPARED = "prepared"
    ABSENT = "absent"
    NOT_CACHED = "made anew each time"
    """It comes of no file of the patient's own."""


@dataclass(frozen=True)
class Samples:
    """The prepared samples of one modality.

    Attributes:
        prepared: By patient id; patients without the modality are not in it.
        absent: Why each other patient has none.
    """

    prepared: Mapping[str, Prepared] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)


class Stage:
    """Prepares the samples of one modality of a cohort.

    Args:
        part: The modality as the spec resolves it.
        source: The cohort as the modality sees it.
        segmenter: What locates its region; None where the modality is not located in.
        segmenter_digest: Digest of the segmenter's weights; empty where it has none.
    """

    def __init__(
        self, part: ResolvedPart, source: Source, segmenter: Segmenter[Any] | None = None, segmenter_digest: str = ""
    ) -> None:
        self.part, self.source, self.segmenter = part, source, segmenter
        self.modality = cast("Modality[Any]", part.make())
        roi = _identity(part.parts["roi"]) if "roi" in part.parts else None
        self._identity = [_identity(part), self.modality.sample_version, roi, _settings(source)]
        self._segmenter_digest = segmenter_digest

    def samples(
        self, patients: Iterable[str], cache: Cache, workers: int = 1, progress: Progress | None = None
    ) -> Samples:
        """Prepare the samples of `patients`.

        Raises:
            CohortError: Files that cannot be used, all patients' findings together.
        """
        patients = list(patients)
        results: dict[str, _Result] = {}
        with _mapping(workers) as mapped:
            for patient, result in zip(patients, mapped(lambda p: self._sample(p, cache), patients), strict=True):
                results[patient] = result
                if progress is not None:
                    progress(f"reading {self.source.key}", len(results), len(patients))
        return _sorted(results)

    def _sample(self, patient: str, cache: Cache) -> _Result:
        try:
            key = self._key(patient, cache)
            if key is None:
                return self._compute(patient, "")
            return cache.get_or_compute(key, lambda: self._compute(patient, key))
        except CohortError as error:
            return error

    def keep(self, patient: str, cache: Cache) -> Kept:
        """Bring a patient's sample into the cache; one that is there is read, and so checked.

        Raises:
            CohortError: The patient's files cannot be used.
        """
        key = self._key(patient, cache)
        if key is None:  # no file: either there is nothing of the patient, or it stands in a file of all patients
            return Kept.ABSENT if isinstance(self.modality.read(self.source, patient), Absent) else Kept.NOT_CACHED
        computed: list[Prepared | Absent] = []

        def compute() -> Prepared | Absent:
            computed.append(self._compute(patient, key))
            return computed[0]

        if isinstance(cache.get_or_compute(key, compute), Absent):
            return Kept.ABSENT
        return Kept.PREPARED if computed else Kept.THERE

    def _key(self, patient: str, cache: Cache) -> str | None:
        """Digest of all that decides the sample; None where no files of the patient's do."""
        files = self.modality.files(self.source, patient)
        return key_of(cache.digests(files), self._identity, self._segmenter_digest) if files else None

    def _compute(self, patient: str, key: str) -> Prepared | Absent:
        raw = self.modality.read(self.source, patient)
        if isinstance(raw, Absent):
            return raw
        if self.segmenter is None:
            return self.modality.prepare(raw, None)
        region = region_of(self.modality.volume(raw), self.segmenter, key)
        return region if isinstance(region, Absent) else self.modality.prepare(raw, region)


@contextmanager
def _mapping(workers: int) -> Iterator[Callable[[Callable[[str], _Result], Iterable[str]], Iterator[_Result]]]:
    """`map` over threads; a single worker is the main thread, which Ctrl-C stops at once."""
    if workers <= 1:
        yield map
        return
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C nobody waits for the patients not begun


def _sorted(results: Mapping[str, _Result]) -> Samples:
    """Who has the modality, and who lacks it why; raises the findings of all files that cannot be used."""
    prepared = {patient: result for patient, result in results.items() if isinstance(result, Prepared)}
    absent = {patient: result.reason for patient, result in results.items() if isinstance(result, Absent)}
    wrong = [
        finding if finding.patient is not None else finding.at(patient=patient)
        for patient, result in results.items()
        if isinstance(result, CohortError)
        for finding in result.findings
    ]
    if wrong:
        raise CohortError(wrong)
    return Samples(prepared, absent)


def _settings(source: Source) -> Mapping[str, str]:
    """What the cohort's entry says beside the patient's files, such as the structure that an RTSTRUCT is read for."""
    return {name: value for name, value in source.entry.items() if "{patient}" not in value}


def _identity(part: ResolvedPart) -> list[object]:
    """What of a part decides its output: its name, its plugin's version, its config without its own parts."""
    config = part.config.model_dump(mode="json", exclude={*part.parts, "encoder", "optional", "from_", "weights"})
    return [part.entry.qualified, part.entry.provider.version, config]

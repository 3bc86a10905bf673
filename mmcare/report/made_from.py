"""What decides a report, as a digest: the run, the cohort's tables and shared files, and the patient's own files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from mmcare.cache import Cache
from mmcare.cohort import Cohort
from mmcare.formats.digest import key_of
from mmcare.inputs import open_stage
from mmcare.inputs.samples import Stage
from mmcare.run import Run

__all__ = ["MadeFrom"]


class MadeFrom:
    """Keys of the reports of a cohort's patients by a run.

    A key is that of contents: a file that was only copied or touched keeps it. Contents are read once and remembered
    in the cache, by path, size and time.

    Args:
        run: A finished run. cohort: Whose patients. cache: That remembers digests.
    """

    def __init__(self, run: Run, cohort: Cohort, cache: Cache | None = None) -> None:
        self.run, self.cohort, self.cache = run, cohort, cache or Cache()

    def key(self, patient: str) -> str:
        """Of one patient's report."""
        return key_of([self._shared, [self._digests(_own(stage, patient)) for stage in self._stages]])

    @cached_property
    def _shared(self) -> str:
        """What all reports have in common."""
        run = [[name, file.sha256] for name, file in sorted(self.run.manifest.files.items())]
        files = [self._digests(_common(stage)) for stage in self._stages]
        return key_of([self.run.manifest.id, run, self.cohort.fingerprint(), files, version("mmcare")])

    @cached_property
    def _stages(self) -> tuple[Stage, ...]:
        """Of the modalities that the cohort holds."""
        found = (open_stage(name, part, self.cohort, None) for name, part in self.run.spec.modalities.items())
        return tuple(stage for stage in found if stage is not None)

    def _digests(self, paths: Iterable[Path]) -> list[str]:
        return [self._digest(path) for path in dict.fromkeys(paths)]

    def _digest(self, path: Path) -> str:
        try:
            return self.cache.digest(path) if path.exists() else "not there"
        except OSError:  # the report itself says what is wrong with it
            return "not readable"


def _own(stage: Stage, patient: str) -> Iterator[Path]:
    """The patient's files: those that the dictionary names for him, and those that the modality says it reads."""
    for name, value in stage.source.entry.items():
        path = stage.source.path(name, patient)
        if path is not None and "{patient}" in value:
            yield path
    yield from stage.modality.files(stage.source, patient)


def _common(stage: Stage) -> Iterator[Path]:
    """The cohort's files for all patients, such as a table of mutations; of an entry that names no file, nothing."""
    for value in stage.source.entry.values():
        path = stage.source.root / value
        if "{patient}" not in value and path.is_file():
            yield path

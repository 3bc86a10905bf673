"""What it takes to import one patient, and what came of it: plain values that travel between processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mmcare.cohort.importing.scan import ScannedFile
from mmcare.errors import Finding
from mmcare.formats.digest import key_of

__all__ = ["Outcome", "PatientResult", "PatientTask", "Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user asked for.

    Attributes:
        cohort: The cohort's folder.
        rois: Names or patterns of the regions that make the mask.
        series: SeriesInstanceUIDs to take where a patient has several.
        replace: Whether a patient who is there may be imported anew.
        source: Name of the source, for the record; empty where it is not to be told.
        listed: Patients that the cohort's table has.
    """

    cohort: Path
    rois: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    replace: bool = False
    source: str = ""
    listed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PatientTask:
    """One patient of a source.

    Attributes:
        patient: The id in the cohort.
        root: The source's folder.
        files: All files of the patient.
        settings: What the user asked for.
    """

    patient: str
    root: Path
    files: tuple[ScannedFile, ...]
    settings: Settings

    def key(self) -> str:
        """Digest of what the images are made of, wherever the source lies: the same key is the same work."""
        objects = sorted(
            (file.header.sop_instance_uid if file.header is not None else file.path.name, file.n_bytes)
            for file in self.files
        )
        wanted = [uid for uid in self.settings.series if any(_has(file, uid) for file in self.files)]
        return key_of([1, objects, [roi.strip().casefold() for roi in self.settings.rois], wanted])


def _has(file: ScannedFile, series_uid: str) -> bool:
    return file.header is not None and file.header.series_uid == series_uid


class Outcome(StrEnum):
    """What became of a patient."""

    IMPORTED = "imported"
    DONE = "there already"
    KEPT = "kept as it is"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PatientResult:
    """What came of one patient.

    Attributes:
        patient: The id in the cohort.
        outcome: What became of it.
        files: The patient's files by class; they add up to all of them.
        image: The CT in words; empty where none was written.
        mask: The mask in words; empty where none was written.
        findings: What was found on the way; errors say why a patient was refused.
    """

    patient: str
    outcome: Outcome
    files: Mapping[str, int]
    image: str = ""
    mask: str = ""
    findings: tuple[Finding, ...] = field(default=())

"""A folder of DICOM files de-identified into another: each file whole or absent, so that it can be gone on with."""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmcare.cohort.deidentify.allow_list import EDITION
from mmcare.cohort.deidentify.deidentifier import Deidentifier, file_bytes
from mmcare.cohort.deidentify.held_back import CLASSES, HeldBack
from mmcare.cohort.deidentify.values import one_text
from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats.atomic import write_bytes, write_text
from mmcare.formats.dicom_headers import files_below

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["SETTINGS", "FileRecord", "FolderSummary", "deidentify_folder"]

Progress = Callable[[str, int, int], None]
SETTINGS = "deidentification.json"
_FOLDERS = {"CT image": "ct", "structure set": "rtstruct", "segmentation": "seg"}
_LEFT_BY_A_KILLED_WRITE = re.compile(r"\..+\.[0-9a-f]{12}")
_ID_TAGS = ["SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "PatientID"]


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What became of one file.

    Attributes:
        file: The original.
        kind: What it is: `CT image`, `structure set`, `segmentation`, `other object`, `no DICOM file`, `damaged`.
        outcome: `written`, `there already`, `held back`, `the same object again` or `left out`.
        reason: Why it is held back or left out.
    """

    file: Path
    kind: str
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FolderSummary:
    """All files of a folder, each once, and what there is to say of them.

    Attributes:
        files: The files, in the order of their names.
        findings: A finding for each file that is not written.
    """

    files: tuple[FileRecord, ...]
    findings: tuple[Finding, ...]

    def counts(self) -> dict[tuple[str, str, str], int]:
        """Files by kind, outcome and reason; they add up to all files."""
        return dict(sorted(Counter((r.kind, r.outcome, r.reason) for r in self.files).items()))

    @property
    def n_safe(self) -> int:
        """Files whose de-identified form is there now."""
        return sum(record.outcome in ("written", "there already") for record in self.files)


def deidentify_folder(
    source: Path, out: Path, deidentifier: Deidentifier, progress: Progress | None = None
) -> FolderSummary:
    """Write the de-identified form of every CT image, structure set and segmentation below a folder.

    Files land in `out/PATIENT/CLASS-SERIES/UID.dcm`, all new names. What is there already is not written again: run it
    once more to go on after a stop.

    Raises:
        CohortError: There is no such folder, one of the two lies within the other, or `out` holds other things.
        MMCareError: A file cannot be written.
    """
    _check_places(source, out)
    findings: list[Finding] = []
    paths = list(files_below(source, findings))
    _begin(out, deidentifier)
    work, records = _Work(out, deidentifier, {}), []
    for done, path in enumerate(paths, start=1):
        with warnings.catch_warnings(action="ignore"):  # pydicom's quote what a header holds
            record, finding = work.file(path)
        records.append(record)
        findings += [finding] if finding is not None else []
        if progress is not None:
            progress("De-identifying", done, len(paths))
    return FolderSummary(tuple(records), tuple(findings))


@dataclass(frozen=True, slots=True)
class _Work:
    """One pass over the files.

    Attributes:
        out: Where to write.
        deidentifier: What makes the new objects.
        seen: The original file of each object of this pass, by the new path.
    """

    out: Path
    deidentifier: Deidentifier
    seen: dict[Path, Path]

    def file(self, path: Path) -> tuple[FileRecord, Finding | None]:
        """De-identify one file, if it is one that can be."""
        kind = "damaged"
        try:
            if not _is_dicom(path):
                return FileRecord(path, "no DICOM file", "left out"), None
            header = _read(path, header_only=True)
            sop_class = one_text(header, "SOPClassUID") or one_text(header.file_meta, "MediaStorageSOPClassUID")
            kind = CLASSES.get(sop_class, "other object" if sop_class else "damaged")
            target = self._target(header, kind)
            if target is not None and target in self.seen:
                return self._again(path, kind, self.seen[target])
            if target is not None and target.exists():
                self.seen[target] = path
                return FileRecord(path, kind, "there already"), None
            made = self.deidentifier.dataset(_read(path))
        except (OSError, CohortError) as error:
            return FileRecord(path, kind, "left out", "not readable"), _unreadable(path, error)
        # pydicom raises whatever a damaged element makes it stumble over: one file must not end the pass.
        except Exception as error:
            return FileRecord(path, kind, "left out", "damaged"), _unreadable(path, error)
        if isinstance(made, HeldBack):
            return FileRecord(path, kind, "held back", made.code), made.finding(path)
        assert target is not None, "what is made has all its ids"
        write_bytes(target, file_bytes(made))
        self.seen[target] = path
        return FileRecord(path, kind, "written"), None

    def _target(self, header: Dataset, kind: str) -> Path | None:
        """Where the new object goes; None for what is held back."""
        patient, series, uid = (one_text(header, tag) for tag in reversed(_ID_TAGS[1:]))
        if kind not in _FOLDERS or not (patient and series and uid):
            return None
        names = self.deidentifier.pseudonyms
        folder = f"{_FOLDERS[kind]}-{names.label('series', series)}"
        return self.out / names.patient(patient) / folder / f"{names.uid(uid)}.dcm"

    def _again(self, path: Path, kind: str, first: Path) -> tuple[FileRecord, Finding]:
        what = f"holds the same object as {first} (one SOPInstanceUID); the first is taken."
        finding = Finding(file=path, what=what, severity=Severity.WARNING, code="duplicate-object")
        return FileRecord(path, kind, "the same object again"), finding


def _is_dicom(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _read(path: Path, header_only: bool = False) -> Dataset:
    from pydicom import dcmread

    if header_only:
        return dcmread(path, stop_before_pixels=True, specific_tags=list(_ID_TAGS))
    return dcmread(path)


def _unreadable(path: Path, error: Exception) -> Finding:
    what = f"is left out, for it cannot be read ({cut(f'{type(error).__name__}: {error}')})."
    return Finding(file=path, what=what, todo="Export it again.", severity=Severity.WARNING, code="damaged-dicom")


def _check_places(source: Path, out: Path) -> None:
    if not source.is_dir():
        what = "is a file; a folder of DICOM files is due." if source.exists() else "there is no such folder."
        raise CohortError(Finding(file=source, what=what, todo="Name the folder of the files.", code="no-folder"))
    inner, outer = out.resolve(), source.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        what = f"originals ({source}) and what is made of them ({out}) lie one within the other."
        raise CohortError(Finding(file=out, what=what, todo="Write to a folder apart.", code="same-place"))


def _begin(out: Path, deidentifier: Deidentifier) -> None:
    """A new folder, or one that was begun with the same key and settings; what a killed write left is cleared away."""
    settings, file = _settings(deidentifier), out / SETTINGS
    if not file.exists():
        if out.exists() and (out.is_file() or any(out.iterdir())):
            what = f"exists, is not empty and was not begun by this command (it has no {SETTINGS})."
            raise CohortError(Finding(file=out, what=what, todo="Name another folder.", code="exists"))
        write_text(file, json.dumps(settings, indent=1) + "\n")
    _check_same(file, settings)
    for left in _left(out):
        left.unlink(missing_ok=True)


def _settings(deidentifier: Deidentifier) -> dict[str, object]:
    return {
        "profile": f"Basic Application Level Confidentiality Profile as an allow-list ({EDITION})",
        "options": ["Clean Descriptors", "Retain Longitudinal Temporal Information Modified Dates"],
        "key": deidentifier.pseudonyms.label("key", ""),
        "regions": list(deidentifier.regions),
        "release": sorted(deidentifier.release),
    }


def _check_same(file: Path, settings: dict[str, object]) -> None:
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = None
    other = [key for key in settings if not isinstance(before, dict) or before.get(key) != settings[key]]
    if other:
        what = f"the folder was begun with other settings ({', '.join(other)} differ)."
        todo = "Go on with the same key and options, or name another folder."
        raise CohortError(Finding(file=file, what=what, todo=todo, code="other-settings"))


def _left(out: Path) -> Iterator[Path]:
    return (path for path in out.rglob(".*") if _LEFT_BY_A_KILLED_WRITE.fullmatch(path.name) and path.is_file())

"""One file of a folder: read, held back or made anew, and written whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmcare.cohort.deidentify.deidentifier import Deidentifier, file_bytes
from mmcare.cohort.deidentify.held_back import CLASSES, HeldBack
from mmcare.cohort.deidentify.reading import is_dicom, read_dicom
from mmcare.cohort.deidentify.values import one_text
from mmcare.errors import Finding, Severity, cut
from mmcare.formats.archive import is_archive
from mmcare.formats.atomic import write_bytes

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["FileRecord", "Work"]

_FOLDERS = {"CT image": "ct", "structure set": "rtstruct", "segmentation": "seg"}
_ID_TAGS = ["SOPClassUID", "PatientID", "SeriesInstanceUID", "SOPInstanceUID"]


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


Told = tuple[FileRecord, Finding | None]


@dataclass(frozen=True, slots=True)
class Work:
    """One pass over the files.

    Attributes:
        out: Where to write.
        deidentifier: What makes the new objects.
        seen: The original file of each object of this pass, by the new path.
    """

    out: Path
    deidentifier: Deidentifier
    seen: dict[Path, Path]

    def file(self, path: Path) -> Told:
        """De-identify one file, if it is one that can be.

        Raises:
            MMCareError: It cannot be written.
        """
        kind = "damaged"
        try:
            if not is_dicom(path):
                return _no_dicom(path)
            header = read_dicom(path, only=_ID_TAGS, pixels=False)
            kind = _kind(header)
            if (done := self._done(path, kind, self._expected(header, kind))) is not None:
                return done
            made = self.deidentifier.dataset(read_dicom(path))
            raw = b"" if isinstance(made, HeldBack) else file_bytes(made)
        # pydicom raises whatever a damaged element makes it stumble over: one file must not end the pass.
        except Exception as error:
            return FileRecord(path, kind, "left out", "damaged"), _unreadable(path, error)
        if isinstance(made, HeldBack):
            return FileRecord(path, kind, "held back", made.code), made.finding(path)
        kind = CLASSES[made.SOPClassUID]
        target = self._place(kind, made.PatientID, made.SeriesInstanceUID, made.SOPInstanceUID)
        return self._done(path, kind, target) or self._write(path, kind, target, raw)

    def _write(self, path: Path, kind: str, target: Path, raw: bytes) -> Told:
        write_bytes(target, raw)
        self.seen[target] = path
        return FileRecord(path, kind, "written"), None

    def _done(self, path: Path, kind: str, target: Path | None) -> Told | None:
        """What there is to say where the new object is there already; None where it is not."""
        if target is None or not (target in self.seen or target.exists()):
            return None
        first = self.seen.setdefault(target, path)
        if first == path:
            return FileRecord(path, kind, "there already"), None
        what = f"holds the same object as {first} (one SOPInstanceUID); the first is taken."
        finding = Finding(file=path, what=what, severity=Severity.WARNING, code="duplicate-object")
        return FileRecord(path, kind, "the same object again"), finding

    def _expected(self, header: Dataset, kind: str) -> Path | None:
        """Where the new object will go, from the header alone; None for what will be held back."""
        patient, series, uid = (one_text(header, tag) for tag in _ID_TAGS[1:])
        if kind not in _FOLDERS or not (patient and series and uid):
            return None
        names = self.deidentifier
        return self._place(kind, names.patient(patient), names.uid(series), names.uid(uid))

    def _place(self, kind: str, patient: str, series: str, uid: str) -> Path:
        """By new names alone; the series by a short one, for some file systems count the letters of a path."""
        short = self.deidentifier.pseudonyms.label("series", series)
        return self.out / patient / f"{_FOLDERS[kind]}-{short}" / f"{uid}.dcm"


def _kind(header: Dataset) -> str:
    sop_class = one_text(header, "SOPClassUID") or one_text(header.file_meta, "MediaStorageSOPClassUID")
    return CLASSES.get(sop_class, "other object" if sop_class else "damaged")


def _no_dicom(path: Path) -> Told:
    if not is_archive(path):
        return FileRecord(path, "no DICOM file", "left out"), None
    what = "is an archive, and is not looked into; it is left out."
    finding = Finding(file=path, what=what, todo="Unpack it.", severity=Severity.WARNING, code="archive")
    return FileRecord(path, "no DICOM file", "left out", "archive"), finding


def _unreadable(path: Path, error: Exception) -> Finding:
    what = f"is left out, for it cannot be read ({cut(f'{type(error).__name__}: {error}')})."
    return Finding(file=path, what=what, todo="Export it again.", severity=Severity.WARNING, code="damaged-dicom")

"""What each file of a source is: told by its header, never by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmcare.cohort.deidentify.quiet import quiet
from mmcare.errors import Finding, Severity
from mmcare.formats.dicom import of_frames_unknown
from mmcare.formats.dicom_headers import DicomFolder, ImageHeader, read_header
from mmcare.formats.nrrd import MAGIC as NRRD_MAGIC
from mmcare.formats.rows import counted
from mmcare.formats.seg import SEG_CLASSES

__all__ = ["SLICE", "ScannedFile", "scan_files", "unnamed"]

SLICE, STRUCTURES, SEGMENTS, VOLUME_FILE = "CT slice", "structure set", "segmentation", "NIfTI or NRRD file"
_NAMES = dict(zip(SEG_CLASSES, ("Segmentation Storage", "Label Map Segmentation Storage"), strict=True))
_CT, _RTSTRUCT = "CT Image Storage", "RT Structure Set Storage"
_SEG = tuple(name for uid in SEG_CLASSES for name in (uid, _NAMES[uid]))
"""Older dictionaries know the newer class by its UID only."""


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """One file of a source.

    Attributes:
        path: The file.
        kind: `SLICE`, `STRUCTURES`, `SEGMENTS` or `VOLUME_FILE`; else why it is of no use here.
        header: Its DICOM header; None of a file that is not DICOM.
        n_bytes: Its size.
        findings: What there is to say of it.
    """

    path: Path
    kind: str
    header: ImageHeader | None = None
    n_bytes: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def patient(self) -> str:
        """The patient's id in the header; empty where there is none."""
        return self.header.patient_id if self.header is not None else ""


def scan_files(paths: Sequence[Path]) -> list[ScannedFile]:
    """What each of some files is."""
    with quiet():
        return [_scan(path) for path in paths]


def unnamed(files: Sequence[ScannedFile]) -> list[Finding]:
    """One finding for all DICOM files of use that name no patient."""
    found = [file for file in files if file.header is not None and file.kind == "without PatientID"]
    if not found:
        return []
    what = f"(0010,0020) PatientID is absent or empty in {counted(len(found), 'file')}: it is not known whose they are."
    todo = "Export them again with an id for each patient."
    return [Finding(file=found[0].path, what=what, todo=todo, code="no-patient-id")]


def _scan(path: Path) -> ScannedFile:
    found = DicomFolder()
    read_header(path, found)
    findings = tuple(found.findings)
    size = path.stat().st_size if path.is_file() else 0
    if not found.headers:
        (reason,) = found.left_out
        if reason == "no DICOM file" and _is_volume(path):
            return ScannedFile(path, VOLUME_FILE, None, size, findings)
        return ScannedFile(path, reason, None, size, findings)
    header = found.headers[0]
    kind = _kind(header)
    if kind in (SLICE, STRUCTURES, SEGMENTS) and not header.patient_id:
        kind = "without PatientID"
    return ScannedFile(path, kind, header, size, (*findings, *_said(header, kind)))


def _kind(header: ImageHeader) -> str:
    if header.sop_class == _RTSTRUCT:
        return STRUCTURES
    if header.sop_class in _SEG:
        return SEGMENTS
    if header.modality != "CT":
        return f"of modality {header.modality}" if header.modality else "without modality (a directory, a palette)"
    if header.n_frames > 1 and not header.is_enhanced_ct:
        return "multi-frame CT"
    if "LOCALIZER" in header.image_type:
        return "scout"
    return SLICE if header.sop_class == _CT or header.is_enhanced_ct else "CT, but no CT image (a screenshot, a report)"


def _said(header: ImageHeader, kind: str) -> list[Finding]:
    """What a person should know: a CT that is refused for its class is not to be missed."""
    if kind == "multi-frame CT":
        return [of_frames_unknown(header).at(severity=Severity.WARNING)]
    if kind == "scout":
        what = f"is a scout (image type {'/'.join(header.image_type)}), no axial slice; it is left out."
        return [Finding(file=header.path, what=what, severity=Severity.NOTE, code="scout")]
    return []


def _is_volume(path: Path) -> bool:
    """NIfTI or NRRD, or so called: what is none is said by the reader, if the file is needed."""
    name = path.name.lower()
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError:
        return False
    return start == NRRD_MAGIC or name.endswith((".nii", ".nii.gz", ".nrrd"))

"""The headers of the DICOM files in a folder: what each file is, found by content and not by name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcare.errors import CohortError, Finding, Severity, cut

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

__all__ = ["DicomFolder", "ImageHeader", "files_below", "is_bare", "read_header", "read_headers", "transfer_syntax"]

_TAGS = [
    "BitsAllocated",
    "Columns",
    "FrameOfReferenceUID",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "ImageType",
    "Modality",
    "NumberOfFrames",
    "PatientID",
    "PixelSpacing",
    "RescaleIntercept",
    "RescaleSlope",
    "Rows",
    "SOPClassUID",
    "SOPInstanceUID",
    "SamplesPerPixel",
    "SeriesDescription",
    "SeriesInstanceUID",
    "StudyInstanceUID",
]
_PROGRAMS = {b"MZ": "Windows", b"\x7fELF": "Linux"}
_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_UNDEFINED_LENGTH = 0xFFFFFFFF
_ENHANCED_CT = ("Enhanced CT Image Storage", "Legacy Converted Enhanced CT Image Storage")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHeader:
    """What one DICOM file says of itself; None or empty where it does not say.

    Attributes:
        path: The file.
        modality: `CT`, `MR`, `RTSTRUCT`, …
        sop_class: Name of the SOP class, such as `CT Image Storage`.
        sop_instance_uid: UID of this object.
        series_uid: UID of its series.
        study_uid: UID of its study.
        frame_of_reference_uid: UID of the space in which positions are given.
        description: Description of the series.
        image_type: Values of ImageType.
        n_frames: Number of frames.
        rows: Rows of the image.
        columns: Columns of the image.
        samples: Samples a pixel.
        bits_allocated: Bits a sample.
        position_mm: (3,) centre of the first pixel, in mm to the left, back and head (LPS).
        orientation: (6,) direction of a row, then of a column, LPS.
        pixel_spacing_mm: (2,) distance of rows, then of columns.
        slope: RescaleSlope.
        intercept: RescaleIntercept.
        transfer_syntax: UID of the transfer syntax.
        pixel_bytes: Bytes of pixel data in the file; None where they are compressed.
        patient_id: Id of the patient.
        is_bare: Whether the file begins with its first element: it has neither preamble nor file meta.
        frame: Of a slice of a multi-frame CT, its frame, counted from 0; None of a file or its only image.
    """

    path: Path
    modality: str
    sop_class: str
    sop_instance_uid: str
    series_uid: str
    study_uid: str
    frame_of_reference_uid: str
    description: str
    image_type: tuple[str, ...]
    n_frames: int
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    position_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    pixel_spacing_mm: tuple[float, ...]
    slope: float | None
    intercept: float | None
    transfer_syntax: str
    pixel_bytes: int | None
    patient_id: str = ""
    is_bare: bool = False
    frame: int | None = None

    @property
    def name(self) -> str:
        """The file's name, and the frame within it."""
        return self.path.name if self.frame is None else f"{self.path.name} (frame {self.frame + 1})"

    @property
    def is_enhanced_ct(self) -> bool:
        """Whether a multi-frame CT, whose frames are its slices."""
        return self.sop_class in _ENHANCED_CT

    @property
    def expected_bytes(self) -> int:
        """Bytes of uncompressed pixel data that rows, columns, samples, bits and frames make."""
        return self.rows * self.columns * self.samples * max(self.n_frames, 1) * self.bits_allocated // 8


@dataclass(slots=True)
class DicomFolder:
    """The DICOM files of a folder: `n_files == len(headers) + sum(left_out.values())`."""

    headers: list[ImageHeader] = field(default_factory=list)
    n_files: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def leave_out(self, reason: str, finding: Finding | None = None) -> None:
        """Count a file under a reason, and keep the finding if there is one."""
        self.left_out[reason] = self.left_out.get(reason, 0) + 1
        if finding is not None:
            self.findings.append(finding)


def read_headers(folder: Path) -> DicomFolder:
    """The headers of all DICOM files below `folder`; pixel data are not read.

    Raises:
        CohortError: `folder` is absent or no folder.
    """
    if not folder.is_dir():
        what = "is a file; a folder of DICOM files is due." if folder.exists() else "there is no such folder."
        raise CohortError(Finding(file=folder, what=what, todo="Name the folder of the series.", code="no-folder"))
    found = DicomFolder()
    for path in files_below(folder, found.findings):
        read_header(path, found)
    return found


def files_below(folder: Path, findings: list[Finding]) -> Iterator[Path]:
    """All that is no folder below `folder`, in the order of names; a loop of links is found and not followed."""
    return _files(folder, {os.path.realpath(folder)}, findings)


def _files(folder: Path, seen: set[str], findings: list[Finding]) -> Iterator[Path]:
    """All that is no folder below `folder`; each folder once, whatever links lead to it."""
    for path in _entries(folder, findings):
        if not path.is_dir():
            yield path
            continue
        target = os.path.realpath(path)
        if target in seen:
            what = f"the link leads to a folder that is read already ({target}); it is not followed."
            todo = "Remove the link."
            findings.append(Finding(file=path, what=what, todo=todo, severity=Severity.WARNING, code="link-loop"))
        else:
            seen.add(target)
            yield from _files(path, seen, findings)


def _entries(folder: Path, findings: list[Finding]) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        what = f"the folder cannot be read: {error.strerror}."
        findings.append(Finding(file=folder, what=what, todo="Allow reading it.", code="not-readable"))
        return []


def read_header(path: Path, found: DicomFolder) -> None:
    """Count a file, and keep its header, or the reason why it has none."""
    found.n_files += 1
    if not path.is_file():
        what = "is no file that can be read (a link that leads nowhere or to itself, or a device); it is left out."
        finding = Finding(file=path, what=what, todo="Remove it.", severity=Severity.WARNING, code="no-regular-file")
        found.leave_out("no regular file", finding)
        return
    try:
        with path.open("rb") as file:
            start = file.read(132)
            bare = is_bare(start)
            if start[128:] != b"DICM" and not bare:
                found.leave_out("no DICOM file")
                return
            file.seek(0)
            header = _header(path, file, bare)
    # pydicom raises whatever a damaged element makes it stumble over: one damaged file must not end the pass.
    except Exception as error:
        what = f"is a damaged DICOM file ({cut(f'{type(error).__name__}: {error}')}); it is left out."
        found.leave_out("damaged", Finding(file=path, what=what, todo="Export it again.", code="damaged-dicom"))
        return
    found.headers.append(header)
    found.findings.extend(_program(path, start))


def is_bare(start: bytes) -> bool:
    """Whether a file begins with a DICOM element of group 2 or 8 where its preamble is due, as some archives write."""
    group, element, rest = start[:2], start[2:4], start[4:8]
    little = group in (b"\x02\x00", b"\x08\x00") and element[1:] == b"\0" and len(rest) == 4
    return little and ((rest[:2].isalpha() and rest[:2].isupper()) or rest[2:] == b"\0\0")


def _program(path: Path, start: bytes) -> list[Finding]:
    for magic, system in _PROGRAMS.items():
        if start.startswith(magic):
            what = f"the DICOM file begins like a program of {system} ({magic!r} in the preamble)."
            todo = "Do not run it; export it again if you do not know why."
            return [Finding(file=path, what=what, todo=todo, severity=Severity.WARNING, code="program-in-preamble")]
    return []


def _header(path: Path, file: Any, bare: bool) -> ImageHeader:
    from pydicom import dcmread

    dataset = dcmread(file, stop_before_pixels=True, specific_tags=list(_TAGS), force=bare)
    if bare and "SOPClassUID" not in dataset:
        raise ValueError("neither a preamble nor a SOPClassUID")
    syntax = transfer_syntax(dataset)
    return ImageHeader(
        path=path,
        modality=_text(dataset, "Modality"),
        sop_class=cut(dataset.SOPClassUID.name) if "SOPClassUID" in dataset else "",
        sop_instance_uid=_text(dataset, "SOPInstanceUID"),
        series_uid=_text(dataset, "SeriesInstanceUID"),
        study_uid=_text(dataset, "StudyInstanceUID"),
        frame_of_reference_uid=_text(dataset, "FrameOfReferenceUID"),
        description=_text(dataset, "SeriesDescription"),
        image_type=_texts(dataset, "ImageType"),
        n_frames=int(dataset.get("NumberOfFrames") or 1),
        rows=int(dataset.get("Rows") or 0),
        columns=int(dataset.get("Columns") or 0),
        samples=int(dataset.get("SamplesPerPixel") or 1),
        bits_allocated=int(dataset.get("BitsAllocated") or 0),
        position_mm=_numbers(dataset, "ImagePositionPatient"),
        orientation=_numbers(dataset, "ImageOrientationPatient"),
        pixel_spacing_mm=_numbers(dataset, "PixelSpacing"),
        slope=_number(dataset, "RescaleSlope"),
        intercept=_number(dataset, "RescaleIntercept"),
        transfer_syntax=str(syntax),
        pixel_bytes=None if syntax.is_compressed else _pixel_bytes(path, file, syntax.is_little_endian),
        patient_id=_text(dataset, "PatientID"),
        is_bare=bare,
    )


def transfer_syntax(dataset: Dataset) -> UID:
    """As the file meta says; of a file without, as it was found to be written."""
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    stated: UID | None = dataset.file_meta.get("TransferSyntaxUID")
    if stated is not None:
        return stated
    implicit, little = dataset.original_encoding
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _pixel_bytes(path: Path, file: Any, little_endian: bool) -> int:
    """Bytes of pixel data at hand, at most as many as the element declares; the reader stands before its tag."""
    start = file.read(12)
    tag = _PIXEL_DATA if little_endian else b"\x7f\xe0\x00\x10"
    if start[:4] != tag:
        return 0
    explicit = start[4:6] in (b"OW", b"OB")
    length = int.from_bytes(start[8:12] if explicit else start[4:8], "little" if little_endian else "big")
    at_hand = path.stat().st_size - file.tell() + (0 if explicit else 4)
    return at_hand if length == _UNDEFINED_LENGTH else min(length, at_hand)


def _text(dataset: Dataset, name: str) -> str:
    return cut(str(dataset.get(name) or "").strip())


def _texts(dataset: Dataset, name: str) -> tuple[str, ...]:
    value = dataset.get(name) or ()
    return (cut(value),) if isinstance(value, str) else tuple(cut(str(part)) for part in value)


def _number(dataset: Dataset, name: str) -> float | None:
    value = dataset.get(name)
    return None if value is None or value == "" else float(value)


def _numbers(dataset: Dataset, name: str) -> tuple[float, ...]:
    value = dataset.get(name)
    if value is None or value == "":
        return ()
    return (float(value),) if isinstance(value, (int, float)) else tuple(float(part) for part in value)

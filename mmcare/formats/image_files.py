"""A patient's CT and mask, opened and looked at: what keeps them from being read, and what looks wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mmcare.errors import Finding, MMCareError
from mmcare.formats.image_checks import check_image
from mmcare.formats.image_digests import ImageDigests, digests_of
from mmcare.formats.images import read_mask, read_volume
from mmcare.formats.volume import Volume

__all__ = ["ImageFiles", "OpenedImages", "check_image_files", "open_image_files", "see_image_files"]


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """Where a patient's CT and mask lie.

    Attributes:
        patient: Id, for messages.
        image: A folder of DICOM files, a NIfTI or a NRRD file.
        mask: An RTSTRUCT, a DICOM SEG, a NIfTI or a NRRD file; None where there is none.
        roi: Name or pattern of the region, of an RTSTRUCT or SEG.
    """

    patient: str
    image: Path
    mask: Path | None = None
    roi: str | None = None


@dataclass(frozen=True, slots=True)
class OpenedImages:
    """What was seen of a patient's CT and mask.

    Attributes:
        files: Where they lie.
        findings: What keeps them from being read, and what looks wrong with them, each with its file and patient.
        digests: Of their voxels; None where the CT cannot be read.
    """

    files: ImageFiles
    findings: tuple[Finding, ...]
    digests: ImageDigests | None = None


def check_image_files(files: ImageFiles) -> list[Finding]:
    """All findings of a patient's CT and mask, each with its file and patient; a file of no use is a finding too."""
    return list(open_image_files(files).findings)


def open_image_files(files: ImageFiles) -> OpenedImages:
    """A patient's CT and mask, opened and looked at, and not kept."""
    return see_image_files(files)[0]


def see_image_files(files: ImageFiles) -> tuple[OpenedImages, Volume | None]:
    """What was seen of a patient's CT and mask, and the CT itself with its mask, as far as they can be read."""
    try:
        volume, findings = read_volume(files.image)
    except MMCareError as error:
        failed = tuple(_placed(finding, files.image, files.patient) for finding in error.findings)
        return OpenedImages(files, failed), None
    found = [_placed(finding, files.image, files.patient) for finding in findings]
    if files.mask is not None:
        try:
            mask, more = read_mask(files.mask, files.roi, volume)
        except MMCareError as error:
            more = list(error.findings)
        else:
            volume = replace(volume, mask=mask)
        found += [_placed(finding, files.mask, files.patient) for finding in more]
    found += [_placed(finding, _looked_at(finding, files), files.patient) for finding in check_image(volume)]
    return OpenedImages(files, tuple(found), digests_of(volume)), volume


def _looked_at(finding: Finding, files: ImageFiles) -> Path:
    """An offset is the CT's; all else is said of the mask."""
    return files.image if files.mask is None or finding.code.startswith("hu-offset") else files.mask


def _placed(finding: Finding, file: Path, patient: str) -> Finding:
    return finding.at(file=finding.file or file, patient=finding.patient or patient)

"""A patient's CT and mask, opened and looked at: what keeps them from being read, and what looks wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mmcare.errors import Finding, MMCareError
from mmcare.formats.image_checks import check_image
from mmcare.formats.images import read_mask, read_volume

__all__ = ["ImageFiles", "check_image_files"]


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


def check_image_files(files: ImageFiles) -> list[Finding]:
    """All findings of a patient's CT and mask, each with its file and patient; a file of no use is a finding too."""
    try:
        volume, findings = read_volume(files.image)
    except MMCareError as error:
        return [_placed(finding, files.image, files.patient) for finding in error.findings]
    found = [_placed(finding, files.image, files.patient) for finding in findings]
    if files.mask is not None:
        try:
            mask, more = read_mask(files.mask, files.roi, volume)
        except MMCareError as error:
            more = list(error.findings)
        else:
            volume = replace(volume, mask=mask)
        found += [_placed(finding, files.mask, files.patient) for finding in more]
    suspicions = check_image(volume)
    return found + [_placed(finding, _looked_at(finding, files), files.patient) for finding in suspicions]


def _looked_at(finding: Finding, files: ImageFiles) -> Path:
    """An offset is the CT's; all else is said of the mask."""
    return files.image if files.mask is None or finding.code.startswith("hu-offset") else files.mask


def _placed(finding: Finding, file: Path, patient: str) -> Finding:
    return finding.at(file=finding.file or file, patient=finding.patient or patient)

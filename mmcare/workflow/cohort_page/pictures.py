"""The CTs of the page: those with findings first, as many as asked for, all others accounted for."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from mmcare.errors import Finding, Severity
from mmcare.workflow.cohort_check import CheckedCohort
from mmcare.workflow.cohort_images import Looked

__all__ = ["Picture", "PicturesPart", "pictures_parts"]


@dataclass(frozen=True, slots=True)
class Picture:
    """A CT's three planes as a data URI, the outline of its mask, and what was found of the patient's images."""

    patient: str
    uri: str
    outline: str
    field_mm: float
    mask: str
    severity: str
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PicturesPart:
    """The CTs of one modality.

    Attributes:
        modality: Its key.
        pictures: Those shown.
        left_out: CTs that could be shown, and are not.
        unreadable: Patients whose CT is there and cannot be read.
        absent: How many patients have no CT.
    """

    modality: str
    pictures: tuple[Picture, ...]
    left_out: int
    unreadable: tuple[str, ...]
    absent: int


def pictures_parts(checked: CheckedCohort, most: int) -> tuple[PicturesPart, ...]:
    """A part for each modality whose CTs were opened; together they show at most `most` pictures."""
    parts = []
    for modality, looked in checked.images.items():
        part = _part(checked, modality, looked, most)
        most -= len(part.pictures)
        parts.append(part)
    return tuple(parts)


def _part(checked: CheckedCohort, modality: str, looked: Sequence[Looked], most: int) -> PicturesPart:
    assert checked.cohort is not None, "its images were opened"
    said: dict[str, list[Finding]] = {}
    for finding in checked.findings:
        if finding.patient is not None and finding.modality == modality:
            said.setdefault(finding.patient, []).append(finding)
    drawn = [one for one in looked if one.thumbnail is not None]
    drawn.sort(key=lambda one: _rank(said.get(one.opened.files.patient, [])))
    unreadable = tuple(one.opened.files.patient for one in looked if one.thumbnail is None)  # all others were drawn
    pictures = tuple(_picture(one, said.get(one.opened.files.patient, [])) for one in drawn[:most])
    absent = len(checked.cohort.patients) - len(looked)
    return PicturesPart(modality, pictures, len(drawn) - len(pictures), unreadable, absent)


def _rank(findings: Sequence[Finding]) -> int:
    return min((list(Severity).index(finding.severity) for finding in findings), default=len(Severity))


def _picture(one: Looked, findings: Sequence[Finding]) -> Picture:
    drawn = one.thumbnail
    assert drawn is not None, "only such are shown"
    uri = f"data:image/jpeg;base64,{b64encode(drawn.jpeg).decode('ascii')}"
    rank = _rank(findings)
    severity = str(list(Severity)[rank]) if rank < len(Severity) else ""
    said = tuple(finding.what for finding in findings)
    return Picture(drawn.patient, uri, drawn.outline, drawn.field_mm, _mask(one), severity, said)


def _mask(one: Looked) -> str:
    """What is drawn of the mask, in words; empty where its outline is there."""
    assert one.thumbnail is not None, "only such are shown"
    if one.thumbnail.mask == "drawn":
        return "" if one.thumbnail.outline else "these planes meet no mask"
    if one.thumbnail.mask == "empty":
        return "the mask is empty"
    return "no mask" if one.opened.files.mask is None else "the mask cannot be used"

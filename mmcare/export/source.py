"""The original DICOM series of a patient's CT: its slices in order, and anything on the CT's grid brought onto them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats import Volume
from mmcare.formats.dicom import read_dicom_slices, volume_of_slices
from mmcare.formats.dicom_grid import check_slices, grid
from mmcare.formats.dicom_headers import ImageHeader
from mmcare.formats.rows import counted

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["SourceSeries", "check_same_image", "read_source"]

LEAST_SHARE_ALIKE = 0.9
"""Of voxels with the same HU: two CTs of one grid share their air, which is about half."""
AIR_HU = -1000
"""Below it, what scanners and archives write differs."""
_EMPTY = (  # of type 2 in the modules of patient and study: they may be empty, not absent
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
_PATTERNS = {
    "a UID": r"[0-9]+(\.[0-9]+)+",
    "M, F, O or nothing": r"[MFO]?",
    "a date such as 20260131, or nothing": r"(\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01]))?",
    "a time such as 235959, or nothing": r"(([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?)?",
}
_COPIED = {
    "StudyInstanceUID": "a UID",
    "PatientSex": "M, F, O or nothing",
    "PatientBirthDate": "a date such as 20260131, or nothing",
    "StudyDate": "a date such as 20260131, or nothing",
    "StudyTime": "a time such as 235959, or nothing",
}


@dataclass(frozen=True, eq=False)
class SourceSeries:
    """A CT series as its archive holds it.

    Attributes:
        folder: Where it lies.
        images: Headers of its S slices, in order along their normal, without pixels.
        volume: Its voxels in HU, axes in RAS+ order.
        affine: (4, 4), from (column, row, slice) to mm in RAS+: the order in which the files hold them.
    """

    folder: Path
    images: tuple[Dataset, ...]
    volume: Volume
    affine: npt.NDArray[np.float64]

    @property
    def slice_distance_mm(self) -> float:
        """Between the centres of neighbouring slices."""
        return float(np.linalg.norm(self.affine[:3, 2]))

    def frames(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(slice, row, column) of what lies on the volume's grid (i, j, k); no voxel is interpolated."""
        from nibabel.orientations import apply_orientation, io_orientation, ornt_transform

        back = ornt_transform(np.array([[0, 1], [1, 1], [2, 1]]), io_orientation(self.affine))
        return np.asarray(apply_orientation(values, back)).transpose(2, 1, 0)


def read_source(folder: Path, series_uid: str | None, recorded_uid: str | None) -> tuple[SourceSeries, list[Finding]]:
    """The CT series in a folder, and what was found on the way.

    Args:
        folder: With the files of the series.
        series_uid: SeriesInstanceUID of the one that is meant; None, the only one.
        recorded_uid: The one that the cohort says the CT comes from: it decides where there are several.

    Raises:
        CohortError: There is no CT series, there are several, or nothing can be placed onto it.
    """
    headers, findings = _headers(folder, series_uid, recorded_uid)
    _check_usable(headers)
    check_slices(headers)
    ordered, affine = grid(headers)
    images = tuple(_dataset(header, float(np.linalg.norm(affine[:3, 2]))) for header in ordered)
    return SourceSeries(folder, images, volume_of_slices(headers), affine), findings


def check_same_image(series: SourceSeries, volume: Volume) -> list[Finding]:
    """Why the series is not the one of a patient's CT; empty where it is.

    Args:
        series: As the archive holds it.
        volume: The CT that the model was given.
    """
    difference = series.volume.geometry.difference(volume.geometry)
    if difference:
        what = f"the series lies on another grid than the patient's CT in the cohort: {difference}."
        return [_another(series, what)]
    alike = _share_alike(series.volume.values, volume.values)
    if alike < LEAST_SHARE_ALIKE:
        what = f"the series is another CT than the patient's in the cohort: both lie on one grid, but {alike:.0%} of "
        what += f"their voxels agree within 1 HU; at least {LEAST_SHARE_ALIKE:.0%} are due."
        return [_another(series, what)]
    return []


def _headers(
    folder: Path, series_uid: str | None, recorded_uid: str | None
) -> tuple[Sequence[ImageHeader], list[Finding]]:
    try:
        return read_dicom_slices(folder, series_uid)
    except CohortError as error:
        if recorded_uid is None or {finding.code for finding in error.findings} != {"several-series"}:
            raise
    headers, findings = read_dicom_slices(folder, recorded_uid)
    what = f"of several CT series the one is taken that the cohort's CT was imported from ({recorded_uid})."
    return headers, [*findings, Finding(file=folder, what=what, severity=Severity.NOTE, code="recorded-series")]


def _check_usable(headers: Sequence[ImageHeader]) -> None:
    first = headers[0]
    if first.is_enhanced_ct:
        what = "is an enhanced multi-frame CT; what is written here refers to series of single slices."
        raise CohortError(
            Finding(file=first.path, what=what, todo="Export it from its archive as single slices.", code="multi-frame")
        )
    if not all(header.frame_of_reference_uid for header in headers):
        lacking = [header for header in headers if not header.frame_of_reference_uid]
        what = f"is absent in {counted(len(lacking), 'slice')}: without it nothing can be placed onto the series."
        key = "(0020,0052) FrameOfReferenceUID"
        raise CohortError(
            Finding(file=lacking[0].path, key=key, what=what, todo="Export the series again.", code="no-frame")
        )


def _dataset(header: ImageHeader, distance_mm: float) -> Dataset:
    """A slice's header as its file has it, its texts in UTF-8.

    What must be there and may be empty is there; a slice without a thickness is as thick as its neighbour is far.
    """
    from pydicom import dcmread

    dataset = dcmread(header.path, stop_before_pixels=True, force=header.is_bare)
    _check_copied(header.path, dataset)
    dataset.decode()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for name in _EMPTY:
        if name not in dataset:
            setattr(dataset, name, None)
    if not dataset.get("SliceThickness"):
        dataset.SliceThickness = f"{distance_mm:.6g}"
    return dataset


def _check_copied(path: Path, dataset: Dataset) -> None:
    """What is copied must be such as DICOM allows, for an archive may refuse what is not.

    Raises:
        CohortError: A value is not; the message names the element, the value and what is allowed.
    """
    for name, allowed in _COPIED.items():
        value = str(dataset.get(name) or "")
        if re.fullmatch(_PATTERNS[allowed], value) is None:
            what = f"is '{cut(value, 40)}'; {allowed} is due."
            todo = "Correct the series: the value would be copied into what is exported."
            raise CohortError(Finding(file=path, key=name, what=what, todo=todo, code="header-value"))


def _share_alike(found: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    return float(np.mean([_alike(*planes) for planes in zip(found, expected, strict=True)]))


def _alike(found: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    """Share of a plane; plane by plane, because a chest in double precision takes half a gigabyte."""
    apart = np.maximum(found.astype(np.float32), AIR_HU) - np.maximum(expected.astype(np.float32), AIR_HU)
    return float((np.abs(apart) <= 1).mean())


def _another(series: SourceSeries, what: str) -> Finding:
    todo = "Name the folder of the series that the patient's CT was imported from."
    return Finding(file=series.folder, what=what, todo=todo, code="another-series")

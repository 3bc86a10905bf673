"""Contours of a DICOM structure set (RTSTRUCT), and masks made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats.region_names import listed, matching, patterns_of
from mmcare.formats.volume import Geometry, Volume

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["RTStruct", "Roi", "rasterise", "read_rtstruct"]

_SOP_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
FARTHEST_MM = 1e6  # no scanner reaches farther, and larger numbers overflow in what is computed of them
_TO_RAS = np.array([-1.0, -1.0, 1.0])
OFF_PLANE = 0.1  # of the slice distance: how far the points of one contour may lie from one plane


@dataclass(frozen=True, slots=True, eq=False)
class Roi:
    """One region of interest.

    Attributes:
        name: Its name, as the planning system shows it.
        contours_mm: Its closed planar contours, each (points, 3) in mm in RAS+.
        n_other: Contours of other kinds (points, open lines), which enclose nothing.
    """

    name: str
    contours_mm: tuple[npt.NDArray[np.float64], ...]
    n_other: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class RTStruct:
    """A structure set, and the images that it was drawn on.

    Attributes:
        file: The file.
        rois: Its regions of interest.
        study_uids: Studies that it refers to.
        series_uids: Series that it refers to.
        frame_of_reference_uids: Spaces in which its contours are given.
    """

    file: Path
    rois: tuple[Roi, ...]
    study_uids: frozenset[str]
    series_uids: frozenset[str]
    frame_of_reference_uids: frozenset[str]

    def find(self, pattern: str | Sequence[str]) -> tuple[Roi, ...]:
        """The regions of that name, or, if there is none, those that match it as a pattern (`GTV*`); never by case.

        Of several patterns, the regions that one of them means.

        Raises:
            CohortError: None matches, or one that matches has no closed contour; the message lists what is there.
        """
        patterns = (pattern,) if isinstance(pattern, str) else tuple(pattern)
        found = tuple(self.rois[place] for place in matching([roi.name for roi in self.rois], patterns))
        if not found:
            what = f"no region matches {patterns_of(patterns)}; the file holds: {_listed(self.rois)}."
            raise CohortError(Finding(file=self.file, key="roi", what=what, todo="Name one of these.", code="no-roi"))
        empty = [roi.name for roi in found if not roi.contours_mm]
        if empty:
            others = _listed([roi for roi in self.rois if roi.contours_mm])
            what = f"the region '{cut(empty[0])}' has no closed contour; the regions with contours are: {others}."
            raise CohortError(
                Finding(file=self.file, key="roi", what=what, todo="Name one of these.", code="empty-roi")
            )
        return found


def read_rtstruct(path: Path | str) -> RTStruct:
    """The structure set in a DICOM file.

    Raises:
        CohortError: The file is no structure set, or a damaged one.

    Source:
        DICOM PS3.3 C.8.8.5 (structure set), C.8.8.6 (ROI contour).
    """
    path = Path(path)
    dataset = _dataset(path)
    try:
        return _structures(path, dataset)
    # pydicom reads an element when it is asked for, and raises whatever a damaged one makes it stumble over.
    except Exception as error:
        raise _damaged(path, error) from error


def _structures(path: Path, dataset: Dataset) -> RTStruct:
    contours = {int(item.ReferencedROINumber): item for item in dataset.get("ROIContourSequence") or ()}
    frames = dataset.get("ReferencedFrameOfReferenceSequence") or ()
    studies = [study for frame in frames for study in frame.get("RTReferencedStudySequence") or ()]
    series = [one for study in studies for one in study.get("RTReferencedSeriesSequence") or ()]
    return RTStruct(
        file=path,
        rois=tuple(_roi(item, contours) for item in dataset.get("StructureSetROISequence") or ()),
        study_uids=_uids(
            [*(study.get("ReferencedSOPInstanceUID") for study in studies), dataset.get("StudyInstanceUID")]
        ),
        series_uids=_uids([one.get("SeriesInstanceUID") for one in series]),
        frame_of_reference_uids=_uids(
            [frame.get("FrameOfReferenceUID") for frame in frames]
            + [item.get("ReferencedFrameOfReferenceUID") for item in dataset.get("StructureSetROISequence") or ()]
        ),
    )


def rasterise(
    rtstruct: RTStruct, roi: str | Sequence[str], like: Volume | Geometry
) -> tuple[npt.NDArray[np.bool_], list[Finding]]:
    """The voxels whose centres lie inside a region, on the grid of a volume.

    Each contour is filled by the even-odd rule in the slice on which it lies; contours of one slice are combined by
    exclusive or, so that a contour within another cuts a hole. Several regions that match a pattern are united.

    Args:
        rtstruct: The structure set.
        roi: Name of the region, or a pattern such as `GTV*`, or several; capitals do not matter.
        like: The volume, or its grid alone (then it is not checked which images the contours belong to).

    Returns:
        The mask (i, j, k), and what was found on the way.

    Raises:
        CohortError: No region matches, it has no contours, they belong to another study or series, or they do not lie
            in the slices of the volume.
    """
    geometry = like.geometry if isinstance(like, Volume) else like
    findings = _check_images(rtstruct, like) if isinstance(like, Volume) else []
    regions = rtstruct.find(roi)
    if len(regions) > 1:
        patterns = patterns_of((roi,) if isinstance(roi, str) else tuple(roi))
        what = f"{len(regions)} regions match {patterns} and are united: {_listed(regions)}."
        findings.append(Finding(file=rtstruct.file, key="roi", what=what, severity=Severity.NOTE, code="rois-united"))
    mask = np.zeros(geometry.shape, dtype=bool)
    for region in regions:
        filled, found = _fill(rtstruct.file, region, geometry)
        mask |= filled
        findings.extend(found)
    return mask, findings


def _dataset(path: Path) -> Dataset:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        dataset = dcmread(path)
    except InvalidDicomError as error:
        what = "is no DICOM file; a structure set (RTSTRUCT) is due."
        raise CohortError(Finding(file=path, what=what, todo="Name the RTSTRUCT file.", code="no-rtstruct")) from error
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}."
        raise CohortError(Finding(file=path, what=what, todo="Name the RTSTRUCT file.", code="not-readable")) from error
    # pydicom raises whatever a damaged element makes it stumble over.
    except Exception as error:
        raise _damaged(path, error) from error
    if dataset.get("SOPClassUID") != _SOP_CLASS:
        what = (
            f"is a DICOM object of modality {dataset.get('Modality') or 'unknown'}; a structure set (RTSTRUCT) is due."
        )
        raise CohortError(Finding(file=path, what=what, todo="Name the RTSTRUCT file.", code="no-rtstruct"))
    return dataset


def _damaged(path: Path, error: Exception) -> CohortError:
    what = f"is a damaged structure set ({cut(f'{type(error).__name__}: {error}')})."
    return CohortError(Finding(file=path, what=what, todo="Export it again.", code="damaged-rtstruct"))


def _roi(item: Dataset, contours: dict[int, Dataset]) -> Roi:
    drawn = contours.get(int(item.ROINumber))
    sequence = (drawn.get("ContourSequence") or ()) if drawn is not None else ()
    closed = [contour for contour in sequence if contour.get("ContourGeometricType") == "CLOSED_PLANAR"]
    points = (_points_mm(contour) for contour in closed)
    name = str(item.get("ROIName") or "").strip()
    return Roi(name, tuple(p for p in points if len(p)), n_other=len(sequence) - len(closed))


def _points_mm(contour: Dataset) -> npt.NDArray[np.float64]:
    from pydicom.dataelem import RawDataElement

    element = contour.get_item("ContourData")
    if element is None or not element.value:
        return np.empty((0, 3))
    # The raw text is parsed at once: pydicom's own number objects take a hundred times as long.
    numbers = element.value.split(b"\\") if isinstance(element, RawDataElement) else element.value
    points = np.array([float(number) for number in numbers]).reshape(-1, 3)
    if not (np.abs(points) < FARTHEST_MM).all():
        raise ValueError(f"a contour has a coordinate that is not finite, or beyond {FARTHEST_MM:,.0f} mm")
    return points * _TO_RAS


def _check_images(rtstruct: RTStruct, volume: Volume) -> list[Finding]:
    """Nothing where the contours were drawn on the volume's series; a warning where only the space is the same."""
    series = volume.series
    if series is None or not rtstruct.series_uids or series.series_uid in rtstruct.series_uids:
        return []
    if rtstruct.study_uids and series.study_uid not in rtstruct.study_uids:
        level, theirs, mine = "study", rtstruct.study_uids, series.study_uid
    else:
        level, theirs, mine = "series", rtstruct.series_uids, series.series_uid
    what = f"the contours were drawn on another {level} ({cut(', '.join(sorted(theirs)), 200)}) than the CT's ({mine})"
    same_space = level == "series" and series.frame_of_reference_uid in rtstruct.frame_of_reference_uids
    if not same_space:
        todo = f"Name the structure set of this CT, or the CT of this {level}."
        raise CohortError(Finding(file=rtstruct.file, what=f"{what}.", todo=todo, code=f"another-{level}"))
    what += "; both share one frame of reference, so that the contours are used."
    todo = "Check that they fit."
    severity = Severity.WARNING
    return [Finding(file=rtstruct.file, what=what, todo=todo, severity=severity, code=f"another-{level}")]


def _fill(path: Path, roi: Roi, geometry: Geometry) -> tuple[npt.NDArray[np.bool_], list[Finding]]:
    from skimage.draw import polygon

    mask = np.zeros(geometry.shape, dtype=bool)
    to_voxels = np.linalg.inv(geometry.affine)
    thin = outside = between = 0
    for contour in roi.contours_mm:
        points = contour @ to_voxels[:3, :3].T + to_voxels[:3, 3]
        index = _slice(path, roi, points)
        if len(points) < 3:
            thin += 1
        elif not 0 <= index < geometry.shape[2]:
            outside += 1
        else:
            inside = polygon(points[:, 0], points[:, 1], geometry.shape[:2])
            mask[(*inside, index)] ^= True
            between += abs(float(points[:, 2].mean()) - index) > OFF_PLANE
    return mask, [*_between(path, roi, between), *_account(path, roi, thin, outside, mask)]


def _slice(path: Path, roi: Roi, points: npt.NDArray[np.float64]) -> int:
    index = round(float(points[:, 2].mean()))
    off = float(np.abs(points[:, 2] - points[:, 2].mean()).max())
    if off > OFF_PLANE:
        what = f"a contour of '{cut(roi.name)}' leaves its plane by {off:.2f} of the slice distance; allowed are "
        what += f"{OFF_PLANE}: the contours do not lie in the slices of this CT."
        raise CohortError(Finding(file=path, what=what, todo="Name the CT that they were drawn on.", code="off-plane"))
    return index


def _between(path: Path, roi: Roi, n: int) -> list[Finding]:
    if not n:
        return []
    what = f"{n} of {len(roi.contours_mm)} contours of '{cut(roi.name)}' lie between two slices of the CT and are put "
    todo = "Check that the contours were drawn on this CT."
    severity = Severity.WARNING
    return [Finding(file=path, what=f"{what}into the nearest.", todo=todo, severity=severity, code="between-slices")]


def _account(path: Path, roi: Roi, thin: int, outside: int, mask: npt.NDArray[np.bool_]) -> list[Finding]:
    n = len(roi.contours_mm) + roi.n_other
    if not mask.any():
        what = f"the {n} contours of '{cut(roi.name)}' enclose no voxel of the CT ({outside} lie outside of it)."
        todo = "Name the CT that they were drawn on."
        raise CohortError(Finding(file=path, what=what, todo=todo, code="empty-mask"))
    reasons = {"of fewer than 3 points": thin, "outside the CT": outside, "that are not closed": roi.n_other}
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons.items() if count)
    if not listed:
        return []
    what = f"of the {n} contours of '{cut(roi.name)}', these are left out: {listed}."
    todo = "Check the region in the planning system."
    severity = Severity.WARNING if outside else Severity.NOTE
    return [Finding(file=path, what=what, todo=todo, severity=severity, code="contours-left-out")]


def _listed(rois: Sequence[Roi]) -> str:
    return listed([roi.name for roi in rois])


def _uids(values: Sequence[object]) -> frozenset[str]:
    return frozenset(cut(str(value)) for value in values if value)

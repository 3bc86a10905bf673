"""Segments of a DICOM segmentation (SEG), on the voxels of a CT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats.region_names import listed, matching, patterns_of
from mmcare.formats.rows import counted
from mmcare.formats.volume import TOLERANCE, Geometry, Volume, canonical

__all__ = ["SEG_CLASSES", "Segment", "Segmentation", "read_seg", "segment_mask"]

SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation Storage, Label Map Segmentation Storage."""
HALF = 0.5
_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its number and its label."""

    number: int
    label: str


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A DICOM segmentation whose pixels are not yet decoded.

    Attributes:
        file: The file.
        segments: Its segments.
        kind: `BINARY`, `FRACTIONAL` or `LABELMAP`.
        series_uids: Series that it refers to.
        study_uid: Study that it belongs to.
        frame_of_reference_uid: Space in which it lies.
    """

    file: Path
    segments: tuple[Segment, ...]
    kind: str
    series_uids: frozenset[str]
    study_uid: str
    frame_of_reference_uid: str
    image: Any = field(repr=False)

    def find(self, patterns: str | Sequence[str]) -> tuple[Segment, ...]:
        """The segments whose label one of the patterns means: an equal one, else `GTV*`; capitals do not matter.

        Raises:
            CohortError: None; the message lists what is there.
        """
        wanted = (patterns,) if isinstance(patterns, str) else tuple(patterns)
        labels = [segment.label for segment in self.segments]
        found = tuple(self.segments[place] for place in matching(labels, wanted))
        if not found:
            what = f"no segment matches {patterns_of(wanted)}; the file holds: {listed(labels)}."
            raise CohortError(Finding(file=self.file, key="roi", what=what, todo="Name one of these.", code="no-roi"))
        return found


def read_seg(path: Path | str) -> Segmentation:
    """The segmentation in a DICOM file.

    Raises:
        CohortError: The file is no segmentation, or a damaged one.

    Source:
        DICOM PS3.3 A.51 (segmentation), C.8.20.
    """
    import highdicom

    path = Path(path)
    _check_class(path)
    try:
        image = highdicom.seg.segread(path)
        segments = [image.get_segment_description(number) for number in image.segment_numbers]
        return Segmentation(
            file=path,
            segments=tuple(Segment(int(s.segment_number), str(s.segment_label).strip()) for s in segments),
            kind=str(image.SegmentationType),
            series_uids=_series_uids(image),
            study_uid=str(image.get("StudyInstanceUID") or ""),
            frame_of_reference_uid=str(image.get("FrameOfReferenceUID") or ""),
            image=image,
        )
    # highdicom and pydicom raise whatever a damaged element makes them stumble over.
    except Exception as error:
        raise _damaged(path, error) from error


def segment_mask(
    segmentation: Segmentation, roi: str | Sequence[str], like: Volume
) -> tuple[npt.NDArray[np.bool_], list[Finding]]:
    """The voxels of a CT inside the segments that match; slices of the CT without a frame are outside.

    Args:
        segmentation: The segmentation.
        roi: Label or pattern (`GTV*`) of the segment, or several; capitals do not matter.
        like: The CT.

    Returns:
        The mask (i, j, k), and what was found on the way.

    Raises:
        CohortError: No segment matches or those that do are empty, it belongs to another series, or its voxels are not
            those of the CT.
    """
    findings = _check_images(segmentation, like)
    chosen = segmentation.find(roi)
    if len(chosen) > 1:
        patterns = patterns_of((roi,) if isinstance(roi, str) else tuple(roi))
        names = listed([segment.label for segment in chosen])
        what = f"{len(chosen)} segments match {patterns} and are united: {names}."
        findings.append(_note(segmentation, what, "rois-united"))
    if segmentation.kind == "FRACTIONAL":
        what = f"the segmentation is fractional; voxels from {HALF} upwards count as inside."
        findings.append(_note(segmentation, what, "fractional"))
    inside, geometry = _decoded(segmentation, [segment.number for segment in chosen])
    return _placed(segmentation, inside, geometry, like), findings


def _check_class(path: Path) -> None:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    todo = "Name the SEG file."
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID", "Modality"])
    except InvalidDicomError as error:
        what = "is no DICOM file; a segmentation (SEG) is due."
        raise CohortError(Finding(file=path, what=what, todo=todo, code="no-seg")) from error
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}."
        raise CohortError(Finding(file=path, what=what, todo=todo, code="not-readable")) from error
    except Exception as error:
        raise _damaged(path, error) from error
    if header.get("SOPClassUID") not in SEG_CLASSES:
        modality = cut(header.get("Modality") or "unknown", 20)
        what = f"is a DICOM object of modality {modality}; a segmentation (SEG) is due."
        raise CohortError(Finding(file=path, what=what, todo=todo, code="no-seg"))


def _damaged(path: Path, error: Exception) -> CohortError:
    what = f"is a segmentation that cannot be read ({cut(f'{type(error).__name__}: {error}')})."
    return CohortError(Finding(file=path, what=what, todo="Export it again.", code="damaged-seg"))


def _series_uids(image: Any) -> frozenset[str]:
    return frozenset(cut(str(one.SeriesInstanceUID)) for one in image.get("ReferencedSeriesSequence") or ())


def _note(segmentation: Segmentation, what: str, code: str) -> Finding:
    return Finding(file=segmentation.file, key="roi", what=what, severity=Severity.NOTE, code=code)


def _check_images(segmentation: Segmentation, volume: Volume) -> list[Finding]:
    """As for a structure set: made on the series, or, with a warning, in the same space."""
    series, theirs = volume.series, segmentation.series_uids
    if series is None or not theirs or series.series_uid in theirs:
        return []
    what = f"the segmentation was made on another series ({cut(', '.join(sorted(theirs)), 200)}) than the CT's "
    what += f"({series.series_uid})"
    if series.frame_of_reference_uid != segmentation.frame_of_reference_uid:
        todo = "Name the segmentation of this CT, or the CT of this series."
        raise CohortError(Finding(file=segmentation.file, what=f"{what}.", todo=todo, code="another-series"))
    what += "; both share one frame of reference, so that it is used."
    severity, todo = Severity.WARNING, "Check that they fit."
    return [Finding(file=segmentation.file, what=what, todo=todo, severity=severity, code="another-series")]


def _decoded(segmentation: Segmentation, numbers: Sequence[int]) -> tuple[npt.NDArray[np.bool_], Geometry]:
    """(i, j, k) inside, on the segmentation's own grid, axes in RAS+ order."""
    try:
        volume = segmentation.image.get_volume(segment_numbers=list(numbers), allow_missing_positions=True)
    # highdicom raises whatever frames that make no grid, or damaged pixel data, make it stumble over.
    except Exception as error:
        raise _damaged(segmentation.file, error) from error
    values = np.asarray(volume.array) >= HALF
    inside: npt.NDArray[np.bool_] = np.asarray(values.any(axis=3)) if values.ndim == 4 else values
    turned, affine = canonical(inside, _TO_RAS @ np.asarray(volume.affine, dtype=np.float64))
    i, j, k = turned.shape
    return turned.astype(np.bool_), Geometry((i, j, k), affine)


def _placed(
    segmentation: Segmentation, inside: npt.NDArray[np.bool_], geometry: Geometry, like: Volume
) -> npt.NDArray[np.bool_]:
    """The same voxels in the CT: axes may run otherwise and slices may be fewer, but no centre may lie between."""
    voxels = np.argwhere(inside)
    if not len(voxels):
        what = "the segments that match hold no voxel."
        raise CohortError(Finding(file=segmentation.file, key="roi", what=what, todo="Name others.", code="empty-roi"))
    to_ct = np.linalg.inv(like.affine) @ geometry.affine
    _check_axes(segmentation, to_ct, geometry, like, voxels)
    places = np.rint(voxels @ to_ct[:3, :3].T + to_ct[:3, 3]).astype(np.int64)
    within = ((places >= 0) & (places < like.shape)).all(axis=1)
    if not within.all():
        n = int(np.count_nonzero(~within))
        what = f"{counted(n, 'voxel')} of {len(places):,} of the segments lie outside of the CT."
        todo = "Name the CT that it was made on."
        raise CohortError(Finding(file=segmentation.file, what=what, todo=todo, code="outside-ct"))
    mask = np.zeros(like.shape, dtype=np.bool_)
    mask[tuple(places.T)] = True
    return mask


def _check_axes(
    segmentation: Segmentation, to_ct: npt.NDArray[np.float64], geometry: Geometry, like: Volume, voxels: Any
) -> None:
    corners = np.array([voxels.min(axis=0), voxels.max(axis=0)])
    places = corners @ to_ct[:3, :3].T + to_ct[:3, 3]
    whole = np.rint(to_ct[:3, :3])
    same_axes = np.abs(to_ct[:3, :3] - whole).max() * max(geometry.shape) < 1 and (np.abs(whole).sum(axis=0) == 1).all()
    if same_axes and np.abs(places - np.rint(places)).max() <= TOLERANCE:
        return
    what = f"the segmentation lies on another grid than the CT: {geometry} against {like.geometry}"
    first = geometry.affine[:3, 3] - like.affine[:3, 3]
    what += f", first voxels {np.round(first, 3).tolist()} mm apart."
    todo = "Resample the segmentation to the CT's grid (nearest neighbour)."
    raise CohortError(Finding(file=segmentation.file, what=what, todo=todo, code="another-grid"))

"""A multi-frame (enhanced) CT as the slices that its frames are: each with a header of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mmcare.errors import CohortError, Finding, cut
from mmcare.formats.dicom_headers import ImageHeader
from mmcare.formats.rows import counted

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["slices_of"]

Groups = Sequence["Dataset"]


def slices_of(headers: Sequence[ImageHeader]) -> list[ImageHeader]:
    """One header a slice: those of single-frame files as they are, those of an enhanced CT's frames read from it.

    Raises:
        CohortError: A file describes another number of frames than it has, or its description is damaged.

    Source:
        DICOM PS3.3 A.38 (enhanced CT), C.7.6.16 (functional groups).
    """
    return [one for header in headers for one in (_frames(header) if header.is_enhanced_ct else [header])]


def _frames(header: ImageHeader) -> list[ImageHeader]:
    from pydicom import dcmread

    try:
        dataset = dcmread(header.path, stop_before_pixels=True, force=header.is_bare)
        shared = dataset.get("SharedFunctionalGroupsSequence") or []
        each = dataset.get("PerFrameFunctionalGroupsSequence") or []
        found = [_frame(header, index, [own, *shared]) for index, own in enumerate(each)]
    # pydicom reads an element when it is asked for, and raises whatever a damaged one makes it stumble over.
    except Exception as error:
        what = f"the description of its frames is damaged ({cut(f'{type(error).__name__}: {error}')})."
        raise CohortError(Finding(file=header.path, what=what, todo=_TODO, code="damaged-frames")) from error
    if len(found) != header.n_frames:
        what = f"has {counted(header.n_frames, 'frame')} and describes {len(found)} (in "
        what += "PerFrameFunctionalGroupsSequence)."
        raise CohortError(Finding(file=header.path, what=what, todo=_TODO, code="damaged-frames"))
    return found


_TODO = "Export the series again."


def _frame(header: ImageHeader, index: int, groups: Groups) -> ImageHeader:
    return replace(
        header,
        frame=index,
        sop_instance_uid=f"{header.sop_instance_uid}/{index + 1}",
        position_mm=_numbers(groups, "PlanePositionSequence", "ImagePositionPatient"),
        orientation=_numbers(groups, "PlaneOrientationSequence", "ImageOrientationPatient"),
        pixel_spacing_mm=_numbers(groups, "PixelMeasuresSequence", "PixelSpacing"),
        slope=_number(groups, "PixelValueTransformationSequence", "RescaleSlope"),
        intercept=_number(groups, "PixelValueTransformationSequence", "RescaleIntercept"),
    )


def _value(groups: Groups, sequence: str, name: str) -> Any:
    """What a frame says of itself, else what all frames share."""
    for group in groups:
        for item in group.get(sequence) or []:
            if item.get(name) is not None:
                return item.get(name)
    return None


def _numbers(groups: Groups, sequence: str, name: str) -> tuple[float, ...]:
    value = _value(groups, sequence, name)
    return () if value is None or isinstance(value, (str, float, int)) else tuple(float(part) for part in value)


def _number(groups: Groups, sequence: str, name: str) -> float | None:
    value = _value(groups, sequence, name)
    return None if value is None or value == "" else float(value)

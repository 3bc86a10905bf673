"""DICOM segmentations (SEG) that lie on the original series: the tumour's mask, and maps of where the model looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from mmcare.export.heat import STEPS, Heat
from mmcare.export.maker import LONGEST, MANUFACTURER, PROGRAM, RESEARCH, Maker, dicom_text
from mmcare.export.source import SourceSeries

if TYPE_CHECKING:
    from highdicom.seg import Segmentation, SegmentDescription

__all__ = ["TumourMask", "heat_segmentation", "heat_title", "mask_segmentation"]


@dataclass(frozen=True, eq=False)
class TumourMask:
    """What the model was told is the tumour.

    Attributes:
        values: (slice, row, column) bool, on the slices of the series.
        label: In words. found_by: The segmenter; empty where a person drew it.
    """

    values: npt.NDArray[np.bool_]
    label: str
    found_by: str


def mask_segmentation(series: SourceSeries, mask: TumourMask, maker: Maker, number: int) -> Segmentation:
    """A BINARY segmentation; a mask that a person drew is called MANUAL, one that was found AUTOMATIC."""
    from pydicom.sr.codedict import codes

    algorithm = maker.algorithm(mask.found_by) if mask.found_by else None
    described = _described(1, mask.label, codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Neoplasm, algorithm)
    title = dicom_text(f"{mask.label}, {RESEARCH}")
    return _segmentation(series, mask.values[..., None], "BINARY", [described], title, maker, number)


def heat_segmentation(series: SourceSeries, heat: Heat, maker: Maker, number: int) -> Segmentation:
    """A FRACTIONAL segmentation: 255 is the map's maximum; a segment for what speaks for, one for what against."""
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    parts = [("for", heat.speaks_for), ("against", heat.against)]
    shown = [(word, values) for word, values in parts if values.any()]
    kind = Code(heat.method.upper().replace("-", "_"), "99MMCARE", f"{heat.method} of a prediction")
    category = codes.SCT.SpatialAndRelationalConcept
    described = [
        _described(place, f"{heat.target.key}, speaks {word}", category, kind, maker.algorithm(heat.method))
        for place, (word, _) in enumerate(shown, 1)
    ]
    values = np.stack([values for _, values in shown], axis=-1)
    return _segmentation(series, values, "FRACTIONAL", described, heat_title(heat), maker, number)


def heat_title(heat: Heat) -> str:
    """`Grad-CAM, os@3:sbrt, research use only`: what a reader of the archive sees."""
    room = LONGEST - len(f"{heat.method}, , {RESEARCH}")
    return f"{heat.method}, {dicom_text(heat.target.key, room)}, {RESEARCH}"


def _described(place: int, label: str, category: Any, kind: Any, algorithm: Any) -> SegmentDescription:
    from highdicom.seg import SegmentDescription

    return SegmentDescription(
        segment_number=place,
        segment_label=dicom_text(label),
        segmented_property_category=category,
        segmented_property_type=kind,
        algorithm_type="MANUAL" if algorithm is None else "AUTOMATIC",
        algorithm_identification=algorithm,
    )


def _segmentation(
    series: SourceSeries,
    values: npt.NDArray[Any],
    kind: Literal["BINARY", "FRACTIONAL"],
    described: Sequence[SegmentDescription],
    title: str,
    maker: Maker,
    number: int,
) -> Segmentation:
    """Of (slice, row, column, segment); only slices that hold something are written."""
    from highdicom import UID
    from highdicom.seg import Segmentation

    used = np.flatnonzero(values.any(axis=(1, 2, 3)))
    first, last = int(used[0]), int(used[-1]) + 1
    return Segmentation(
        source_images=series.images[first:last],
        pixel_array=values[first:last] if kind == "FRACTIONAL" else values[first:last].astype(np.uint8),
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=UID(),
        series_number=number,
        sop_instance_uid=UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=PROGRAM,
        software_versions=maker.version,
        device_serial_number=maker.run_id,
        max_fractional_value=STEPS,
        content_label="RESEARCH_ONLY",
        content_description=title,
        series_description=title,
        pixel_measures=_measures(series),
    )


def _measures(series: SourceSeries) -> Any:
    """Of the series' voxels."""
    from highdicom import PixelMeasuresSequence

    first = series.images[0]
    return PixelMeasuresSequence(
        pixel_spacing=[float(value) for value in first.PixelSpacing],
        slice_thickness=float(first.SliceThickness),
        spacing_between_slices=series.slice_distance_mm,
    )

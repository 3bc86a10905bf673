"""What survives of a structure set (DICOM PS3.3, A.19)."""

from __future__ import annotations

from mmcare.cohort.deidentify.allowed_common import COMMON, MM, PLENTY, exact, needed, or_empty, reference
from mmcare.cohort.deidentify.rules import (
    Allowed,
    Items,
    among,
    constant,
    known_maker,
    known_model,
    mapped_uid,
    number,
    region,
    shifted,
    whole,
)

__all__ = ["RTSTRUCT"]

_CONTOUR_IMAGES = reference(Allowed("ReferencedFrameNumber", whole(1, 99_999, None)))
_CONTOUR = Items(
    (
        Allowed("ContourNumber", whole(0, 999_999)),
        Allowed("AttachedContours", whole(0, 999_999, None)),
        Allowed("ContourImageSequence", _CONTOUR_IMAGES),
        needed(
            "ContourGeometricType", among("POINT", "OPEN_PLANAR", "OPEN_NONPLANAR", "CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
        ),
        Allowed("ContourSlabThickness", number(0, PLENTY, 1)),
        exact("ContourOffsetVector", number(-MM, MM, 3)),
        or_empty("NumberOfContourPoints", whole(0, 9_999_999)),
        exact("ContourData", number(-MM, MM), empty=True),
    )
)
_FRAMES = Items(
    (
        needed("FrameOfReferenceUID", mapped_uid),
        exact(
            "RTReferencedStudySequence",
            reference(
                Allowed(
                    "RTReferencedSeriesSequence",
                    Items(
                        (
                            needed("SeriesInstanceUID", mapped_uid),
                            Allowed("ContourImageSequence", _CONTOUR_IMAGES),
                        )
                    ),
                ),
            ),
        ),
    )
)
_ROI_NUMBER = whole(0, 99_999)
_INTERPRETED = among(
    "EXTERNAL",
    "PTV",
    "CTV",
    "GTV",
    "TREATED_VOLUME",
    "IRRAD_VOLUME",
    "BOLUS",
    "AVOIDANCE",
    "ORGAN",
    "OAR",
    "MARKER",
    "REGISTRATION",
    "ISOCENTER",
    "CONTRAST_AGENT",
    "CAVITY",
    "SUPPORT",
    "FIXATION",
    "DOSE_REGION",
    "CONTROL",
    "DOSE_MEASUREMENT",
    "BRACHY_CHANNEL",
    "BRACHY_ACCESSORY",
    "BRACHY_SRC_APP",
    "BRACHY_CHNL_SHLD",
)

RTSTRUCT = (
    *COMMON,
    Allowed("Modality", constant("RTSTRUCT")),
    or_empty("Manufacturer", known_maker),
    Allowed("ManufacturerModelName", known_model),
    Allowed("OperatorsName", constant("")),
    Allowed("FrameOfReferenceUID", mapped_uid),
    Allowed("InstanceNumber", whole(0, 99_999)),
    Allowed("StructureSetLabel", constant("RTSTRUCT")),
    or_empty("StructureSetDate", shifted),
    Allowed("StructureSetTime", constant("")),
    Allowed("ReferencedFrameOfReferenceSequence", _FRAMES),
    exact(
        "StructureSetROISequence",
        Items(
            (
                needed("ROINumber", _ROI_NUMBER),
                Allowed("ReferencedFrameOfReferenceUID", mapped_uid),
                needed("ROIName", region("ROI", "ROINumber")),
                or_empty("ROIGenerationAlgorithm", among("AUTOMATIC", "SEMIAUTOMATIC", "MANUAL")),
                Allowed("ROIVolume", number(0, 1e9, 1)),
            )
        ),
    ),
    exact(
        "ROIContourSequence",
        Items(
            (
                needed("ReferencedROINumber", _ROI_NUMBER),
                Allowed("ROIDisplayColor", whole(0, 255, 3)),
                exact("ContourSequence", _CONTOUR),
            )
        ),
    ),
    Allowed(
        "RTROIObservationsSequence",
        Items(
            (
                needed("ObservationNumber", _ROI_NUMBER),
                needed("ReferencedROINumber", _ROI_NUMBER),
                or_empty("RTROIInterpretedType", _INTERPRETED),
                Allowed("ROIInterpreter", constant("")),
            )
        ),
    ),
    Allowed("ApprovalStatus", constant("UNAPPROVED")),  # nobody has approved the new object
)

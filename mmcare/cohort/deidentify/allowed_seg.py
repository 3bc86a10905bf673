"""What survives of a segmentation (DICOM PS3.3, A.51)."""

from __future__ import annotations

from mmcare.cohort.deidentify.allowed_common import COMMON, IMAGE, MM, PLENTY, exact, needed, reference
from mmcare.cohort.deidentify.rules import (
    Allowed,
    Codes,
    Items,
    among,
    constant,
    first,
    known_maker,
    known_model,
    mapped_uid,
    number,
    pointer,
    region,
    shifted,
    whole,
)

__all__ = ["SEGMENTATION"]

_CODED = Codes()
_TISSUE = Codes(("85756007", "SCT", "Tissue"))
_REFERENCES = Items(
    (
        needed("SeriesInstanceUID", mapped_uid),
        Allowed("ReferencedInstanceSequence", reference()),
    )
)
_SEGMENT = Items(
    (
        needed("SegmentNumber", whole(0, 65_535)),
        needed("SegmentLabel", region("Segment", "SegmentNumber")),
        needed("SegmentAlgorithmType", first(among("AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"), constant("SEMIAUTOMATIC"))),
        Allowed("SegmentAlgorithmName", constant("not named")),
        Allowed("SegmentedPropertyCategoryCodeSequence", _TISSUE),
        Allowed("SegmentedPropertyTypeCodeSequence", _TISSUE),
        Allowed("AnatomicRegionSequence", _CODED),
        Allowed("RecommendedDisplayGrayscaleValue", whole(0, 65_535)),
        Allowed("RecommendedDisplayCIELabValue", whole(0, 65_535, 3)),
    )
)
_SOURCE_IMAGE = reference(
    Allowed("ReferencedFrameNumber", whole(1, 99_999, None)),
    Allowed("ReferencedSegmentNumber", whole(1, 65_535, None)),
    Allowed("PurposeOfReferenceCodeSequence", _CODED),
    Allowed("SpatialLocationsPreserved", among("YES", "NO", "REORIENTED_ONLY")),
)
_GROUPS = Items(
    (
        Allowed(
            "PixelMeasuresSequence",
            Items(
                (
                    exact("PixelSpacing", number(0, MM, 2)),
                    Allowed("SliceThickness", number(0, PLENTY, 1)),
                    Allowed("SpacingBetweenSlices", number(-PLENTY, PLENTY, 1)),
                )
            ),
        ),
        Allowed("PlaneOrientationSequence", Items((exact("ImageOrientationPatient", number(-2, 2, 6)),))),
        Allowed("PlanePositionSequence", Items((exact("ImagePositionPatient", number(-MM, MM, 3)),))),
        Allowed(
            "FrameContentSequence",
            Items(
                (
                    Allowed("DimensionIndexValues", whole(0, 9_999_999, None)),
                    Allowed("InStackPositionNumber", whole(0, 9_999_999)),
                    Allowed("FrameAcquisitionNumber", whole(0, 65_535)),
                )
            ),
        ),
        Allowed("SegmentIdentificationSequence", Items((needed("ReferencedSegmentNumber", whole(0, 65_535, None)),))),
        Allowed(
            "DerivationImageSequence",
            Items(
                (
                    Allowed("SourceImageSequence", _SOURCE_IMAGE),
                    Allowed("DerivationCodeSequence", _CODED),
                )
            ),
        ),
    )
)

SEGMENTATION = (
    *COMMON,
    Allowed("ImageType", constant("DERIVED\\PRIMARY")),
    Allowed("Modality", constant("SEG")),
    needed("Manufacturer", first(known_maker, constant("not named"))),
    needed("ManufacturerModelName", first(known_model, constant("not named"))),
    Allowed("DeviceSerialNumber", constant("0")),
    Allowed("SoftwareVersions", constant("0")),
    needed("ContentDate", first(shifted, constant("19000101"))),
    Allowed("ContentTime", constant("000000")),
    Allowed("ContentLabel", constant("SEGMENTATION")),
    Allowed("ContentDescription", constant("")),
    Allowed("ContentCreatorName", constant("")),
    needed("InstanceNumber", first(whole(0, 99_999), constant("1"))),
    Allowed("FrameOfReferenceUID", mapped_uid),
    Allowed("PositionReferenceIndicator", constant("")),
    Allowed("ReferencedSeriesSequence", _REFERENCES),
    Allowed(
        "StudiesContainingOtherReferencedInstancesSequence",
        Items(
            (
                needed("StudyInstanceUID", mapped_uid),
                Allowed("ReferencedSeriesSequence", _REFERENCES),
            )
        ),
    ),
    Allowed("SourceImageSequence", _SOURCE_IMAGE),
    *IMAGE,
    needed("LossyImageCompression", first(among("00", "01"), constant("00"))),
    needed("NumberOfFrames", first(whole(1, 999_999), constant("1"))),
    needed("SegmentationType", among("BINARY", "FRACTIONAL", "LABELMAP")),
    Allowed("SegmentationFractionalType", among("PROBABILITY", "OCCUPANCY")),
    Allowed("MaximumFractionalValue", whole(1, 65_535)),
    Allowed("SegmentsOverlap", among("YES", "NO", "UNDEFINED")),
    needed("SegmentSequence", _SEGMENT),
    Allowed("DimensionOrganizationType", among("3D", "3D_TEMPORAL", "TILED_FULL", "TILED_SPARSE")),
    Allowed("DimensionOrganizationSequence", Items((needed("DimensionOrganizationUID", mapped_uid),))),
    Allowed(
        "DimensionIndexSequence",
        Items(
            (
                Allowed("DimensionOrganizationUID", mapped_uid),
                needed("DimensionIndexPointer", pointer),
                Allowed("FunctionalGroupPointer", pointer),
            )
        ),
    ),
    Allowed("SharedFunctionalGroupsSequence", _GROUPS),
    Allowed("PerFrameFunctionalGroupsSequence", _GROUPS),
)

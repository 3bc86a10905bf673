"""Elements that all classes share: whose object it is, that it was de-identified, pixels and their place."""

from __future__ import annotations

from mmcare.cohort.deidentify.rules import (
    Allowed,
    Become,
    Items,
    among,
    constant,
    first,
    mapped_uid,
    new_patient,
    number,
    pixels,
    registered_uid,
    shifted,
    whole,
)

__all__ = [
    "COMMON",
    "CT_CLASS",
    "IMAGE",
    "LABEL_MAP_CLASS",
    "MM",
    "PLANE",
    "PLENTY",
    "RTSTRUCT_CLASS",
    "SEG_CLASS",
    "exact",
    "needed",
    "or_empty",
    "reference",
]

CT_CLASS, RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.481.3"
SEG_CLASS, LABEL_MAP_CLASS = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"
MM = 100_000.0
PLENTY = 10_000.0
_METHOD = "Allow-list of MM-Care after PS3.15 2024e, table E.1-1"


def needed(keyword: str, rule: Become) -> Allowed:
    """Without it the object is held back."""
    return Allowed(keyword, rule, needed=True)


def or_empty(keyword: str, rule: Become) -> Allowed:
    """Written empty where there is no value (type 2)."""
    return Allowed(keyword, rule, empty=True)


def exact(keyword: str, rule: Become, empty: bool = False) -> Allowed:
    """What gives voxels and contours their place and value is never left out in silence."""
    return Allowed(keyword, rule, exact=True, empty=empty)


def reference(*more: Allowed) -> Items:
    """A sequence that names objects by class and UID."""
    return Items(
        (
            needed("ReferencedSOPClassUID", first(registered_uid, constant(CT_CLASS))),
            needed("ReferencedSOPInstanceUID", mapped_uid),
            *more,
        )
    )


COMMON = (
    Allowed("SpecificCharacterSet", constant("ISO_IR 192")),
    needed("SOPClassUID", registered_uid),
    needed("SOPInstanceUID", mapped_uid),
    or_empty("StudyDate", shifted),
    Allowed("SeriesDate", shifted),
    Allowed("StudyTime", constant("")),
    Allowed("AccessionNumber", constant("")),
    Allowed("ReferringPhysicianName", constant("")),
    Allowed("PatientName", new_patient),
    Allowed("PatientID", new_patient),
    Allowed("PatientBirthDate", constant("")),
    Allowed("PatientSex", constant("")),
    Allowed("PatientIdentityRemoved", constant("YES")),
    Allowed("DeidentificationMethod", constant(_METHOD)),
    Allowed("LongitudinalTemporalInformationModified", constant("MODIFIED")),
    needed("StudyInstanceUID", mapped_uid),
    needed("SeriesInstanceUID", mapped_uid),
    Allowed("StudyID", constant("")),
    or_empty("SeriesNumber", whole(0, 99_999)),
)

IMAGE = (
    Allowed("SamplesPerPixel", constant("1")),
    needed("PhotometricInterpretation", among("MONOCHROME1", "MONOCHROME2")),
    needed("Rows", whole(1, 65_535)),
    needed("Columns", whole(1, 65_535)),
    needed("BitsAllocated", among("1", "8", "16", "32")),
    needed("BitsStored", whole(1, 32)),
    needed("HighBit", whole(0, 31)),
    needed("PixelRepresentation", among("0", "1")),
    Allowed("BurnedInAnnotation", among("NO")),
    Allowed("LossyImageCompressionRatio", number(1, PLENTY)),
    Allowed("LossyImageCompressionMethod", among("ISO_10918_1", "ISO_14495_1", "ISO_15444_1", "ISO_15444_15")),
    needed("PixelData", pixels),
)

PLANE = (
    exact("PixelSpacing", number(0, MM, 2)),
    exact("ImageOrientationPatient", number(-2, 2, 6)),
    exact("ImagePositionPatient", number(-MM, MM, 3)),
)

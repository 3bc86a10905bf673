"""DICOM files full of planted identifiers: each place has a token of its own, which must be in no byte written."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage, SegmentationStorage

Plant = Callable[[Dataset, str], None]
SIZE = 8
N_SLICES = 3
KNOWN_UIDS = {name: f"1.2.276.0.7230010.{n}.4711.20210317" for n, name in enumerate(("study", "series", "frame"), 1)}


def sop_uid(index: int) -> str:
    return f"1.2.276.0.7230010.9.4711.{index}.20210317"


def _set(keyword: str) -> Plant:
    return lambda ds, token: setattr(ds, keyword, token)


def _nested(*keywords: str) -> Plant:
    """A value within sequences: all but the last keyword are sequences of one item."""

    def plant(ds: Dataset, token: str) -> None:
        for keyword in keywords[:-1]:
            if keyword not in ds:
                setattr(ds, keyword, Sequence([Dataset()]))
            ds = ds[keyword].value[0]
        setattr(ds, keywords[-1], token)

    return plant


def _add(tag: int, vr: str) -> Plant:
    return lambda ds, token: ds.add_new(tag, vr, token.encode() if vr in ("OB", "OW", "UN") else token)


def _private(ds: Dataset, token: str) -> None:
    ds.private_block(0x0009, "ACME 1.1", create=True).add_new(0x01, "LO", token)


def _private_creator(ds: Dataset, token: str) -> None:
    ds.private_block(0x0011, token, create=True).add_new(0x01, "LO", "x")


def _private_nested(ds: Dataset, token: str) -> None:
    item = Dataset()
    item.PatientName = token
    ds.private_block(0x0013, "ACME 1.1", create=True).add_new(0x02, "SQ", Sequence([item]))


def _private_in_item(ds: Dataset, token: str) -> None:
    ds.SourceImageSequence = Sequence([Dataset()])
    item = ds.SourceImageSequence[0]
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CTImageStorage, sop_uid(0)
    item.private_block(0x0009, "ACME 1.1", create=True).add_new(0x03, "UN", token.encode())


def _icon(ds: Dataset, token: str) -> None:
    icon = Dataset()
    icon.Rows, icon.Columns, icon.BitsAllocated, icon.SamplesPerPixel = 4, 8, 8, 1
    icon.PixelData = token.encode().ljust(32)
    ds.IconImageSequence = Sequence([icon])


def _fourth_type(ds: Dataset, token: str) -> None:
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", token]


def _behind_the_pixels(ds: Dataset, token: str) -> None:
    ds.PixelData = bytes(ds.PixelData) + token.encode().ljust(32)


def _meta(keyword: str) -> Plant:
    return lambda ds, token: setattr(ds.file_meta, keyword, token)


def _meta_private(ds: Dataset, token: str) -> None:
    ds.file_meta.PrivateInformationCreatorUID = "1.2.3.4"
    ds.file_meta.PrivateInformation = token.encode()


def _preamble(ds: Dataset, token: str) -> None:
    ds.preamble = token.encode().ljust(128, b"\1")


CT: dict[str, Plant] = {
    "PatientName": _set("PatientName"),
    "PatientBirthName": _set("PatientBirthName"),
    "PatientAddress": _set("PatientAddress"),
    "PatientTelephoneNumbers": _set("PatientTelephoneNumbers"),
    "PatientComments": _set("PatientComments"),
    "OtherPatientIDs": _add(0x00101000, "LO"),
    "OtherPatientNames": _set("OtherPatientNames"),
    "AccessionNumber": _set("AccessionNumber"),
    "StudyID": _set("StudyID"),
    "InstitutionName": _set("InstitutionName"),
    "InstitutionAddress": _set("InstitutionAddress"),
    "ReferringPhysicianName": _set("ReferringPhysicianName"),
    "OperatorsName": _set("OperatorsName"),
    "StationName": _set("StationName"),
    "DeviceSerialNumber": _set("DeviceSerialNumber"),
    "StudyDescription": _set("StudyDescription"),
    "SeriesDescription": _set("SeriesDescription"),
    "ProtocolName": _set("ProtocolName"),
    "ImageComments": _set("ImageComments"),
    "Manufacturer": _set("Manufacturer"),
    "ManufacturerModelName": lambda ds, token: setattr(ds, "ManufacturerModelName", f"Biograph {token}"),
    "ConvolutionKernel": _set("ConvolutionKernel"),
    "ScanOptions": _set("ScanOptions"),
    "fourth ImageType": _fourth_type,
    "BodyPartExamined": _set("BodyPartExamined"),
    "text in KVP, a number": _add(0x00180060, "LO"),
    "SoftwareVersions": _set("SoftwareVersions"),
    "ContrastBolusAgent": _set("ContrastBolusAgent"),
    "RequestAttributesSequence": _nested("RequestAttributesSequence", "RequestedProcedureDescription"),
    "three sequences deep": _nested(
        "OriginalAttributesSequence", "ModifiedAttributesSequence", "OtherPatientIDsSequence", "PatientID"
    ),
    "ReferencedPatientSequence": _nested("ReferencedPatientSequence", "PatientName"),
    "private element": _private,
    "private creator": _private_creator,
    "name within a private sequence": _private_nested,
    "private element within an item": _private_in_item,
    "element that no dictionary knows": _add(0x00109998, "LO"),
    "known element written as UN": _add(0x00102160, "UN"),
    "overlay": _add(0x60003000, "OB"),
    "description of an overlay": _add(0x60000022, "LO"),
    "curve": _add(0x50003000, "OB"),
    "description of a curve": _add(0x50000022, "LO"),
    "icon": _icon,
    "behind the last pixel": _behind_the_pixels,
    "trailing padding": _add(0xFFFCFFFC, "OB"),
    "digital signature": _nested("DigitalSignaturesSequence", "CertificateType"),
    "preamble": _preamble,
    "SourceApplicationEntityTitle": _meta("SourceApplicationEntityTitle"),
    "ImplementationVersionName": _meta("ImplementationVersionName"),
    "PrivateInformation": _meta_private,
}

RTSTRUCT: dict[str, Plant] = {
    "StructureSetLabel": _set("StructureSetLabel"),
    "StructureSetName": _set("StructureSetName"),
    "StructureSetDescription": _set("StructureSetDescription"),
    "ReviewerName": _set("ReviewerName"),
    "ROIName": _nested("StructureSetROISequence", "ROIName"),
    "ROIName after a known word": lambda ds, token: setattr(ds.StructureSetROISequence[1], "ROIName", f"GTV {token}"),
    "ROIDescription": _nested("StructureSetROISequence", "ROIDescription"),
    "ROIGenerationDescription": _nested("StructureSetROISequence", "ROIGenerationDescription"),
    "ROIObservationLabel": _nested("RTROIObservationsSequence", "ROIObservationLabel"),
    "ROIInterpreter": _nested("RTROIObservationsSequence", "ROIInterpreter"),
    "RTROIInterpretedType": _nested("RTROIObservationsSequence", "RTROIInterpretedType"),
    "private element of a contour": lambda ds, token: _private(ds.ROIContourSequence[0].ContourSequence[0], token),
}

SEG: dict[str, Plant] = {
    "ContentLabel": _set("ContentLabel"),
    "ContentDescription": _set("ContentDescription"),
    "ContentCreatorName": _set("ContentCreatorName"),
    "SegmentLabel": _nested("SegmentSequence", "SegmentLabel"),
    "SegmentDescription": _nested("SegmentSequence", "SegmentDescription"),
    "SegmentAlgorithmName": _nested("SegmentSequence", "SegmentAlgorithmName"),
    "TrackingID": _nested("SegmentSequence", "TrackingID"),
    "CodeMeaning": _nested("SegmentSequence", "SegmentedPropertyTypeCodeSequence", "CodeMeaning"),
    "DimensionDescriptionLabel": _nested("DimensionIndexSequence", "DimensionDescriptionLabel"),
    "StackID": _nested("PerFrameFunctionalGroupsSequence", "FrameContentSequence", "StackID"),
    "FrameLabel": _nested("PerFrameFunctionalGroupsSequence", "FrameContentSequence", "FrameLabel"),
}

DATES = {
    "PatientBirthDate": "19310704",
    "StudyDate": "20210317",
    "SeriesDate": "20210318",
    "AcquisitionDate": "20210319",
    "ContentDate": "20210321",
    "AcquisitionDateTime": "20210322101112.123456+0100",
    "DateOfLastCalibration": "20210323",
}
TIMES = {"StudyTime": "101112.654321", "AcquisitionTime": "101113.754321", "SeriesTime": "101114.854321"}
DEVICE = "98765432123456789"
CREATOR, CREATOR_ELEMENT = "1.3.12.2.1107.5.1.4.98711", "8812345678123"
PATIENT = "MRN-00471199"
FOLDER, FILE = "Meier_Anna", "anna-meier-1931"


def tokens() -> dict[str, str]:
    """What was planted, by place: texts, dates, times, UIDs, names of files."""
    texts = {
        f"{modality} {place}": f"QZ{number:02d}PLANT"
        for number, (modality, place) in enumerate(
            (modality, place) for modality, plants in _ALL.items() for place in plants
        )
    }
    moments = {name: value.partition(".")[0][:8] for name, value in DATES.items()} | TIMES
    uids = {f"UID of the {name}": uid for name, uid in KNOWN_UIDS.items()}
    uids |= {f"UID of image {index}": sop_uid(index) for index in range(N_SLICES)}
    uids |= {"UID of a device": DEVICE, "UID as private creator": CREATOR, "private UID": CREATOR_ELEMENT}
    texts |= NIFTI
    return {**texts, **moments, **uids, "PatientID": PATIENT, "folder": FOLDER, "file": FILE}


NIFTI = {f"NIfTI {place}": f"QZ9{n}PLANT" for n, place in enumerate(("descrip", "aux_file", "db_name", "comment"))}


def mask() -> nibabel.Nifti1Image:
    """Beside the DICOM files: a mask whose header has room for texts."""
    image = nibabel.Nifti1Image(np.zeros((SIZE, SIZE, N_SLICES), np.uint8), np.eye(4))
    for place in ("descrip", "aux_file", "db_name"):
        image.header[place] = NIFTI[f"NIfTI {place}"].encode()
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", NIFTI["NIfTI comment"].encode()))
    return image


_ALL = {"CT": CT, "RTSTRUCT": RTSTRUCT, "SEG": SEG}


def write(folder: Path) -> Path:
    """Write a CT of three slices, a structure set and a segmentation, with every token in its place."""
    below = folder / FOLDER
    below.mkdir(parents=True)
    with pydicom.config.disable_value_validation():
        for index in range(N_SLICES):
            _save(_planted("CT", ct(index)), below / f"{FILE}-{index}.dcm")
        _save(_planted("RTSTRUCT", rtstruct()), below / f"{FILE}-rs.dcm")
        _save(_planted("SEG", seg()), below / f"{FILE}-seg.dcm")
    nibabel.save(mask(), below / f"{FILE}-mask.nii")
    return folder


def _planted(modality: str, ds: Dataset) -> Dataset:
    known = tokens()
    for place, plant in _ALL[modality].items():
        plant(ds, known[f"{modality} {place}"])
    ds.private_block(0x0015, CREATOR, create=True).add_new(0x01, "UI", f"1.2.{CREATOR_ELEMENT}")
    for name, value in (DATES | TIMES).items():
        setattr(ds, name, value)
    return ds


def _save(ds: Dataset, path: Path) -> None:
    pydicom.dcmwrite(path, ds, enforce_file_format=False)


def _object(sop_class: str, uid: str, modality: str) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.FileMetaInformationVersion = b"\0\1"
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = sop_class, uid
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.ImplementationClassUID = "1.2.276.0.7230010.77"
    ds.preamble = b"\0" * 128
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = sop_class, uid, modality
    ds.PatientID = PATIENT
    ds.StudyInstanceUID, ds.FrameOfReferenceUID = KNOWN_UIDS["study"], KNOWN_UIDS["frame"]
    return ds


def _pixels(ds: Dataset, bits: int, values: bytes) -> None:
    ds.Rows = ds.Columns = SIZE
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit, ds.PixelRepresentation = bits - 1, 0
    ds.PixelData = values


def stored(index: int) -> np.ndarray:
    return np.arange(SIZE * SIZE, dtype="<u2").reshape(SIZE, SIZE) + 100 * index


def ct(index: int) -> Dataset:
    ds = _object(CTImageStorage, sop_uid(index), "CT")
    ds.SeriesInstanceUID = KNOWN_UIDS["series"]
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.PixelSpacing, ds.ImageOrientationPatient = ["0.5", "0.5"], ["1", "0", "0", "0", "1", "0"]
    ds.ImagePositionPatient = ["-2", "-2", str(10 + 2 * index)]
    ds.RescaleIntercept, ds.RescaleSlope = "-1024", "1"
    ds.InstanceNumber = str(index + 1)
    ds.DeviceUID = f"1.2.{DEVICE}"
    _pixels(ds, 16, stored(index).tobytes())
    return ds


def rtstruct() -> Dataset:
    ds = _object(RTStructureSetStorage, sop_uid(90), "RTSTRUCT")
    ds.SeriesInstanceUID = KNOWN_UIDS["series"] + ".1"
    series = _item(SeriesInstanceUID=KNOWN_UIDS["series"])
    series.ContourImageSequence = Sequence([_image(index) for index in range(N_SLICES)])
    study = _item(ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1", ReferencedSOPInstanceUID=KNOWN_UIDS["study"])
    study.RTReferencedSeriesSequence = Sequence([series])
    frame = _item(FrameOfReferenceUID=KNOWN_UIDS["frame"])
    frame.RTReferencedStudySequence = Sequence([study])
    ds.ReferencedFrameOfReferenceSequence = Sequence([frame])
    ds.StructureSetROISequence, ds.ROIContourSequence = Sequence([]), Sequence([])
    ds.RTROIObservationsSequence = Sequence([])
    for number, name in enumerate(("Doe, John", "GTV Doe", "GTV-1"), start=1):
        ds.StructureSetROISequence.append(
            _item(ROINumber=str(number), ReferencedFrameOfReferenceUID=KNOWN_UIDS["frame"], ROIName=name)
        )
        contours = [_contour(index) for index in range(N_SLICES)]
        ds.ROIContourSequence.append(_item(ReferencedROINumber=str(number), ContourSequence=Sequence(contours)))
        ds.RTROIObservationsSequence.append(
            _item(ObservationNumber=str(number), ReferencedROINumber=str(number), RTROIInterpretedType="GTV")
        )
    return ds


def _contour(index: int) -> Dataset:
    z = str(10 + 2 * index)
    corners = [("-1.26", "-1.26"), ("1.26", "-1.26"), ("1.26", "1.26"), ("-1.26", "1.26")]
    return _item(
        ContourImageSequence=Sequence([_image(index)]),
        ContourGeometricType="CLOSED_PLANAR",
        NumberOfContourPoints="4",
        ContourData=[number for x, y in corners for number in (x, y, z)],
    )


def _image(index: int) -> Dataset:
    return _item(ReferencedSOPClassUID=CTImageStorage, ReferencedSOPInstanceUID=sop_uid(index))


def seg() -> Dataset:
    ds = _object(SegmentationStorage, sop_uid(91), "SEG")
    ds.SeriesInstanceUID = KNOWN_UIDS["series"] + ".2"
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.NumberOfFrames = str(N_SLICES)
    ds.SegmentationType = "BINARY"
    code = _item(CodeValue="4147007", CodingSchemeDesignator="SCT", CodeMeaning="Mass")
    segment = _item(SegmentNumber=1, SegmentLabel="GTV-1", SegmentAlgorithmType="MANUAL")
    segment.SegmentedPropertyCategoryCodeSequence = Sequence([_item(CodeValue="1", CodingSchemeDesignator="99X")])
    segment.SegmentedPropertyTypeCodeSequence = Sequence([code])
    ds.SegmentSequence = Sequence([segment])
    ds.DimensionOrganizationSequence = Sequence([_item(DimensionOrganizationUID=KNOWN_UIDS["series"] + ".3")])
    ds.DimensionIndexSequence = Sequence([_item(DimensionIndexPointer=0x00200032, FunctionalGroupPointer=0x00209113)])
    measures = _item(PixelSpacing=["0.5", "0.5"], SliceThickness="2")
    orientation = _item(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])
    shared = _item(PixelMeasuresSequence=Sequence([measures]), PlaneOrientationSequence=Sequence([orientation]))
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence([_frame(index) for index in range(N_SLICES)])
    ds.ReferencedSeriesSequence = Sequence(
        [
            _item(
                SeriesInstanceUID=KNOWN_UIDS["series"],
                ReferencedInstanceSequence=Sequence([_image(index) for index in range(N_SLICES)]),
            )
        ]
    )
    _pixels(ds, 1, labels())
    return ds


def labels() -> bytes:
    return struct.pack("<24B", *range(24))


def _frame(index: int) -> Dataset:
    position = _item(ImagePositionPatient=["-2", "-2", str(10 + 2 * index)])
    return _item(
        FrameContentSequence=Sequence([_item(DimensionIndexValues=[index + 1])]),
        PlanePositionSequence=Sequence([position]),
        SegmentIdentificationSequence=Sequence([_item(ReferencedSegmentNumber=1)]),
        DerivationImageSequence=Sequence([_item(SourceImageSequence=Sequence([_image(index)]))]),
    )


def _item(**elements: object) -> Dataset:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item

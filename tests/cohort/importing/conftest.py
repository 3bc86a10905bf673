"""Small thoraces as DICOM, with structure sets and segmentations, for each test to spoil."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage

from mmcare.workflow.import_dicom import ImportOptions, ImportSummary, import_dicom

SIZE, N_SLICES, PIXEL_MM, STEP_MM = 24, 8, 2.0, 3.0
TUMOUR = (slice(2, 5), slice(9, 14), slice(4, 9))
"""Slices, rows, columns."""
SliceChange = Callable[[Dataset, int], None]


def thorax() -> np.ndarray:
    """(slice, row, column) in HU: soft tissue around lungs, and a tumour in the lung of the lower columns."""
    hu = np.full((N_SLICES, SIZE, SIZE), -850)
    hu[:, :3], hu[:, -3:], hu[:, :, :3], hu[:, :, -3:], hu[:, :, 11:13] = 40, 40, 40, 40, 40
    hu[TUMOUR] = 45
    return hu


def _uid(patient: str, *numbers: int) -> str:
    digits = "".join(str(ord(letter)) for letter in patient)
    return ".".join(["1.2.826", digits, *map(str, numbers)])


def _begin(path: Path, sop_class: str, instance: str, patient: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, instance
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, instance
    dataset.PatientID, dataset.PatientName = patient, f"{patient}^"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.AccessionNumber = dataset.StudyID = ""
    dataset.StudyDate = dataset.StudyTime = dataset.ReferringPhysicianName = ""
    dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = _uid(patient, 1), _uid(patient, 3)
    return dataset


def write_ct(
    folder: Path,
    patient: str = "P1",
    change: SliceChange | None = None,
    *,
    hu: np.ndarray | None = None,
    series: int = 2,
    n: int = N_SLICES,
) -> Path:
    """A series whose names run against the positions; slices 3 mm apart, pixels of 2 mm."""
    folder.mkdir(parents=True, exist_ok=True)
    hu = thorax() if hu is None else hu
    for index in range(n):
        path = folder / f"{series}-{n - index:03d}"
        dataset = _begin(path, CTImageStorage, _uid(patient, series, index + 1), patient)
        dataset.Modality, dataset.SeriesInstanceUID = "CT", _uid(patient, series)
        dataset.SeriesDescription, dataset.SeriesNumber, dataset.InstanceNumber = f"Thorax {series}", series, index + 1
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.Manufacturer = "MAKER"
        dataset.Rows = dataset.Columns = SIZE
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation = 15, 0
        dataset.PixelSpacing, dataset.SliceThickness = [PIXEL_MM, PIXEL_MM], STEP_MM
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.ImagePositionPatient = [-20, -30, 100 + STEP_MM * index]
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        dataset.PixelData = (hu[index] + 1024).astype("<u2").tobytes()
        if change is not None:
            change(dataset, index)
        dataset.save_as(path)
    return folder


def square(index: int, where: tuple[slice, slice, slice] = TUMOUR) -> list[float]:
    """The contour around the voxel centres of a slice."""
    _, rows, columns = where
    left, right = -20 + PIXEL_MM * (columns.start - 0.4), -20 + PIXEL_MM * (columns.stop - 0.6)
    back, front = -30 + PIXEL_MM * (rows.start - 0.4), -30 + PIXEL_MM * (rows.stop - 0.6)
    head = 100 + STEP_MM * index
    return [left, back, head, right, back, head, right, front, head, left, front, head]


def tumour(where: tuple[slice, slice, slice] = TUMOUR) -> list[list[float]]:
    """The tumour's contours."""
    return [square(index, where) for index in range(where[0].start, where[0].stop)]


def write_rtstruct(
    path: Path,
    patient: str = "P1",
    rois: Mapping[str, Sequence[Sequence[float]]] | None = None,
    *,
    series: int = 2,
    of: str | None = None,
    made: str = "20200101",
) -> Path:
    """A structure set on a series; `of` is the patient whose images it refers to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    of = of or patient
    dataset = _begin(path, RTStructureSetStorage, _uid(patient, 9, int(made)), patient)
    dataset.Modality, dataset.SeriesInstanceUID = "RTSTRUCT", _uid(patient, 8)
    dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = _uid(of, 1), _uid(of, 3)
    dataset.StructureSetDate, dataset.StructureSetTime = made, "120000"
    one, study, frame = Dataset(), Dataset(), Dataset()
    one.SeriesInstanceUID = _uid(of, series)
    study.ReferencedSOPInstanceUID, study.RTReferencedSeriesSequence = _uid(of, 1), Items([one])
    frame.FrameOfReferenceUID, frame.RTReferencedStudySequence = _uid(of, 3), Items([study])
    dataset.ReferencedFrameOfReferenceSequence = Items([frame])
    dataset.StructureSetROISequence, dataset.ROIContourSequence = Items([]), Items([])
    for number, (name, contours) in enumerate((rois or {"GTV-1": tumour(), "Heart": tumour()[:1]}).items(), start=1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber = drawn.ReferencedROINumber = number
        roi.ROIName = name
        drawn.ContourSequence = Items([_contour(points) for points in contours])
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(drawn)
    dataset.save_as(path)
    return path


def _contour(points: Sequence[float]) -> Dataset:
    contour = Dataset()
    contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", len(points) // 3
    contour.ContourData = [f"{number:g}" for number in points]
    return contour


def write_seg(
    path: Path, ct: Path, segments: Mapping[str, np.ndarray], *, kind: str = "BINARY", omit_empty: bool = True
) -> Path:
    """A segmentation of a series, written by highdicom; segments are (slice, row, column)."""
    import highdicom
    from highdicom.sr.coding import CodedConcept

    sources = sorted((dcmread(file) for file in ct.iterdir()), key=lambda d: d.ImagePositionPatient[2])
    tissue = CodedConcept("85756007", "SCT", "Tissue")
    neoplasm = CodedConcept("108369006", "SCT", "Neoplasm")
    descriptions = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=tissue,
            segmented_property_type=neoplasm,
            algorithm_type="MANUAL",
        )
        for number, label in enumerate(segments, start=1)
    ]
    pixels = np.stack(list(segments.values()), axis=-1)
    if kind == "LABELMAP":
        pixels = (pixels.astype(np.uint8) * np.arange(1, len(segments) + 1, dtype=np.uint8)).max(axis=-1)
    seg = highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels.astype(np.float32) if kind == "FRACTIONAL" else pixels.astype(np.uint8),
        segmentation_type=kind,
        segment_descriptions=descriptions,
        series_instance_uid=highdicom.UID(),
        series_number=7,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="MAKER",
        manufacturer_model_name="MODEL",
        software_versions="1",
        device_serial_number="1",
        omit_empty_frames=omit_empty,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    seg.save_as(path)
    return path


def write_enhanced(
    path: Path,
    ct: Path,
    change: Callable[[Dataset], object] | None = None,
    *,
    legacy: bool = False,
    syntax: str | None = None,
) -> Path:
    """The slices of a folder as one file, made by highdicom; `legacy` keeps the class that it gives."""
    import highdicom

    slices = [dcmread(file) for file in sorted(ct.iterdir())]
    image = highdicom.legacy.LegacyConvertedEnhancedCTImage(
        slices,
        series_instance_uid=slices[0].SeriesInstanceUID,
        series_number=1,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        transfer_syntax_uid=syntax,
    )
    image.SeriesDescription = slices[0].get("SeriesDescription", "")
    if not legacy:
        image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    if change is not None:
        change(image)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save_as(path)
    return path


def inside() -> np.ndarray:
    """(slice, row, column) bool, the tumour."""
    mask = np.zeros((N_SLICES, SIZE, SIZE), dtype=bool)
    mask[TUMOUR] = True
    return mask


Import = Callable[..., ImportSummary]


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Where to import to."""
    return tmp_path / "cohort"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder to fill with what is imported."""
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def import_(source: Path, cohort: Path) -> Import:
    """Import the source; options as of `ImportOptions`."""

    def run(*rois: str, **options: object) -> ImportSummary:
        return import_dicom(source, cohort, ImportOptions(rois=rois, **options))  # type: ignore[arg-type]

    return run


def said(summary: ImportSummary, source: Path) -> list[str]:
    """All findings, `severity: text`, without the source's path."""
    found = [*summary.findings, *(finding for result in summary.patients for finding in result.findings)]
    return [f"{finding.severity}: {finding}".replace(f"{source}/", "").replace(str(source), "SRC") for finding in found]

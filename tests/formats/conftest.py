"""Tiny files in real formats, and the folder of real data where there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage

SliceChange = Callable[[Dataset, int], None]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def _dataset(path: Path, sop_class: str, instance: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = instance
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = instance
    dataset.StudyInstanceUID = "1.2.1"
    dataset.FrameOfReferenceUID = "1.2.3"
    return dataset


@pytest.fixture
def write_ct() -> Callable[..., Path]:
    """Writes a series of 4 slices of 5 rows x 6 columns, 2 mm apart, pixels 0.5 mm (rows) x 0.8 mm (columns)."""

    def write_ct(
        folder: Path, change: SliceChange | None = None, *, n: int = 4, prefix: str = "", series: str = "1.2.2"
    ) -> Path:
        folder.mkdir(exist_ok=True, parents=True)
        for index in range(n):
            # The names run against the positions: only the header says where a slice lies.
            path = folder / f"{prefix}{n - index:03d}"
            dataset = _dataset(path, CTImageStorage, f"{series}.{index}")
            dataset.Modality = "CT"
            dataset.SeriesInstanceUID = series
            dataset.SeriesDescription = f"Thorax {series}"
            dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
            dataset.Rows, dataset.Columns = 5, 6
            dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
            dataset.BitsAllocated = dataset.BitsStored = 16
            dataset.HighBit, dataset.PixelRepresentation = 15, 0
            dataset.PixelSpacing = [0.5, 0.8]
            dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
            dataset.ImagePositionPatient = [-10, -20, 100 + 2 * index]
            dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
            dataset.PixelData = pixels(index).astype("<u2").tobytes()
            if change is not None:
                change(dataset, index)
            dataset.save_as(path)
        return folder

    return write_ct


def pixels(index: int) -> np.ndarray:
    """(5, 6), the stored pixels of slice `index`: 100 x slice + 10 x row + column."""
    row, column = np.mgrid[:5, :6]
    return 100 * index + 10 * row + column


@pytest.fixture
def stored() -> Callable[[int], np.ndarray]:
    return pixels


@pytest.fixture
def write_rtstruct(tmp_path: Path) -> Callable[..., Path]:
    """Writes a structure set; `rois` gives for each name its contours as lists of points in mm, LPS."""

    def write_rtstruct(
        rois: Mapping[str, Any], *, series: str = "1.2.2", study: str = "1.2.1", frame: str = "1.2.3"
    ) -> Path:
        path = tmp_path / "structures.dcm"
        dataset = _dataset(path, RTStructureSetStorage, "1.2.9")
        dataset.Modality = "RTSTRUCT"
        dataset.StudyInstanceUID = study
        referenced_series, referenced_study, referenced_frame = Dataset(), Dataset(), Dataset()
        referenced_series.SeriesInstanceUID = series
        referenced_study.ReferencedSOPInstanceUID = study
        referenced_study.RTReferencedSeriesSequence = Sequence([referenced_series])
        referenced_frame.FrameOfReferenceUID = frame
        referenced_frame.RTReferencedStudySequence = Sequence([referenced_study])
        dataset.ReferencedFrameOfReferenceSequence = Sequence([referenced_frame])
        dataset.StructureSetROISequence = Sequence([])
        dataset.ROIContourSequence = Sequence([])
        for number, (name, contours) in enumerate(rois.items(), start=1):
            roi, drawn = Dataset(), Dataset()
            roi.ROINumber = drawn.ReferencedROINumber = number
            roi.ROIName = name
            drawn.ContourSequence = Sequence([_contour(points) for points in contours])
            dataset.StructureSetROISequence.append(roi)
            dataset.ROIContourSequence.append(drawn)
        dataset.save_as(path)
        return path

    return write_rtstruct


def _contour(points: list[tuple[float, float, float]]) -> Dataset:
    contour = Dataset()
    contour.ContourGeometricType = "CLOSED_PLANAR"
    contour.NumberOfContourPoints = len(points)
    contour.ContourData = [number for point in points for number in point]
    return contour

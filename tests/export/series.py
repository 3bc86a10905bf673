"""CT volumes as the DICOM series that a scanner would have stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from mmcare.formats import Volume

TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
PLANES = {"axial": (0, 1, 2), "sagittal": (1, 2, 0)}
"""Axes of the volume (right, front, head) along which columns, rows and slices run."""


def write_series(
    folder: Path,
    volume: Volume,
    *,
    plane: str = "axial",
    reverse: bool = False,
    patient: str = "Müller^Änne",
    study: str = "1.2.826.1",
    name: str = "Thorax",
) -> Path:
    """A series with columns to the left (or back) and rows to the back (or feet); reversed, its files begin above."""
    folder.mkdir(parents=True, exist_ok=True)
    values, affine = _as_scanned(volume, PLANES[plane])
    lps = TO_LPS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    across, down = lps[:3, 0] / spacing[0], lps[:3, 1] / spacing[1]
    series, frame, count = generate_uid(), generate_uid(), values.shape[2]
    for index in range(count):
        number = count - index if reverse else index + 1
        dataset = _dataset(folder / f"{number:03d}.dcm", patient)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = study, series, frame
        dataset.SeriesDescription, dataset.InstanceNumber = name, number
        dataset.ImageOrientationPatient = [f"{value:.10f}" for value in (*across, *down)]
        dataset.ImagePositionPatient = [f"{value:.8f}" for value in (lps @ [0, 0, index, 1])[:3]]
        dataset.PixelSpacing = [f"{spacing[1]:.9f}", f"{spacing[0]:.9f}"]
        pixels = values[:, :, index].T + 1024
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.PixelData = pixels.astype("<u2").tobytes()
        dataset.save_as(folder / f"{number:03d}.dcm")
    return folder


def _as_scanned(volume: Volume, axes: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(column, row, slice) and the affine: columns and rows run against the volume's axes, slices along theirs."""
    order = np.zeros((4, 4))
    order[3, 3] = 1
    for own, axis in enumerate(axes):
        order[axis, own] = -1 if own < 2 else 1
        if own < 2:
            order[axis, 3] = volume.shape[axis] - 1
    values = np.transpose(volume.values, axes)[::-1, ::-1, :]
    return values, volume.affine @ order


def _dataset(path: Path, patient: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.PatientID = patient, "HOSPITAL-7"
    dataset.PatientBirthDate, dataset.PatientSex = "19500102", "F"
    dataset.Modality, dataset.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    return dataset

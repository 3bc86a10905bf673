"""`mmcare cohort import-dicom`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from mmcare.cli.main import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "notes.txt").write_text("hello")
    for patient, n in (("P1", 3), ("P2", 1)):
        for index in range(n):
            _write_slice(folder / f"{patient}-{index}", patient, index)
    return folder


def _write_slice(path: Path, patient: str, index: int) -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, f"1.2.{patient[1:]}.{index + 1}"
    dataset.Modality, dataset.PatientID = "CT", patient
    dataset.SeriesInstanceUID = dataset.StudyInstanceUID = f"1.2.{patient[1:]}"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 4, 5, 1
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelSpacing, dataset.ImageOrientationPatient = [1, 1], [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = [0, 0, 2 * index]
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    dataset.PixelData = np.full((4, 5), 100 + index, "<u2").tobytes()
    dataset.save_as(path)


def test_what_was_imported_and_what_was_refused_is_shown(source: Path, tmp_path: Path, capfd: Capture) -> None:
    cohort = tmp_path / "cohort"
    assert main(["cohort", "import-dicom", str(source), "--cohort", str(cohort)]) == 1
    out, err = capfd.readouterr()
    assert out == (
        f"patient            {'CT':47}  mask\n"
        "P1       imported  3 slices, 5 x 4 x 3 voxels of 1 x 1 x 2 mm, RAS\n"
        "P2       refused\n"
        "\n"
        "files\n"
        "CT slice, imported    3\n"
        "no DICOM file         1\n"
        "of a refused patient  1\n"
        "all                   5\n"
    )
    assert err == (
        "Note: patient P1: has no structure set, segmentation, NIfTI or NRRD file: the CT is imported without a mask.\n"
        f"Error: {source}, patient P2, series 1.2.2: the series has one slice; a volume needs at least 2.\n"
        "  Name the whole series.\n"
        f"Next: mmcare cohort check {cohort}\n"
    )


def test_a_second_time_nothing_is_done_and_all_is_well(source: Path, tmp_path: Path, capfd: Capture) -> None:
    (source / "P2-0").unlink()
    arguments = ["cohort", "import-dicom", str(source), "--cohort", str(tmp_path / "cohort"), "--json"]
    assert main(arguments) == 0
    capfd.readouterr()
    assert main(arguments) == 0
    shown = json.loads(capfd.readouterr().out)
    assert [(one["patient"], one["outcome"]) for one in shown["patients"]] == [("P1", "there already")]
    assert shown["files"] == {"no DICOM file": 1, "of a patient who is there already": 3}


def test_nothing_to_import_ends_with_2(tmp_path: Path, capfd: Capture) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["cohort", "import-dicom", str(tmp_path / "empty"), "--cohort", str(tmp_path / "cohort")]) == 2
    assert capfd.readouterr().err == (
        f"Error: {tmp_path / 'empty'}: no patient's CT among 0 files (found: nothing); a CT series is due.\n"
        "  Name the folder of the series.\n"
    )
    assert not (tmp_path / "cohort").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "there is no such file or folder.\n  Name a folder or an archive."),
        (
            "notes.txt",
            "is neither a folder nor an archive (.zip, .tar, .tar.gz, .tar.xz, .tar.bz2).\n  Name one of these.",
        ),
    ],
)
def test_a_source_that_is_none(source: Path, tmp_path: Path, capfd: Capture, name: str, message: str) -> None:
    assert main(["cohort", "import-dicom", str(source / name), "--cohort", str(tmp_path / "cohort")]) == 2
    assert capfd.readouterr().err == f"Error: {source / name}: {message}\n"


def test_workers_below_zero(source: Path, tmp_path: Path, capfd: Capture) -> None:
    arguments = ["cohort", "import-dicom", str(source), "--cohort", str(tmp_path / "cohort"), "--workers", "-2"]
    assert main(arguments) == 2
    assert capfd.readouterr().err == (
        "Error: --workers: is -2; a number from 1 upwards is due, or 0 for as many as there are cores.\n"
        "  Give such a number.\n"
    )

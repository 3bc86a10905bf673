"""The original series: found among others, held against the patient's CT, refused where nothing can lie on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from mmcare.errors import CohortError
from mmcare.export.source import check_same_image, read_source
from mmcare.formats import Volume

from .series import write_series
from .test_objects import STRAIGHT, volume_of


def changed(folder: Path, name: str, value: object) -> None:
    for path in folder.iterdir():
        dataset = dcmread(path)
        if value is None:
            del dataset[name]
        else:
            setattr(dataset, name, value)
        dataset.save_as(path)


def test_the_recorded_series_is_taken_among_several(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct" / "a", volume_of(STRAIGHT)).parent
    write_series(folder / "b", volume_of(STRAIGHT), name="Soft")
    uids = {path.parent.name: dcmread(path).SeriesInstanceUID for path in folder.glob("*/001.dcm")}
    series, findings = read_source(folder, None, str(uids["b"]))
    assert series.images[0].SeriesDescription == "Soft"
    assert [finding.code for finding in findings] == ["files-left-out", "recorded-series"]
    assert findings[1].what == (
        f"of several CT series the one is taken that the cohort's CT was imported from ({uids['b']})."
    )
    asked, _ = read_source(folder, str(uids["a"]), str(uids["b"]))
    assert asked.images[0].SeriesDescription == "Thorax"
    with pytest.raises(CohortError, match="holds 2 CT series"):
        read_source(folder, None, None)


def test_a_series_without_a_frame_of_reference_is_refused(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct", volume_of(STRAIGHT))
    changed(folder, "FrameOfReferenceUID", None)
    with pytest.raises(CohortError) as raised:
        read_source(folder, None, None)
    assert str(raised.value) == (
        f"{folder / '001.dcm'}, (0020,0052) FrameOfReferenceUID: is absent in 12 slices: without it nothing can be "
        "placed onto the series. Export the series again."
    )


def test_a_series_of_another_size_or_place_is_not_the_patients(tmp_path: Path) -> None:
    volume = volume_of(STRAIGHT)
    series, _ = read_source(write_series(tmp_path / "ct", volume), None, None)
    smaller = Volume(volume.values[:, :, :-1], volume.affine)
    (finding,) = check_same_image(series, smaller)
    todo = "Name the folder of the series that the patient's CT was imported from."
    assert str(finding) == (
        f"{tmp_path / 'ct'}: the series lies on another grid than the patient's CT in the cohort: size 24 x 22 x 12 "
        f"against 24 x 22 x 11 voxels. {todo}"
    )
    moved = volume.affine.copy()
    moved[0, 3] += 0.05
    (finding,) = check_same_image(series, Volume(volume.values, moved))
    assert str(finding) == (
        f"{tmp_path / 'ct'}: the series lies on another grid than the patient's CT in the cohort: origin "
        f"(-12, -20, 100) mm against (-11.95, -20, 100) mm; up to 0.05 mm apart. {todo}"
    )
    nearly = volume.affine.copy()
    nearly[0, 3] += 0.005
    assert check_same_image(series, Volume(volume.values, nearly)) == []


def test_another_patients_ct_on_the_same_grid_is_not_the_patients(tmp_path: Path) -> None:
    volume = volume_of(STRAIGHT)
    series, _ = read_source(write_series(tmp_path / "ct", volume), None, None)
    other = volume.values.copy()
    other[:, :, :3] += 40
    (finding,) = check_same_image(series, Volume(other, volume.affine))
    assert str(finding) == (
        f"{tmp_path / 'ct'}: the series is another CT than the patient's in the cohort: both lie on one grid, but 75% "
        "of their voxels agree within 1 HU; at least 90% are due. Name the folder of the series that the patient's CT "
        "was imported from."
    )
    padded = np.where(volume.values < -890, -1024, volume.values).astype(np.int16)
    assert check_same_image(series, Volume(padded, volume.affine)) == []


def test_the_patient_is_read_as_the_archive_writes_him(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct", volume_of(STRAIGHT))
    changed(folder, "PatientBirthDate", None)
    series, _ = read_source(folder, None, None)
    first = series.images[0]
    assert (str(first.PatientName), first.PatientID, first.PatientBirthDate) == ("Müller^Änne", "HOSPITAL-7", None)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PatientSex", "X", "is 'X'; M, F, O or nothing is due."),
        ("PatientBirthDate", "unknown", "is 'unknown'; a date such as 20260131, or nothing is due."),
        ("StudyTime", "10:30", "is '10:30'; a time such as 235959, or nothing is due."),
        ("StudyInstanceUID", None, "is ''; a UID is due."),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_what_would_be_copied_must_be_dicom(name: str, value: str | None, said: str, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct", volume_of(STRAIGHT))
    changed(folder, name, value)
    with pytest.raises(CohortError) as raised:
        read_source(folder, None, None)
    assert str(raised.value) == (
        f"{folder / '001.dcm'}, {name}: {said} Correct the series: the value would be copied into what is exported."
    )

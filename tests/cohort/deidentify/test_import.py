"""A de-identified import holds nothing of the original in any byte: images, record, table, names of files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mmcare.cli.main import main
from mmcare.cohort import read_cohort
from mmcare.cohort.deidentify import Deidentifier, check_identifiers, new_key, read_key
from mmcare.formats.nifti import read_nifti, read_nifti_mask
from tests.cohort.deidentify import planted
from tests.cohort.deidentify.test_lung1 import N_VOXELS, known
from tests.cohort.deidentify.test_planted import forms

Capture = pytest.CaptureFixture[str]
Everything = Callable[[Path], bytes]
TOKENS = planted.tokens()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "study.key"
    new_key(path)
    return path


@pytest.fixture(scope="module")
def imported(source: Path, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    cohort = tmp_path_factory.mktemp("cohorts") / "cohort"
    arguments = ["cohort", "import-dicom", str(source), "--cohort", str(cohort), "--deidentify", str(key)]
    assert main([*arguments, "--roi", "gtv*", "--workers", "1"]) == 0
    return cohort


def test_nothing_that_was_planted_is_in_the_cohort(imported: Path, everything: Everything) -> None:
    """`--roi gtv*` means the region named `GTV QZ…PLANT`, too: its name must not come along."""
    written = everything(imported)
    assert len(written) > 1_000
    assert not {place: form for place, token in TOKENS.items() for form in forms(token) if form in written}


def test_nothing_is_left_beside_the_cohort(imported: Path) -> None:
    assert [path.name for path in imported.parent.iterdir()] == ["cohort"]


def test_the_patient_has_the_id_of_the_key_and_the_mask_its_voxels(imported: Path, key: Path) -> None:
    patient = Deidentifier(read_key(key, imported)[0]).patient(planted.PATIENT)
    assert read_cohort(imported).patients == (patient,)
    mask, _, _ = read_nifti_mask(imported / "ct" / f"{patient}_gtv.nii.gz")
    assert int(mask.sum()) == 3 * 5 * 5
    record = json.loads((imported / "ct" / f"{patient}.json").read_text())
    assert record["mask"]["regions"] == ["gtv2", "GTV-1"]
    assert record["series"]["series_uid"] == Deidentifier(read_key(key, imported)[0]).uid(planted.KNOWN_UIDS["series"])


def test_the_check_finds_nothing(imported: Path) -> None:
    assert check_identifiers(imported) == []


def test_a_series_is_named_by_its_original_uid(source: Path, key: Path, tmp_path: Path, capfd: Capture) -> None:
    arguments = ["cohort", "import-dicom", str(source), "--cohort", f"{tmp_path}/c", "--deidentify", str(key)]
    assert main([*arguments, "--roi", "GTV-1", "--workers", "1", "--series", planted.KNOWN_UIDS["series"]]) == 0


def test_a_key_within_the_cohort_is_refused(source: Path, tmp_path: Path, capfd: Capture) -> None:
    cohort = tmp_path / "cohort"
    cohort.mkdir()
    (cohort / "cohort.yaml").write_text("mmcare_cohort: 1\n")
    (cohort / "patients.csv").write_text("patient_id\nA1\n")
    new_key(cohort / "study.key")
    arguments = ["cohort", "import-dicom", str(source), "--cohort", str(cohort), "--deidentify", f"{cohort}/study.key"]
    assert main(arguments) == 2
    assert f"{cohort}/study.key: the key lies in {cohort}, the folder that is to hold nothing" in capfd.readouterr().err
    assert (cohort / "patients.csv").read_text() == "patient_id\nA1\n"


def test_the_rows_of_a_table_that_is_there_find_their_images(
    source: Path, key: Path, tmp_path: Path, everything: Everything, capfd: Capture
) -> None:
    cohort = tmp_path / "cohort"
    cohort.mkdir()
    (cohort / "cohort.yaml").write_text("mmcare_cohort: 1\ncolumns:\n  age: {type: number, unit: years}\n")
    (cohort / "patients.csv").write_text(
        f"patient_id,age,surname\n{planted.PATIENT},61,Meier_Anna\nMRN-00471200,62,Doe\n"
    )
    arguments = ["cohort", "import-dicom", str(source), "--cohort", str(cohort), "--deidentify", str(key)]
    assert main([*arguments, "--roi", "GTV-1", "--workers", "1"]) == 0
    assert "surname: is left out of the de-identified table" in capfd.readouterr().err
    patient = Deidentifier(read_key(key, cohort)[0]).patient(planted.PATIENT)
    assert (cohort / "patients.csv").read_text().splitlines()[:2] == ["patient_id,age", f"{patient},61"]
    assert len((cohort / "patients.csv").read_text().splitlines()) == 3
    assert (cohort / "ct" / f"{patient}.nii.gz").exists()
    written = everything(cohort)
    assert not [text for text in (planted.PATIENT, "MRN-00471200", "Meier", "Doe") if text.encode() in written]


@pytest.mark.slow
def test_lung1_from_its_archive(
    original: Path,
    real_data: Path,
    key: Path,
    tmp_path: Path,
    everything: Everything,
    capfd: Capture,
) -> None:
    archive = real_data / "nsclc-radiomics-ct-LUNG1-001" / "LUNG1-001.tar.xz"
    cohort = tmp_path / "cohort"
    arguments = ["cohort", "import-dicom", str(archive), "--cohort", str(cohort), "--roi", "GTV-1"]
    assert main([*arguments, "--deidentify", str(key)]) == 0
    (patient,) = read_cohort(cohort).patients
    mask, _, _ = read_nifti_mask(cohort / "ct" / f"{patient}_gtv.nii.gz")
    assert int(mask.sum()) == N_VOXELS
    image, _ = read_nifti(cohort / "ct" / f"{patient}.nii.gz")
    assert image.values.shape == mask.shape
    texts, written = known(original), everything(cohort)
    assert not [text for text in texts if len(text) >= 6 and text.encode() in written]
    assert b"LUNG1" not in written
    assert [path.name for path in tmp_path.iterdir()] == ["cohort"]

"""What a report was made from: whatever changes in the patient's inputs, and nothing else, makes it anew."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mmcare.cache import Cache
from mmcare.cohort import read_cohort
from mmcare.report.made_from import MadeFrom
from mmcare.run import Run

PATIENTS = ("SYN-00001", "SYN-00003", "SYN-00004")


@pytest.fixture
def cohort(images: Path, tmp_path: Path) -> Path:
    """A copy, to be changed."""
    return Path(shutil.copytree(images, tmp_path / "cohort"))


def keys(run: Run, cohort: Path, tmp_path: Path) -> dict[str, str]:
    made_from = MadeFrom(run, read_cohort(cohort), Cache(tmp_path / "cache"))
    return {patient: made_from.key(patient) for patient in PATIENTS}


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [patient for patient in before if before[patient] != after[patient]]


@pytest.mark.parametrize("file", ["ct/SYN-00003.nii.gz", "ct/SYN-00003_gtv.nii.gz"])
def test_another_image_or_mask_is_noticed_for_its_patient_alone(
    file: str, imaging_run: Run, cohort: Path, tmp_path: Path
) -> None:
    before = keys(imaging_run, cohort, tmp_path)
    shutil.copy(cohort / file.replace("00003", "00004"), cohort / file)
    assert changed(before, keys(imaging_run, cohort, tmp_path)) == ["SYN-00003"]


def test_an_image_that_comes_or_goes_is_noticed(imaging_run: Run, cohort: Path, tmp_path: Path) -> None:
    before = keys(imaging_run, cohort, tmp_path)
    shutil.copy(cohort / "ct" / "SYN-00003.nii.gz", cohort / "ct" / "SYN-00001.nii.gz")
    (cohort / "ct" / "SYN-00004.nii.gz").unlink()
    assert changed(before, keys(imaging_run, cohort, tmp_path)) == ["SYN-00001", "SYN-00004"]


@pytest.mark.parametrize("file", ["mutations.maf", "panels.tsv", "patients.csv"])
def test_another_table_is_noticed_for_all(file: str, imaging_run: Run, cohort: Path, tmp_path: Path) -> None:
    before = keys(imaging_run, cohort, tmp_path)
    lines = (cohort / file).read_text().splitlines()
    (cohort / file).write_text("\n".join(lines[:-1]) + "\n")
    assert changed(before, keys(imaging_run, cohort, tmp_path)) == list(PATIENTS)


def test_a_file_that_was_only_touched_or_copied_changes_nothing(imaging_run: Run, cohort: Path, tmp_path: Path) -> None:
    before = keys(imaging_run, cohort, tmp_path)
    os.utime(cohort / "ct" / "SYN-00003.nii.gz", (1, 1))
    other = Path(shutil.copytree(cohort, tmp_path / "elsewhere"))
    assert keys(imaging_run, other, tmp_path) == before

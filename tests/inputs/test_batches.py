"""From files to batches: only rows present, in order; all bad files named at once; threads and cache change nothing."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcare.cache import Cache
from mmcare.cohort import Cohort, read_cohort
from mmcare.errors import CohortError
from mmcare.inputs import Inputs, read_inputs
from mmcare.run import segmenters_of
from mmcare.spec import Spec, load_spec
from mmcare.synthetic import draw, write_cohort

DEMO = Path(__file__).parents[2] / "examples" / "demo.yaml"


@pytest.fixture(scope="module")
def spec() -> Spec:
    return load_spec(DEMO, ("modalities.ct.size=[8, 8, 8]", "modalities.ct.spacing_mm=12"))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """Twelve patients; every third without CT."""
    folder = tmp_path_factory.mktemp("synthetic") / "cohort"
    write_cohort(draw("heterogeneous", 12, 4), folder, size_voxels=12, spacing_mm=10.0)
    cohort = read_cohort(folder)
    for patient in cohort.patients[::3]:
        for path in (folder / "ct").glob(f"{patient}*"):
            path.unlink()
    return cohort


def read(spec: Spec, cohort: Cohort, folder: Path, workers: int = 1) -> Inputs:
    layout = cohort.outcome_layout()
    made = read_inputs(spec, cohort, layout, segmenters=segmenters_of(spec), cache=Cache(folder), workers=workers)
    return made.fit(cohort.patients)


@pytest.fixture(scope="module")
def inputs(spec: Spec, cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return read(spec, cohort, tmp_path_factory.mktemp("cache"))


def test_a_batch_holds_the_rows_of_those_who_have_the_modality(inputs: Inputs) -> None:
    patients = inputs.patients[::-1]
    batch = inputs.batch(patients)
    assert batch.ids == patients and batch.names == ("ct", "clinical", "genomic")
    for column, name in enumerate(batch.names):
        have = [row for row, patient in enumerate(patients) if patient in inputs.samples[name].prepared]
        assert batch.modalities[name].rows.tolist() == have
        assert batch.present[:, column].nonzero()[:, 0].tolist() == have
    assert 0 < len(batch.modalities["ct"]) < len(patients)


def test_a_modality_that_nobody_in_the_batch_has_is_left_out(inputs: Inputs) -> None:
    batch = inputs.batch(inputs.patients[::3])
    assert "ct" not in batch.modalities and not batch.present[:, 0].any()


def test_a_row_is_that_of_its_patient(inputs: Inputs) -> None:
    together = inputs.batch(inputs.patients)
    for row, patient in enumerate(inputs.patients):
        alone = inputs.batch([patient])
        assert torch.equal(alone.outcomes.time[0], together.outcomes.time[row])
        for name, rows in alone.modalities.items():
            place = together.modalities[name].rows.tolist().index(row)
            assert torch.equal(rows.values[0], together.modalities[name].values[place])


def test_who_lacks_what_is_counted_and_said(inputs: Inputs) -> None:
    said = [str(finding) for finding in inputs.findings() if finding.code == "absent" and finding.modality == "ct"]
    assert len(said) == 1 and said[0].startswith("modality ct: 4 of 12 patients lack it: ")


def test_threads_and_the_cache_change_nothing(spec: Spec, cohort: Cohort, inputs: Inputs, tmp_path: Path) -> None:
    first = read(spec, cohort, tmp_path / "cache", workers=4)
    again = read(spec, cohort, tmp_path / "cache")
    for other in (first, again):
        assert list(other.samples["ct"].prepared) == list(inputs.samples["ct"].prepared)
        for name, rows in inputs.batch(inputs.patients).modalities.items():
            assert torch.equal(other.batch(inputs.patients).modalities[name].values, rows.values)


def test_all_bad_files_are_named_at_once(spec: Spec, cohort: Cohort, tmp_path: Path) -> None:
    spoiled = shutil.copytree(cohort.root, tmp_path / "cohort")
    bad = [cohort.patients[1], cohort.patients[2]]
    for patient in bad:
        path = spoiled / "ct" / f"{patient}.nii.gz"
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CohortError) as error:
        read(spec, read_cohort(spoiled), tmp_path / "cache", workers=2)
    assert [finding.patient for finding in error.value.findings] == bad


def test_preprocessing_is_fitted_on_training_patients_alone(spec: Spec, cohort: Cohort, tmp_path: Path) -> None:
    """A test patient's age of 900 leaves the scale of the others as it is."""
    spoiled = shutil.copytree(cohort.root, tmp_path / "cohort")
    with (spoiled / "patients.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[-1]["age"] = "900"
    with (spoiled / "patients.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    table = load_spec(DEMO, ("modalities.ct=null", "modalities.genomic=null"))
    training = cohort.patients[:-1]
    fitted = []
    for root in (cohort.root, spoiled):
        found = read_cohort(root)
        made = read_inputs(table, found, found.outcome_layout(), cache=Cache(tmp_path / "cache")).fit(training)
        fitted.append(made.fitted["clinical"].values)
        values = made.batch(training).modalities["clinical"].values
        assert np.isfinite(values.numpy()).all()
    assert fitted[0] == fitted[1]


def test_a_modality_that_no_training_patient_has_is_refused(spec: Spec, inputs: Inputs) -> None:
    with pytest.raises(CohortError) as error:
        inputs.fit(inputs.patients[::3])
    (finding,) = error.value.findings
    assert str(finding).startswith("modality ct: no training patient has it (4 x ")
    assert str(finding).endswith(
        "Take the modality out of the spec, or bring its files; `mmcare cohort check` says what is missing."
    )

"""`reference/`: the training patients under running numbers, as explanations and evaluation need them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

import mmcare
from mmcare.cache import Cache
from mmcare.errors import RunError
from mmcare.run import NetworkPredictor, Run
from mmcare.workflow.options import Options
from mmcare.workflow.reference import training_outcomes, write_reference

from .conftest import ALL_ON


@pytest.fixture(scope="module")
def run(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A network of two modalities."""
    folder = tmp_path_factory.mktemp("reference")
    (folder / "spec.yaml").write_text(ALL_ON.replace("max_epochs: 40", "max_epochs: 1"))
    return mmcare.fit(folder / "spec.yaml", table, options=Options(out=folder / "run", cache=Cache(folder / "cache")))


def arrays(run: Run) -> dict[str, np.ndarray]:
    return safetensors.numpy.load_file(run.path / "reference" / "training.safetensors")


def test_row_n_is_training_patient_n(run: Run, table: Path) -> None:
    training = run.folder.patients("training")
    assert len(training) > 50
    found = arrays(run)
    inputs = run.inputs(mmcare.cohort.read_cohort(table), training)
    batch = inputs.batch(training)
    assert batch.outcomes is not None and isinstance(run.predictor, NetworkPredictor)
    for name in ("arm", "time", "event"):
        np.testing.assert_array_equal(found[name], getattr(batch.outcomes, name).numpy())
    np.testing.assert_array_equal(found["present"], batch.present.numpy())
    for name, rows in batch.modalities.items():
        np.testing.assert_array_equal(found[f"{name}.rows"], rows.rows.numpy())
        np.testing.assert_array_equal(found[f"{name}.values"], rows.values.numpy())
        np.testing.assert_array_equal(found[f"{name}.measured"], rows.measured.numpy())
    r = run.predictor.representation(batch)
    torch.testing.assert_close(torch.from_numpy(found["R.values"]), r.values, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found["R.mask"], r.mask.numpy())
    assert np.unique(found["R.values"], axis=0).shape[0] > 20, "R is the patients' own"


def test_a_patient_more_than_fit_at_once_keeps_its_number(
    run: Run, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = arrays(run)
    training = run.folder.patients("training")
    inputs = run.inputs(mmcare.cohort.read_cohort(table), training)
    monkeypatch.setattr("mmcare.workflow.reference._PATIENTS_AT_ONCE", 7)
    file = run.path / "reference" / "training.safetensors"
    before = file.read_bytes()
    try:
        write_reference(run.folder, inputs, training, run.predictor)
        for name, values in arrays(run).items():
            np.testing.assert_allclose(values, whole[name], rtol=0, atol=1e-6)
    finally:
        file.write_bytes(before)


def test_outcomes_are_read_back(run: Run, table: Path) -> None:
    found = training_outcomes(run.folder)
    assert found is not None
    cohort = mmcare.cohort.read_cohort(table)
    there = cohort.outcomes(run.outcomes, run.folder.patients("training"))
    assert torch.equal(found.arm, there.arm) and torch.equal(found.time, there.time)
    assert torch.equal(found.event, there.event)


def test_without_a_reference_there_is_none(run: Run, table: Path, tmp_path: Path) -> None:
    options = Options(out=tmp_path / "run", cache=Cache(tmp_path / "cache"), reference=False)
    other = mmcare.fit(run.folder.spec, table, options=options)
    assert not (other.path / "reference").exists()
    assert not any(name.startswith("reference") for name in other.manifest.files)
    assert training_outcomes(other.folder) is None
    ours, theirs = run.predict(table).prognosis, other.predict(table).prognosis
    assert torch.equal(ours.endpoints["os"].at_horizons, theirs.endpoints["os"].at_horizons)


def test_a_reference_that_lacks_something_is_said(run: Run) -> None:
    file = run.path / "reference" / "training.safetensors"
    before = file.read_bytes()
    found = arrays(run)
    try:
        safetensors.numpy.save_file({"time": found["time"]}, file)
        with pytest.raises(RunError) as caught:
            training_outcomes(run.folder)
    finally:
        file.write_bytes(before)
    assert str(caught.value) == (
        f"{file}: lacks arm, event of the training patients. Restore it from a copy of the run, or train again."
    )


def test_no_patient_is_named(run: Run) -> None:
    data = (run.path / "reference" / "training.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert set(header) == {
        "R.mask",
        "R.values",
        "again.measured",
        "again.rows",
        "again.values",
        "arm",
        "clinical.measured",
        "clinical.rows",
        "clinical.values",
        "event",
        "present",
        "time",
    }

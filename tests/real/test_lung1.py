"""Two thoracic CTs as published (DICOM, RTSTRUCT) through the CT branch of a run trained on synthetic patients."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from mmcare import load_run
from mmcare.cache import Cache
from mmcare.cli.main import main
from mmcare.cohort import read_cohort
from mmcare.errors import Severity
from mmcare.formats import read_mask, read_volume
from mmcare.inputs import Inputs
from mmcare.run import Prediction, Run

VOXELS = {"LUNG1-001": 54_639, "LUNG1-002": 125_531}
EXTENT_MM = {"LUNG1-001": (95, 88, 63), "LUNG1-002": (98, 97, 78)}
MEDIAN_HU = {"LUNG1-001": 12, "LUNG1-002": 41}


@pytest.fixture(scope="module")
def run(demo_run: Path) -> Run:
    return load_run(demo_run)


@pytest.fixture(scope="module")
def inputs(run: Run, lung1: Path, cache: Cache) -> Inputs:
    return run.inputs(read_cohort(lung1), with_outcomes=False, cache=cache)


@pytest.fixture(scope="module")
def prediction(run: Run, inputs: Inputs) -> Prediction:
    return run.predict_inputs(inputs)


@pytest.mark.parametrize("patient", VOXELS)
def test_the_mask_is_the_published_one(patient: str, lung1: Path, real_data: Path) -> None:
    """As many voxels as an independent rasteriser counts, about the published seed, of the published median HU."""
    volume, findings = read_volume(lung1 / "dicom" / patient)
    mask, more = read_mask(lung1 / "rtstruct" / f"{patient}.dcm", "GTV-1", volume)
    assert not [*findings, *more]
    assert int(mask.sum()) == VOXELS[patient]
    assert float(np.median(volume.values[mask])) == MEDIAN_HU[patient]
    voxel = np.linalg.inv(volume.affine) @ [*_seed(real_data, patient), 1.0]
    assert mask[tuple(np.rint(voxel[:3]).astype(int))]


def _seed(real_data: Path, patient: str) -> np.ndarray:
    """The published point within the tumour, from DICOM's axes (left, back, head) to right, front, head."""
    with (real_data / "lung1-clinical-radiomics" / "lung1_gtv_seed_points_LPS_mm.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["PatientID"] == patient)
    return np.array([-float(row["coordX"]), -float(row["coordY"]), float(row["coordZ"])])


@pytest.mark.parametrize("patient", VOXELS)
def test_the_crop_holds_the_tumour_with_its_margin(patient: str, inputs: Inputs, lung1: Path, real_data: Path) -> None:
    item = inputs.samples["ct"].prepared[patient]
    hu, mask = item.arrays["hu"], item.arrays["mask"].astype(bool)
    affine = np.array(item.values["affine"])
    spacing = affine.diagonal()[:3]
    wanted = np.array(EXTENT_MM[patient]) + 2 * 10
    np.testing.assert_allclose(spacing, wanted.max() / 32, rtol=0.01)  # the longest axis fills the box
    place = np.linalg.inv(affine) @ [*_seed(real_data, patient), 1.0]
    seed = tuple(np.rint(place[:3]).astype(int))
    assert mask[seed]
    assert -100 < hu[seed] < 150
    used = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    extent = [(u[-1] - u[0] + 1) * s for u, s in zip(used, spacing, strict=True)]
    np.testing.assert_allclose(extent, wanted, atol=2 * spacing[0])
    assert hu.min() >= -1024


def test_the_overflow_of_the_box_is_said(prediction: Prediction) -> None:
    said = {f.patient: f.what for f in prediction.findings if f.code == "ct"}
    assert set(said) == set(VOXELS)
    for patient, (x, y, z) in EXTENT_MM.items():
        spacing = (max(x, y, z) + 20) / 32
        pattern = (
            rf"the region with its margin spans {x + 20} x {y + 20} x {z + 20} mm, the box 96 x 96 x 96 mm: "
            r"the spacing is (\d\.\d\d) x \1 x \1 mm for this patient\."
        )
        found = re.fullmatch(pattern, said[patient])
        assert found, said[patient]
        assert float(found[1]) == pytest.approx(spacing, abs=0.02)


def test_what_the_cohort_lacks_is_said(prediction: Prediction) -> None:
    absent = ("fev1", "dlco", "charlson", "ecog", "smoking", "pack_years", "tumour_mm", "pdl1_tps")
    assert {f.key for f in prediction.findings if f.code == "column-absent"} == set(absent)
    said = [str(finding) for finding in prediction.findings]
    assert "fev1: the cohort lacks the column `fev1`: it counts as not measured for 2 patients." in said
    assert (
        "patient LUNG1-001, histology: `large cell` (1 patient) was not seen in training: it counts as not measured."
        in said
    )
    assert "modality genomic: 2 of 2 patients lack it: the cohort does not hold it." in said
    assert not [f for f in prediction.findings if f.severity is Severity.ERROR]
    assert prediction.absent["LUNG1-001"] == {"genomic": "the cohort does not hold it"}


def test_each_patient_has_a_prediction_under_each_arm(prediction: Prediction) -> None:
    assert prediction.patients == ("LUNG1-001", "LUNG1-002")
    rows = list(prediction.rows())
    assert {(row.arm, row.endpoint, row.horizon) for row in rows} == {
        (arm, endpoint, horizon)
        for arm in ("sbrt", "surgery")
        for endpoint, horizons in (("os", (1, 3, 5)), ("lc", (1, 3)))
        for horizon in horizons
    }
    known = [row.probability for row in rows if row.probability is not None]
    assert known
    assert all(0 <= value <= 1 for value in known)


def test_the_ct_changes_what_the_network_sees(run: Run, inputs: Inputs) -> None:
    """The tokens of the CT are there, finite, and differ between the two patients."""
    import torch

    batch = inputs.batch(inputs.patients, with_outcomes=False)
    with torch.no_grad():
        tokens = run.predictor.model.encode(batch)["ct"]  # type: ignore[attr-defined]
    assert tokens.mask.any(1).all()
    assert torch.isfinite(tokens.values[tokens.mask]).all()
    assert not torch.allclose(tokens.values[0], tokens.values[1])


def test_the_cohort_is_checked_and_predicted_by_the_command_line(
    lung1: Path, demo_run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    assert main(["cohort", "check", str(lung1)]) == 0
    out, err = capfd.readouterr()
    assert out == f"{lung1}: 2 patients, arms all, no endpoints; ct\n"
    assert main(["predict", str(demo_run), "--cohort", str(lung1), "--patient", "LUNG1-002", "--format", "csv"]) == 0
    out, err = capfd.readouterr()
    rows = list(csv.DictReader(out.splitlines()))
    assert {row["patient"] for row in rows} == {"LUNG1-002"}
    assert "patient LUNG1-002: the region with its margin spans 118 x 117 x 98 mm, the box 96 x 96 x 96 mm" in err

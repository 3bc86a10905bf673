"""A run is scored: on its own test patients, on another cohort, and on one that is gone or has changed."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from mmcare.errors import CohortError, Finding
from mmcare.evaluation import ALL_ARMS, Metrics
from mmcare.run import Run
from mmcare.survival import aalen_johansen, reverse_kaplan_meier, uno_concordance
from mmcare.synthetic import draw, patient_id
from mmcare.workflow.evaluate import evaluate_run
from mmcare.workflow.fit import fit
from mmcare.workflow.options import Options

DICTIONARY = """\
mmcare_cohort: 1
patients: {file: patients.csv, id: patient_id}
arms: {column: arm, values: {%s}}
endpoints:
  os: {time: os_years, event: os_event, unit: years, horizons: [1, 3, 5]}
  lc: {time: lc_years, event: lc_event, unit: years, codes: {0: censored, 1: event, 2: competing}, horizons: [1, 3]}
columns:
  age: {type: number, unit: years}
  ecog: {type: number, unit: points}
  fev1: {type: number, unit: percent}
  tumour_mm: {type: number, unit: mm}
"""
SPEC = """\
mmcare: 1
name: cox
modalities:
  clinical: {use: table}
baseline: {use: cox-ph}
"""
ARMS = ("sbrt", "surgery")
COLUMNS = ("patient_id", "arm", "os_years", "os_event", "lc_years", "lc_event", "age", "ecog", "fev1", "tumour_mm")


def write(folder: Path, n: int, seed: int, arms: str = "sbrt: SBRT, surgery: resection") -> Path:
    """The table of a synthetic cohort, without images."""
    d = draw("heterogeneous", n, seed)
    folder.mkdir()
    (folder / "cohort.yaml").write_text(DICTIONARY % arms)
    o, c = d.observed, d.clinical
    with (folder / "patients.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for i in range(n):
            outcome = (repr(float(o.os_years[i])), o.os_event[i], repr(float(o.lc_years[i])), o.lc_event[i])
            measured = (f"{c.age_years[i]:.1f}", int(c.ecog[i]), f"{c.fev1[i]:.0f}", f"{d.ct.diameter_mm[i]:.1f}")
            writer.writerow([patient_id(i), ARMS[d.arm[i]], *outcome, *measured])
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort of 600 and a Cox model of it."""
    base = tmp_path_factory.mktemp("evaluate")
    (base / "cox.yaml").write_text(SPEC)
    write(base / "cohort", 600, seed=1)
    fit(base / "cox.yaml", base / "cohort", options=Options(out=base / "run"))
    return base


def opened(folder: Path) -> Run:
    from mmcare import load_run

    return load_run(folder / "run")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return opened(folder)


@pytest.fixture(scope="module")
def metrics(run: Run) -> Metrics:
    return evaluate_run(run, draws=40)


def rows(cohort: Path, patients: tuple[str, ...]) -> dict[str, np.ndarray]:
    with (cohort / "patients.csv").open(newline="") as file:
        found = {row["patient_id"]: row for row in csv.DictReader(file)}
    return {name: np.array([found[patient][name] for patient in patients]) for name in COLUMNS}


def test_the_figures_are_of_the_test_patients_under_the_arm_received(folder: Path, run: Run, metrics: Metrics) -> None:
    """C of the larger arm, from the prediction and the table alone."""
    test = run.folder.patients("test")
    table = rows(folder / "cohort", test)
    of = table["arm"] == "surgery"
    prediction = run.predict(folder / "cohort", test)
    risk = np.array([1 - prediction.probability(p, "surgery", "os", 3) for p in test])[of]
    time, event = table["os_years"].astype(float)[of], table["os_event"].astype(int)[of]
    assert (time >= 3).sum() >= 30
    figure = metrics.figure("os", "surgery", 3, "C")
    assert figure.value == pytest.approx(uno_concordance(risk, time, event, 3.0).index, abs=1e-6)
    assert (figure.patients, figure.at_risk) == (of.sum(), (time >= 3).sum())
    assert metrics.figure("os", ALL_ARMS, 3, "C").patients == len(test)
    assert metrics.patients == "the test patients of the run's own cohort"


def test_few_at_risk_take_the_censoring_of_the_training_patients(folder: Path, run: Run, metrics: Metrics) -> None:
    test, training = (rows(folder / "cohort", run.folder.patients(split)) for split in ("test", "training"))
    arm, beside = test["arm"] == "sbrt", training["arm"] == "sbrt"
    time, event = test["os_years"].astype(float)[arm], test["os_event"].astype(int)[arm]
    g = reverse_kaplan_meier(training["os_years"].astype(float)[beside], training["os_event"].astype(int)[beside])
    prediction = run.predict(folder / "cohort", tuple(test["patient_id"]))
    risk = np.array([1 - prediction.probability(p, "sbrt", "os", 3) for p in test["patient_id"][arm]])
    figure = metrics.figure("os", "sbrt", 3, "C")
    assert figure.at_risk < 30
    assert figure.value == pytest.approx(uno_concordance(risk, time, event, 3.0, censoring={0: g}).index, abs=1e-6)
    assert figure.reason == "censoring weights from the training patients: fewer than 30 at risk here"


def test_the_curve_beaten_is_that_of_the_training_patients(folder: Path, run: Run, metrics: Metrics) -> None:
    """1 - Brier / IPA gives the null score back; it is that of Aalen-Johansen in training, not in the test."""
    training = rows(folder / "cohort", run.folder.patients("training"))
    beside = training["arm"] == "surgery"
    time, event = training["os_years"].astype(float)[beside], training["os_event"].astype(int)[beside]
    null = float(aalen_johansen(time, event).at(3.0))
    test = rows(folder / "cohort", run.folder.patients("test"))
    of = test["arm"] == "surgery"
    from mmcare.evaluation import brier

    found = brier(np.full(of.sum(), null), test["os_years"].astype(float)[of], test["os_event"].astype(int)[of], 3.0)
    score, ipa = (metrics.figure("os", "surgery", 3, name).value for name in ("Brier", "IPA"))
    assert score is not None and ipa is not None
    assert score / (1 - ipa) == pytest.approx(found.score, abs=1e-9)


def test_events_are_set_against_those_that_the_curves_expect(metrics: Metrics) -> None:
    for metric in ("z", "chi2"):
        figure = metrics.figure("os", "surgery", 3, metric)
        assert figure.value is not None and figure.p is not None
    assert 0.001 < metrics.figure("os", "surgery", 3, "z").p < 1


def test_calibration_points_stand_at_the_ratio(metrics: Metrics) -> None:
    figure = metrics.figure("os", "surgery", 3, "O/E")
    assert sum(point.patients for point in figure.points) == figure.patients
    assert len(figure.points) >= 2


def test_an_endpoint_with_few_events_is_an_arm_average(metrics: Metrics) -> None:
    figure = metrics.figure("lc", "surgery", 3, "C")
    assert figure.value is None
    assert figure.reason.startswith("arm average: fewer than 20 training events in this arm")
    assert metrics.figure("lc", "surgery", 3, "Brier").value is not None


def test_the_figures_are_kept_in_the_run_which_stays_whole(folder: Path, metrics: Metrics) -> None:
    kept = Metrics.model_validate_json((folder / "run" / "metrics.json").read_text())
    assert kept == metrics
    assert opened(folder).manifest.files["metrics.json"]


def test_another_cohort_is_scored_whole_by_its_own_censoring_and_leaves_the_run_alone(
    folder: Path, run: Run, metrics: Metrics
) -> None:
    other = write(folder / "other", 90, seed=2, arms="surgery: resection, sbrt: SBRT")
    found = evaluate_run(run, other, draws=20)
    assert found.patients == f"all patients of {other}"
    assert found.figure("os", "sbrt", 1, "C").patients + found.figure("os", "surgery", 1, "C").patients == 90
    assert all("training patients: fewer" not in figure.reason for figure in found.figures)
    assert Metrics.model_validate_json((folder / "run" / "metrics.json").read_text()) == metrics
    surgery = rows(other, tuple(patient_id(i) for i in range(90)))["arm"] == "surgery"
    assert found.figure("os", "surgery", 1, "C").patients == surgery.sum(), "arms are matched by name"


def test_a_cohort_without_outcomes_is_refused(folder: Path, run: Run) -> None:
    bare = folder / "bare"
    shutil.copytree(folder / "cohort", bare)
    text = DICTIONARY % "sbrt: SBRT, surgery: resection"
    (bare / "cohort.yaml").write_text(text[: text.index("endpoints:")] + text[text.index("columns:") :])
    with pytest.raises(CohortError) as caught:
        evaluate_run(run, bare)
    assert str(caught.value) == (
        f"{bare / 'cohort.yaml'}: names no `endpoints`: there is nothing to compare predictions with. "
        "Add `endpoints:` to it; `mmcare predict` needs none."
    )


def test_a_cohort_that_changed_since_training_is_said(folder: Path, tmp_path: Path) -> None:
    """One cell of a training patient; the curve of the training patients is the run's own, as it was."""
    moved = moved_run(folder, tmp_path)
    before = evaluate_run(opened(moved), draws=0)
    table = moved / "cohort" / "patients.csv"
    lines = table.read_text().splitlines()
    training = opened(moved).folder.patients("training")[0]
    place = next(n for n, line in enumerate(lines) if line.startswith(training))
    cells = lines[place].split(",")
    cells[2] = cells[4] = "0.001"
    table.write_text("\n".join([*lines[:place], ",".join(cells), *lines[place + 1 :]]) + "\n")
    told: list[Finding] = []
    found = evaluate_run(opened(moved), draws=0, tell_findings=told.extend)
    warning = (
        f"{moved / 'cohort'}: the cohort changed since training: its fingerprint differs from the run's. Figures may "
        "be of other data than the run's; `mmcare train` makes a run of the cohort as it is now."
    )
    assert found.notes == (warning,)
    assert warning in [str(finding) for finding in told]
    assert found.figures == before.figures


def test_a_cohort_that_is_gone_is_said(folder: Path, tmp_path: Path) -> None:
    moved = moved_run(folder, tmp_path)
    shutil.rmtree(moved / "cohort")
    with pytest.raises(CohortError) as caught:
        evaluate_run(opened(moved))
    assert str(caught.value) == (
        f"{moved / 'run'}: the run's own cohort, {moved / 'cohort'}, is no longer there, and its test patients with "
        "it. Put it back, or name a cohort with `--cohort`; all patients of that one are scored."
    )
    found = evaluate_run(opened(moved), write(tmp_path / "other", 90, seed=2), draws=0)
    assert found.figure("os", "surgery", 3, "IPA").value is not None, "the training curve is in the run"


def moved_run(folder: Path, tmp_path: Path) -> Path:
    """A run of a cohort of its own."""
    shutil.copytree(folder / "cohort", tmp_path / "cohort")
    fit(folder / "cox.yaml", tmp_path / "cohort", options=Options(out=tmp_path / "run"))
    return tmp_path

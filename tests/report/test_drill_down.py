"""What-if curves are the model's own, places are counted among the training patients, neighbours are the nearest."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmcare.cohort import read_cohort
from mmcare.report import ReportData
from mmcare.report.case import open_cases
from mmcare.report.part import Missing
from mmcare.report.similar import NEAREST, Similar, similar
from mmcare.report.training import distribution, kept_modalities, kept_patients
from mmcare.report.what_if import FeatureDetail
from mmcare.run import NetworkPredictor, Run
from mmcare.run.store import read_arrays
from mmcare.survival import kaplan_meier

from .cohorts import PLAIN, plain_rows, write


def _detail(data: ReportData, name: str) -> FeatureDetail:
    assert not isinstance(data.details, Missing)
    return next(detail for detail in data.details if detail.name == name)


@pytest.mark.parametrize("name", ["age", "sex"])
def test_a_what_if_is_the_prediction_for_a_patient_with_that_value(
    name: str, data: ReportData, run: Run, tmp_path: Path
) -> None:
    """The patient is written into a cohort once for each value, and predicted for."""
    detail = _detail(data, name)
    own = next(row for row in plain_rows() if row["patient_id"] == data.patient)
    rows = [{**own, "patient_id": f"Q{n}", name: str(value)} for n, value in enumerate(detail.values)]
    predicted = run.predict(write(tmp_path / "altered", PLAIN, rows))
    assert len(detail.values) >= 2
    for line in detail.lines:
        again = [predicted.probability(r["patient_id"], line.arm, line.endpoint, line.horizon) for r in rows]
        np.testing.assert_allclose(line.probabilities, again, atol=2e-5)


def test_training_values_are_read_back_as_they_were_written(run: Run, plain: Path) -> None:
    patient = run.folder.patients("test")[0]
    (case,) = open_cases(run, read_cohort(plain), (patient,))
    (kept,) = kept_modalities(case, kept_patients(case)).values()
    table = {row["patient_id"]: row for row in plain_rows()}
    for values, number in zip(kept.values, run.folder.patients("training"), strict=True):
        row = table[number]
        assert values == (float(row["age"]) if row["age"] else None, float(row["fev1"]), row["sex"])


def test_mutations_are_read_back_in_words(of_images: Callable[[str], ReportData]) -> None:
    found = of_images("SYN-00003")
    assert not isinstance(found.details, Missing)
    genes = [detail for detail in found.details if detail.modality == "genomic"]
    assert {value for gene in genes for value in gene.values} <= {"wild type", "mutated"}
    assert any(len(gene.values) == 2 and gene.lines for gene in genes)


def test_a_place_is_counted() -> None:
    found = distribution([1.0, 2.0, 2.0, 3.0, None], 2.0, ())
    assert found is not None
    assert (found.measured, found.unknown, found.below) == (4, 1, 0.25)
    assert sum(found.counts) == 4
    levels = distribution(["a", "b", "a"], "a", ("a", "b", "c"))
    assert levels is not None
    assert (levels.levels, levels.counts) == (("a", "b", "c"), (2, 1, 0))
    assert distribution([None, None], None, ()) is None


def test_similar_patients_are_the_nearest_of_each_arm(run: Run, plain: Path) -> None:
    """By brute force; the curve is Kaplan-Meier of their outcomes."""
    patient = run.folder.patients("test")[0]
    (case,) = open_cases(run, read_cohort(plain), (patient,))
    found = similar(case)
    assert isinstance(found, Similar)
    assert isinstance(run.predictor, NetworkPredictor)
    kept = read_arrays(run.path / "reference" / "training.safetensors")
    r = run.predictor.representation(case.batch).values[0].numpy()
    apart = [float((((own - r) / kept["R.values"].std(0)) ** 2).sum()) for own in kept["R.values"]]
    arm = np.asarray(kept["arm"])
    nearest = [n for n in np.argsort(apart) if arm[n] == 1][:NEAREST]
    curve = next(c for c in found.curves if (c.endpoint, c.arm) == ("os", "surgery"))
    times, events = np.asarray(kept["time"])[nearest, 0], np.asarray(kept["event"])[nearest, 0]
    expected = kaplan_meier(times, events).curve
    assert curve.patients == NEAREST
    assert curve.events == int(events.sum())
    np.testing.assert_allclose(curve.free[1:], expected.values)
    assert curve.at_risk[1] == int((times >= 1).sum())


def test_a_training_patient_is_no_neighbour_of_his_own(run: Run, plain: Path) -> None:
    """With himself left out, the nearest 40 of his arm are others: the events follow from the rest alone."""
    patients = run.folder.patients("training")
    kept = read_arrays(run.path / "reference" / "training.safetensors")
    (case,) = open_cases(run, read_cohort(plain), patients[:1])
    found = similar(case)
    assert isinstance(found, Similar)
    assert isinstance(run.predictor, NetworkPredictor)
    r, arm = kept["R.values"], int(np.asarray(kept["arm"])[0])
    apart = (((r - r[0]) / r.std(0)) ** 2).sum((1, 2))
    assert apart[0] == 0
    apart[0] = np.inf
    nearest = [n for n in np.argsort(apart) if int(np.asarray(kept["arm"])[n]) == arm][:NEAREST]
    curve = next(c for c in found.curves if c.endpoint == "os" and c.arm == run.outcomes.arms[arm])
    times = np.asarray(kept["time"])[nearest, 0]
    np.testing.assert_allclose(curve.years[1:], np.unique(times))


def test_no_identifier_of_another_patient_is_in_a_report(data: ReportData, plain: Path) -> None:
    with (plain / "patients.csv").open() as file:
        others = [row["patient_id"] for row in csv.DictReader(file) if row["patient_id"] != data.patient]
    text = json.dumps(data.model_dump())
    assert [other for other in others if other in text] == []


def test_shares_sum_to_the_prediction_less_the_average(data: ReportData) -> None:
    assert not isinstance(data.why, Missing)
    assert {output.key for output in data.why.outputs} >= {"os@1:sbrt", "os@1:surgery", "os@1:surgery-sbrt"}
    for output in data.why.outputs:
        total = sum(part.value for part in output.contributions)
        assert total == pytest.approx(output.prediction - output.baseline, abs=1e-4)
        if output.minus is None:
            figure = next(
                p
                for p in data.probabilities
                if (p.endpoint, p.arm, p.horizon) == (output.endpoint, output.arm, output.horizon)
            )
            assert output.prediction == pytest.approx(figure.probability, abs=1e-6)

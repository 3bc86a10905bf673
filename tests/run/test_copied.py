"""A run elsewhere, and a run on another cohort: the same figures for the same patients, by name and never by place."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
import torch

import mmcare
from mmcare.errors import MMCareError
from mmcare.run import Prediction, Run
from mmcare.workflow.evaluate import evaluate_run

from .conftest import DICTIONARY, Ask, Copy, reseal, rows, write_cohort

SWAPPED = (
    DICTIONARY.replace("{sbrt: SBRT, surgery: surgical resection}", "{surgery: surgical resection, sbrt: SBRT}")
    .replace(
        "  age: {type: number, unit: years}\n  size: {type: number, unit: mm}\n", "  size: {type: number, unit: mm}\n"
    )
    .replace("levels: [female, male]}\n", "levels: [male, female]}\n  age: {type: number, unit: years}\n")
)
OS = "  os: {time: os_years, event: died, horizons: [1, 2]}\n"
LC = "  lc: {time: lc_years, event: failed, codes: {0: censored, 1: event, 2: competing}, horizons: [1, 2]}\n"


def figures(prediction: Prediction) -> dict[tuple[str, str, str, float], float | None]:
    return {(r.patient, r.arm, r.endpoint, r.horizon): r.probability for r in prediction.rows()}


@pytest.mark.parametrize("name", ["network", "baseline", "with_local_code"])
def test_a_copied_run_predicts_the_same(
    name: str, copy: Copy, cohort: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch
) -> None:
    run = request.getfixturevalue(name)
    there = copy(run)
    monkeypatch.chdir(tmp_path)
    moved = shutil.move(there, tmp_path / "another name, with ümlauts")
    loaded = mmcare.load_run(Path(moved).relative_to(tmp_path), allow_local_code=True)
    here, again = run.predict(cohort).prognosis, loaded.predict(cohort).prognosis
    for endpoint in ("os", "lc"):
        torch.testing.assert_close(
            again.endpoints[endpoint].at_horizons, here.endpoints[endpoint].at_horizons, rtol=0, atol=1e-6
        )
    assert len({*figures(loaded.predict(cohort)).values()}) > 300, "the figures are the patients' own"


def test_a_copied_run_needs_its_cohort_for_nothing_but_its_test_patients(
    copy: Copy, network: Run, tmp_path: Path, ask: Ask
) -> None:
    run = copy(network)
    elsewhere = write_cohort(tmp_path / "cohort")
    record = json.loads((run / "cohort.json").read_text())
    then, record["path"] = record["path"], str(tmp_path / "gone")
    assert then != record["path"]
    (run / "cohort.json").write_text(json.dumps(record, indent=1) + "\n")
    reseal(run)
    code, out, _ = ask("predict", run, "--cohort", elsewhere, "--patient", "P000", "--format", "csv")
    assert code == 0 and out.startswith("patient,arm,figure,horizon_years,value,personal,reason\nP000,sbrt,os,1,0.")
    code, out, err = ask("evaluate", run)
    assert (code, out) == (2, "")
    assert err == (
        f"Error: {run}: the run's own cohort, {tmp_path}/gone, is no longer there, and its test patients with it.\n"
        "  Put it back, or name a cohort with `--cohort`; all patients of that one are scored.\n"
    )


@pytest.mark.parametrize("name", ["network", "baseline"])
def test_a_dictionary_in_another_order_changes_no_figure(
    name: str, cohort: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Arms, endpoints, columns and categories in another order: same patients, same figures by name."""
    run = request.getfixturevalue(name)
    other = write_cohort(tmp_path / "swapped", SWAPPED.replace(OS + LC, LC + OS))
    assert mmcare.load_run(run.path).outcomes.arms == ("sbrt", "surgery")
    here, there = figures(run.predict(cohort)), figures(run.predict(other))
    assert here.keys() == there.keys()
    for key, value in here.items():
        assert there[key] == pytest.approx(value, rel=0, abs=1e-6)
    assert here["P000", "sbrt", "os", 1.0] != pytest.approx(here["P000", "surgery", "os", 1.0], abs=1e-4)


def test_a_dictionary_in_another_order_is_evaluated_the_same(network: Run, tmp_path: Path, cohort: Path) -> None:
    other = write_cohort(tmp_path / "swapped", SWAPPED.replace(OS + LC, LC + OS))
    here, there = (evaluate_run(network, folder, draws=20).figures for folder in (cohort, other))
    assert {figure.arm for figure in here} >= {"sbrt", "surgery"}
    assert sum(figure.value is not None for figure in here) > 20
    assert [figure.model_dump() for figure in here] == [figure.model_dump() for figure in there]


def test_an_arm_that_the_run_does_not_know_is_refused_by_name(network: Run, tmp_path: Path, ask: Ask) -> None:
    dictionary = DICTIONARY.replace("surgery: surgical resection", "surgery: surgical resection, proton: protons")
    other = write_cohort(tmp_path / "other", dictionary)
    code, out, err = ask("evaluate", network.path, "--cohort", other)
    assert (code, out) == (2, "")
    assert err == (
        f"Error: {other}/cohort.yaml, arms.values: the arm `proton` is none of the run's: sbrt, surgery.\n"
        "  Give the cohort's arms the names that the run knows, in `arms.values`.\n"
    )


def test_a_patient_asked_for_twice_is_predicted_for_once(network: Run, cohort: Path) -> None:
    assert network.predict(cohort, ["P003", "P001", "P003"]).patients == ("P003", "P001")


def test_a_cohort_without_arms_and_outcomes_is_predicted_for(network: Run, cohort: Path, tmp_path: Path) -> None:
    lines = DICTIONARY.splitlines(keepends=True)
    bare = "".join(line for line in lines if not line.startswith(("arms:", "endpoints:", "  os:", "  lc:")))
    other = write_cohort(tmp_path / "new", bare)
    assert figures(network.predict(other)) == figures(network.predict(cohort))


def test_another_unit_is_refused_by_column(network: Run, tmp_path: Path, ask: Ask) -> None:
    other = write_cohort(tmp_path / "cm", DICTIONARY.replace("unit: mm", "unit: cm").replace("years}\n", "months}\n"))
    code, out, err = ask("predict", network.path, "--cohort", other)
    assert (code, out) == (2, "")
    todo = "Convert the column, and correct its unit in cohort.yaml."
    assert err == (
        f"Error: age: the unit is `months` in this cohort, and was `years` in training.\n  {todo}\n"
        f"Error: size: the unit is `cm` in this cohort, and was `mm` in training.\n  {todo}\n"
    )


def test_a_column_gone_and_a_category_unseen_are_said_and_count_as_not_measured(
    network: Run, tmp_path: Path, ask: Ask
) -> None:
    patients = rows()
    patients[3]["sex"] = patients[8]["sex"] = "intersex"
    dictionary = DICTIONARY.replace("  size: {type: number, unit: mm}\n", "").replace("male]", "male, intersex]")
    other = write_cohort(tmp_path / "other", dictionary, patients)
    code, out, err = ask("predict", network.path, "--cohort", other, "--format", "csv")
    assert code == 0
    assert err == (
        "Warning: size: the cohort lacks the column `size`: it counts as not measured for 160 patients.\n"
        "Warning: patient P003, sex: `intersex` (2 patients) was not seen in training: it counts as not measured.\n"
    )
    values = [row["value"] for row in csv.DictReader(io.StringIO(out)) if row["figure"] != "advice"]
    assert len(values) == 160 * 2 * 5 and all(0 < float(value) < 1 for value in values)


def test_one_figure_is_asked_for_by_name(network: Run, cohort: Path) -> None:
    prediction = network.predict(cohort, ["P001", "P000"])
    row = next(
        r for r in prediction.rows() if (r.patient, r.arm, r.endpoint, r.horizon) == ("P000", "surgery", "lc", 2)
    )
    assert prediction.probability("P000", "surgery", "lc", 2) == row.probability
    for wrong, said in (
        (("P002", "sbrt", "os", 1), "no patient `P002`; it has: P001, P000."),
        (("P000", "proton", "os", 1), "no arm `proton`; it has: sbrt, surgery."),
        (("P000", "sbrt", "pfs", 1), "no endpoint `pfs`; it has: os, lc."),
        (("P000", "sbrt", "os", 5), "no horizon `5`; it has: 1.0, 2.0."),
    ):
        with pytest.raises(MMCareError) as caught:
            prediction.probability(*wrong)
        assert str(caught.value) == f"the prediction has {said}"

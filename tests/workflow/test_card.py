"""The card and the README of a run: true of what is there, and of whom the figures are."""

from __future__ import annotations

import csv
from importlib.metadata import version
from pathlib import Path

import pytest

import mmcare
from mmcare.cache import Cache
from mmcare.run import Run
from mmcare.workflow.options import Options

from .conftest import PLAIN

MY_ENCODER = Path(__file__).parents[2] / "examples" / "plugins" / "my_encoder.py"
LOCAL = PLAIN.replace("{use: mlp, hidden: [8]}", "{use: my-encoder, dim: 8}").replace("max_epochs: 3", "max_epochs: 2")
BASELINE = "mmcare: 1\nname: cox\nmodalities: {clinical: {use: table}}\nbaseline: {use: cox-ph}\n"
COMPETING = """\
  lc: {time: lc_years, event: failed, codes: {0: censored, 1: event, 2: competing}, horizons: [1]}
columns:
"""


@pytest.fixture(scope="module")
def cohort(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cohort with a second endpoint, few of whose events are under surgery, and a patient of unknown outcome."""
    folder = tmp_path_factory.mktemp("card") / "cohort"
    folder.mkdir()
    (folder / "cohort.yaml").write_text((table / "cohort.yaml").read_text().replace("columns:\n", COMPETING))
    with (table / "patients.csv").open(newline="") as file:
        patients = list(csv.DictReader(file))
    for n, row in enumerate(patients):
        failed = n % 8 > 0 if row["arm"] == "sbrt" else n % 7 == 1
        row |= {"lc_years": row["years"], "failed": "1" if failed else "02"[n % 3 == 0]}
    patients[0] |= dict.fromkeys(("years", "died", "lc_years", "failed"), "")
    with (folder / "patients.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(patients[0]))
        writer.writeheader()
        writer.writerows(patients)
    return folder


def fitted(folder: Path, spec: str, cohort: Path, *, plugins: tuple[Path, ...] = (), reference: bool = True) -> Run:
    (folder / "spec.yaml").write_text(spec)
    options = Options(out=folder / "run", cache=Cache(folder / "cache"), reference=reference)
    return mmcare.fit(folder / "spec.yaml", cohort, plugins=plugins, options=options)


@pytest.fixture(scope="module")
def network(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A network with a plugin file."""
    return fitted(tmp_path_factory.mktemp("network"), LOCAL, cohort, plugins=(MY_ENCODER,))


@pytest.fixture(scope="module")
def baseline(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A baseline without reference."""
    return fitted(tmp_path_factory.mktemp("baseline"), BASELINE, cohort, reference=False)


def counted(run: Run, cohort: Path, arm: str, endpoint: str, code: str) -> int:
    """Training patients of an arm with that code, counted from the files."""
    with (cohort / "patients.csv").open(newline="") as file:
        rows = {row["patient_id"]: row for row in csv.DictReader(file)}
    column = {"os": "died", "lc": "failed"}[endpoint]
    training = run.folder.patients("training")
    return sum(rows[p]["arm"] == arm and (code == "any" or rows[p][column] == code) for p in training)


def test_the_card_of_a_network(network: Run, cohort: Path) -> None:
    made = network.manifest.created
    (local,) = network.spec.plugins
    events = {arm: counted(network, cohort, arm, "os", "1") for arm in ("sbrt", "surgery")}
    patients = {arm: counted(network, cohort, arm, "os", "any") for arm in ("sbrt", "surgery")}
    assert max(events.values()) < 20
    assert (network.path / "card.md").read_text() == (
        "# Model card: plain\n\n"
        "**Research use only.** Not a medical device; not for treatment decisions.\n\n"
        f"- Made {made} by mmcare {version('mmcare')} on cpu (fp32): 2 epochs, weights of "
        f"epoch {network.manifest.best_epoch + 1}.\n"
        f"- Parts: local {local.sha256[:12]}, mmcare-plugin-clinical {version('mmcare-plugin-clinical')}, "
        f"mmcare-plugin-prognosis {version('mmcare-plugin-prognosis')}.\n"
        "- Inputs: `clinical` (mmcare-plugin-clinical/table).\n"
        f"- Patients: training {len(network.folder.patients('training'))}, validation "
        f"{len(network.folder.patients('validation'))}, test {len(network.folder.patients('test'))}; left out 1, whose "
        "arm is not known, or no outcome.\n\n"
        "## What it predicts\n\n"
        "- `os`: the probability that the event has not happened, at 1, 2 years.\n\n"
        "| training patients | endpoint | patients | events | competing events | figures |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        f"| sbrt | os | {patients['sbrt']} | {events['sbrt']} | - | the arm's average for everyone |\n"
        f"| surgery | os | {patients['surgery']} | {events['surgery']} | - | the arm's average for everyone |\n\n"
        "## What a reader must know\n\n"
        "- The arms were not randomised. A difference between them is an effect only if no confounder was missed.\n"
        "- An arm with fewer than 20 training events of an endpoint gives everyone its average; beyond the follow-up "
        "of the training patients nothing is predicted.\n"
        f"- It uses a plugin file of its maker's own: local/my_encoder.py (SHA-256 {local.sha256[:12]}…).\n"
        "- The run holds patient data: splits.csv holds patient ids and reference/ holds patient data "
        "(`mmcare train --no-reference` makes a run without it).\n"
        "- How well it predicts, with intervals: `mmcare evaluate`.\n"
    )


def test_the_card_says_whose_figures_are_the_arms_average(baseline: Run, cohort: Path) -> None:
    text = (baseline.path / "card.md").read_text()
    assert f"- Made {baseline.manifest.created} by mmcare {version('mmcare')}: a baseline, fitted at once.\n" in text
    assert "- The run holds patient data: splits.csv holds patient ids.\n" in text
    personal = baseline.predict(cohort).prognosis.endpoints["lc"].personal.tolist()
    assert personal == [True, False]
    rows = [line for line in text.splitlines() if line.startswith(("| sbrt | lc", "| surgery | lc"))]
    for row, arm, whose in zip(
        rows, ("sbrt", "surgery"), ("of each patient", "the arm's average for everyone"), strict=True
    ):
        n, events, competing = (counted(baseline, cohort, arm, "lc", code) for code in ("any", "1", "2"))
        assert row == f"| {arm} | lc | {n} | {events} | {competing} | {whose} |"


def test_the_readme_names_every_file_and_none_that_is_not_there(network: Run, baseline: Run) -> None:
    for run in (network, baseline):
        text = (run.path / "README.md").read_text()
        named = {line.split("|")[1].strip().rstrip("/") for line in text.splitlines() if line.startswith("| ")}
        there = {path.name for path in run.path.iterdir()}
        assert named - {"file", "---", "metrics.json"} == there - {"README.md"}


def test_the_readme_says_what_is_patient_data(network: Run, baseline: Run) -> None:
    assert (network.path / "README.md").read_text().splitlines()[-1] == (
        "Before you share this folder: splits.csv holds patient ids and reference/ holds patient data "
        "(`mmcare train --no-reference` makes a run without it)."
    )
    last = (baseline.path / "README.md").read_text().splitlines()[-1]
    assert last == "Before you share this folder: splits.csv holds patient ids."


def test_patient_ids_stand_in_the_splits_alone(network: Run) -> None:
    ids = [patient.encode() for patient in network.folder.patients("training")]
    holds = {
        path.relative_to(network.path).as_posix()
        for path in network.path.rglob("*")
        if path.is_file() and any(patient in path.read_bytes() for patient in ids)
    }
    assert holds == {"splits.csv"}

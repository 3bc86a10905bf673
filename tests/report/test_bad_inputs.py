"""What is missing is named with the command that makes it; who is not there is named with who is."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import mmcare
from mmcare.cache import Cache
from mmcare.cohort import read_cohort
from mmcare.report import ReportData, build_report
from mmcare.report.case import open_cases
from mmcare.report.part import Missing
from mmcare.report.similar import NEAREST, Similar, similar
from mmcare.run import EnsemblePredictor, NetworkPredictor, Run
from mmcare.workflow.options import Options

from .browser import Browser
from .cohorts import PLAIN, SPEC, plain_rows, write
from .conftest import Ask, Page, page_data

Copied = Callable[[Run], Path]
EMBEDDINGS = """\
mmcare: 1
name: embeddings
modalities:
  tokens: {use: precomputed, encoder: {use: precomputed}}
head: {use: dual-task, hidden: [], endpoints: {os: {model: discrete}}}
training: {max_epochs: 1, device: cpu}
decision: {utility: {os: 1.0}, horizon: 1, bootstrap: 0}
"""


def test_a_patient_who_is_not_there_is_answered_with_the_nearest(run: Run, plain: Path, ask: Ask) -> None:
    code, out, error = ask("report", run.path, "--cohort", plain, "--patient", "P01O")
    assert (code, out) == (2, "")
    assert error == (
        f"Error: {plain / 'patients.csv'}: the cohort has no patient `P01O`; it has 160. Nearest: P101, P091, P081.\n"
    )


@pytest.mark.parametrize("words", [(), ("--all", "--patient", "P001")])
def test_one_patient_or_all_is_asked_for(words: tuple[str, ...], run: Run, plain: Path, ask: Ask) -> None:
    code, _, error = ask("report", run.path, "--cohort", plain, *words)
    assert code == 2
    assert error == (
        "Error: name one patient with `--patient ID`, or `--all`; not both.\n"
        "  `mmcare predict RUN --cohort DIR` lists the ids.\n"
    )


def test_a_folder_is_no_place_for_a_page(run: Run, plain: Path, tmp_path: Path, ask: Ask) -> None:
    code, _, error = ask("report", run.path, "--cohort", plain, "--patient", "P001", "--out", tmp_path)
    assert code == 2
    assert error == (
        f"Error: {tmp_path}: is a folder; a report is a file.\n  Write `--out {tmp_path / 'P001.html'}`.\n"
    )


def test_what_a_bare_run_lacks_is_named_with_the_command(
    run: Run, plain: Path, copy: Copied, page: Page, browser: Browser
) -> None:
    """No training patients, no decision state, never evaluated: the page opens, and says how each is come by."""
    bare = copy(run)
    manifest = json.loads((bare / "run.json").read_text())
    for name in [name for name in manifest["files"] if name.startswith(("reference/", "decision/", "metrics"))]:
        del manifest["files"][name]
        (bare / name).unlink()
    (bare / "run.json").write_text(json.dumps(manifest))
    found = build_report(mmcare.load_run(bare), read_cohort(plain), "P010")
    train = "mmcare train plain.yaml --cohort DIR"
    nobody = "The run keeps none of its training patients (`--no-reference`): there is nobody to explain against."
    assert found.why == found.details == Missing(what=nobody, command=train)
    assert found.similar == Missing(
        what="The run keeps no training patients (it was made with `--no-reference`).", command=train
    )
    assert found.choice == Missing(
        what="The run holds nothing to decide with. Both treatments are shown side by side.", command=train
    )
    assert found.card.performance == Missing(
        what="How well the run predicts was not measured, nor its calibration.", command=f"mmcare evaluate {bare}"
    )
    with browser.open(page(found)) as opened:
        assert opened.complaints == []
        assert "No bands: the run holds no refits" in opened.text("#course")
        for section, part in (("why", found.why), ("similar", found.similar), ("choice", found.choice)):
            assert isinstance(part, Missing)
            assert part.what in opened.text(f"#{section}")
            assert part.command in opened.text(f"#{section}")
        assert "mmcare evaluate" in opened.text("#card")
        assert opened.serious() == []


def test_a_baseline_is_reported_with_what_it_has(plain: Path, tmp_path: Path, page: Page, browser: Browser) -> None:
    spec = "mmcare: 1\nname: cox\nmodalities: {clinical: {use: table}}\nbaseline: {use: cox-ph}\n"
    (tmp_path / "spec.yaml").write_text(spec)
    options = Options(out=tmp_path / "cox", cache=Cache(tmp_path / "cache"))
    made = mmcare.fit(tmp_path / "spec.yaml", plain, options=options)
    found = build_report(made, read_cohort(plain), made.folder.patients("test")[0])
    assert isinstance(found.choice, Missing)
    assert isinstance(found.similar, Similar)
    assert all(curve.connected for curve in found.curves)
    _are_the_nearest(found.similar, made, plain, found.patient)
    with browser.open(page(found)) as opened:
        assert opened.complaints == []
        assert "whose inputs are most like this patient's, all inputs counting alike" in opened.text("#similar")
        assert opened.page.locator('[data-chart="observed"] svg').count() == 2


def _are_the_nearest(similar: Similar, run: Run, cohort: Path, patient: str) -> None:
    """By hand: age and FEV1 in SD of the training patients, the sex as it is, and whether age was measured."""
    with (cohort / "patients.csv").open() as file:
        rows = {row["patient_id"]: row for row in csv.DictReader(file)}
    training = run.folder.patients("training")
    columns = {}
    for name in ("age", "fev1"):
        known = np.array([float(rows[p][name]) for p in training if rows[p][name]])
        columns[name] = {
            p: (float(row[name]) - known.mean()) / known.std() if row[name] else 0.0 for p, row in rows.items()
        }
    apart = {
        p: sum((columns[name][p] - columns[name][patient]) ** 2 for name in columns)
        + 2 * (rows[p]["sex"] != rows[patient]["sex"])
        + ((rows[p]["age"] == "") != (rows[patient]["age"] == ""))
        for p in training
    }
    nearest = sorted((p for p in training if rows[p]["arm"] == "surgery"), key=apart.__getitem__)[:NEAREST]
    curve = next(c for c in similar.curves if (c.endpoint, c.arm) == ("os", "surgery"))
    assert curve.events == sum(int(rows[p]["died"]) for p in nearest)
    assert curve.years[1:] == pytest.approx(sorted({float(rows[p]["os_years"]) for p in nearest}))


def test_an_ensemble_is_reported_by_what_all_its_networks_take_for_alike(
    plain: Path, tmp_path: Path, page: Page, browser: Browser
) -> None:
    """R of two networks side by side: the nearest by both together."""
    (tmp_path / "spec.yaml").write_text(SPEC)
    options = Options(out=tmp_path / "two", cache=Cache(tmp_path / "cache"), members=2)
    changes = ["training.max_epochs=1", "decision.bootstrap=0"]
    made = mmcare.fit(tmp_path / "spec.yaml", plain, overrides=changes, options=options)
    cohort, patient = read_cohort(plain), made.folder.patients("test")[0]
    found = build_report(made, cohort, patient)
    assert isinstance(found.similar, Similar) and isinstance(made.predictor, EnsemblePredictor)
    training = made.folder.patients("training")
    batch = made.inputs(cohort, [patient, *training], with_outcomes=False).batch([patient, *training], False)
    apart = np.zeros(len(training))
    for member in made.predictor.members:
        r = member.representation(batch).values[:, 0].numpy()
        apart += (((r[1:] - r[0]) / r[1:].std(0)) ** 2).sum(1)
    outcomes = cohort.outcomes(made.outcomes, training)
    rows = [n for n in np.argsort(apart) if int(outcomes.arm[n]) == 0][:NEAREST]
    curve = next(c for c in found.similar.curves if (c.endpoint, c.arm) == ("os", "sbrt"))
    assert curve.events == int(outcomes.event[rows, 0].sum())
    assert curve.years[1:] == pytest.approx(sorted(set(outcomes.time[rows, 0].tolist())))
    with browser.open(page(found)) as opened:
        assert opened.complaints == []
        assert "whom the model takes for most like this one" in opened.text("#similar")


def test_an_ensemble_of_before_says_how_to_come_by_similar_patients(run: Run, plain: Path) -> None:
    (case,) = open_cases(run, read_cohort(plain), ("P010",))
    assert isinstance(run.predictor, NetworkPredictor)
    both = replace(run, predictor=EnsemblePredictor([run.predictor, run.predictor]))
    file = run.path / "reference" / "training.safetensors"
    before = file.read_bytes()
    arrays = safetensors.numpy.load(before)
    try:
        safetensors.numpy.save_file({n: a for n, a in arrays.items() if not n.startswith("R.")}, file)
        found = similar(replace(case, run=both))
    finally:
        file.write_bytes(before)
    assert found == Missing(
        what="The run was made before ensembles kept a representation of their training patients to compare with.",
        command="mmcare train plain.yaml --cohort DIR --ensemble 2",
    )


def test_a_patient_of_whom_nothing_is_known_is_told_so(
    imaging_run: Run, images: Path, tmp_path: Path, page: Page, browser: Browser
) -> None:
    """No CT, no genome, and an empty row of the table: the table alone is there, all unknown."""
    cohort = shutil.copytree(images, tmp_path / "nobody")
    header, *rows = (cohort / "patients.csv").read_text().splitlines()
    columns = header.split(",")
    first = dict(zip(columns, rows[0].split(","), strict=True))
    kept = ("patient_id", "arm", "os_years", "os_event", "lc_years", "lc_event")
    row = ",".join(first[name] if name in kept else "" for name in columns)
    (cohort / "patients.csv").write_text("\n".join([header, row, *rows[1:]]) + "\n")
    panels = [line for line in (cohort / "panels.tsv").read_text().splitlines() if not line.startswith("SYN-00001\t")]
    (cohort / "panels.tsv").write_text("\n".join(panels) + "\n")
    found = build_report(imaging_run, read_cohort(cohort), "SYN-00001")
    absent = {modality.key: modality.absent for modality in found.inputs}
    assert absent["ct"].startswith("no CT at")
    assert absent["genomic"] == "not sequenced"
    with browser.open(page(found)) as opened:
        assert opened.complaints == []
        text = opened.page.text_content("main")
        assert "nan" not in text.lower()
        assert "The patient has no CT: no CT at" in text


def _with_embeddings(folder: Path, rows: list[dict[str, str]]) -> Path:
    """Embeddings of all but the last patient."""
    cohort = write(folder, PLAIN + "modalities:\n  tokens: {tokens: embeddings.csv}\n", rows)
    lines = [f"{row['patient_id']},{n % 7},{n % 5}" for n, row in enumerate(rows[:-1])]
    (cohort / "embeddings.csv").write_text("\n".join(["patient_id,a,b", *lines]) + "\n")
    return cohort


def test_a_patient_without_any_input_is_told_what_the_model_would_need(
    tmp_path: Path, page: Page, browser: Browser
) -> None:
    """A run of embeddings alone, and a patient who has none."""
    (tmp_path / "spec.yaml").write_text(EMBEDDINGS)
    options = Options(out=tmp_path / "run", cache=Cache(tmp_path / "cache"))
    learned = _with_embeddings(tmp_path / "learned", [*plain_rows(), {**plain_rows()[0], "patient_id": "LAST"}])
    made = mmcare.fit(tmp_path / "spec.yaml", learned, options=options)
    asked = _with_embeddings(tmp_path / "asked", plain_rows(3))
    found = build_report(made, read_cohort(asked), "P002")
    reasons = {figure.reason for figure in found.probabilities}
    assert reasons == {"the patient has none of the inputs that the model reads (tokens)"}
    nothing = Missing(what="The patient has none of the inputs that the model reads: nothing is predicted.")
    assert found.why == found.choice == nothing
    with browser.open(page(found)) as opened:
        assert opened.complaints == []
        need = "The patient has none of the inputs that the model reads: tokens (no row in the table of tokens)."
        assert f"{need} It needs at least one of them." in opened.text("#glance")
        assert "nan" not in opened.page.text_content("main").lower()
        assert opened.serious() == []


def _ended(row: dict[str, str], years: float) -> dict[str, str]:
    """Nobody is followed longer."""
    found = dict(row)
    for time, event in (("os_years", "died"), ("lc_years", "failed")):
        if float(row[time]) > years:
            found |= {time: str(years), event: "0"}
    return found


def test_figures_that_are_not_known_are_called_so(
    run: Run, plain: Path, tmp_path: Path, page: Page, browser: Browser
) -> None:
    """The follow-up ends at 1.5 years: of the second year nothing is known, and the page never says `nan`."""
    rows = [_ended(row, 1.5) for row in plain_rows()]
    short = write(tmp_path / "short", PLAIN, rows)
    (tmp_path / "spec.yaml").write_text(SPEC)
    options = Options(out=tmp_path / "run", cache=Cache(tmp_path / "cache"))
    found = build_report(mmcare.fit(tmp_path / "spec.yaml", short, options=options), read_cohort(short), "P010")
    unknown = [p for p in found.probabilities if p.probability is None]
    assert {(p.horizon, p.reason) for p in unknown} == {
        (2.0, "beyond the follow-up of the training patients under sbrt (1.5 years)"),
        (2.0, "beyond the follow-up of the training patients under surgery (1.5 years)"),
    }
    path = page(found)
    with browser.open(path) as opened:
        assert opened.complaints == []
        assert "nan" not in opened.page.text_content("main").lower()
        assert "unknown" in opened.text("#horizons")
        assert "Beyond the follow-up of the training patients under SBRT" in opened.text("#course")
    assert [p["probability"] for p in page_data(path)["probabilities"] if p["horizon"] == 2] == [None] * 4


def test_values_that_are_missing_in_the_data_are_said(run: Run, plain: Path, page: Page, browser: Browser) -> None:
    found: ReportData = build_report(run, read_cohort(plain), "P005")
    with browser.open(page(found)) as opened:
        assert "not measured" in opened.text("#inputs")
        assert "1 of 3 were not measured" in opened.text("#inputs")

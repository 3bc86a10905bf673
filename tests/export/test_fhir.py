"""RiskAssessments: valid by fhir.resources' own models, and with the figures of `mmcare predict`."""

from __future__ import annotations

import json
import re
import sys
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import pytest
from fhir.resources.R4B.riskassessment import RiskAssessment

from mmcare.cli.main import main
from mmcare.run.manifest import file_record

from .conftest import Ask, Small


def predicted(small: Small, patient: str, capsys: pytest.CaptureFixture[str]) -> list[dict]:
    capsys.readouterr()
    words = ("predict", small.run.path, "--cohort", small.cohort.root, "--patient", patient, "--format", "json")
    assert main([str(word) for word in words]) == 0
    return list(json.loads(capsys.readouterr().out)["probabilities"])


def figures(folder: Path) -> dict[tuple[str, float], tuple[Decimal, dict]]:
    """By arm and horizon, what stands in the files."""
    found = {}
    for path in folder.iterdir():
        data = json.loads(path.read_text(), parse_float=Decimal)
        arm = path.stem.removeprefix("os-")
        for part in data["prediction"]:
            found[arm, float(part["whenRange"]["high"]["value"])] = part.get("probabilityDecimal"), part
    return found


def test_every_figure_is_that_of_predict_digit_by_digit(
    exported: Path, small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = predicted(small, small.whole, capsys)
    found = figures(exported / "fhir")
    assert {(row["arm"], row["horizon"]) for row in rows} == set(found) and len(rows) == 4
    for row in rows:
        figure, part = found[row["arm"], row["horizon"]]
        assert figure == Decimal(repr(row["probability"]))
        words = {1: "one year", 2: "two years"}[row["horizon"]]
        assert part["outcome"]["text"] == f"Overall survival: no death within {words}"
        years = {"unit": "years", "system": "http://unitsofmeasure.org", "code": "a"}
        assert part["whenRange"] == {"low": {"value": 0, **years}, "high": {"value": row["horizon"], **years}}
        assert part.get("rationale", "") == row["reason"]


def test_what_is_written_is_valid_and_says_what_it_is(exported: Path, small: Small) -> None:
    digest = file_record(small.run.path / "run.json").sha256
    for path in (exported / "fhir").iterdir():
        resource = RiskAssessment.model_validate_json(path.read_text())
        assert resource.status == "preliminary"
        assert resource.subject.identifier.value == small.whole and resource.subject.reference is None
        notes = [note.text for note in resource.note]
        assert notes[0] == "For research use only: not a medical device, not to be used for the care of a patient."
        name, own = small.run.path.name, version("mmcare")
        run = f"Run {name}, id {small.run.manifest.id}, SHA-256 of run.json {digest}, mmcare {own}."
        assert run in notes
        assert resource.method.text == f"MM-Care {own}, run {name}, network"
        (device,) = resource.contained
        assert (device.manufacturer, device.version[0].value) == ("MM-Care", own)
        assert resource.performer.reference == f"#{device.id}"
        assert [basis.display for basis in resource.basis] == [
            "ct of the patient",
            "clinical of the patient",
            "genomic of the patient",
        ]
    treated = {json.loads(path.read_text())["code"]["text"] for path in (exported / "fhir").iterdir()}
    assert treated == {"Overall survival if treated by SBRT", "Overall survival if treated by surgical resection"}


def test_nothing_of_the_archive_is_told(exported: Path) -> None:
    for path in (exported / "fhir").iterdir():
        assert not re.search("HOSPITAL|ller|1950", path.read_text())


def test_a_patient_without_ct_has_a_prediction_and_dicom_says_why_not(
    small: Small, series: Path, ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = predicted(small, small.without_ct, capsys)
    code, out, err = ask("--patient", small.without_ct, "--out", tmp_path / "out", "--fhir", "--dicom", series)
    assert code == 2 and out == f"{tmp_path / 'out' / 'fhir'}\n"
    found = figures(tmp_path / "out" / "fhir")
    assert {place: figure for place, (figure, _) in found.items()} == {
        (row["arm"], row["horizon"]): Decimal(repr(row["probability"])) for row in rows
    }
    reason = dict(small.run.predict(small.cohort, [small.without_ct]).absent[small.without_ct])["ct"]
    assert err.endswith(
        f"Error: patient {small.without_ct}: the run is given no image of the patient (ct: {reason}): there is nothing "
        "to write as DICOM.\n  `--fhir` writes the prediction.\n"
    )
    assert not (tmp_path / "out" / "dicom").exists()
    notes = [note["text"] for note in json.loads((tmp_path / "out" / "fhir" / "os-sbrt.json").read_text())["note"]]
    assert f"Without ct: {reason}." in notes


def test_without_the_library_the_extra_is_named_before_anything_is_read(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fhir.resources.R4B.riskassessment", None)
    code, out, err = ask("--patient", "P001", "--out", tmp_path / "out", "--fhir")
    assert (code, out) == (2, "")
    assert err == (
        "Error: --fhir: a FHIR RiskAssessment is written by fhir.resources, which is not installed.\n"
        '  Run `pip install "mmcare[fhir]"`.\n'
    )
    assert not (tmp_path / "out").exists()

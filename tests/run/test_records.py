"""The run's JSON and CSV files, edited together with their digests: still refused by file and key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmcare.run import Run

from .conftest import Copy, refusal, reseal

RESTORE = "Restore it from a copy of the run, or train again."
CLINICAL = "preprocessing/clinical.json"


def edited(run: Path, name: str, edit: Callable[[Any], object]) -> Path:
    """A JSON file after `edit` had its values; the manifest follows."""
    file = run / name
    data = json.loads(file.read_text())
    edit(data)
    file.write_text(json.dumps(data))
    reseal(run)
    return file


def rewritten(run: Path, name: str, text: str | bytes) -> Path:
    """A file of this text; the manifest follows."""
    file = run / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    reseal(run)
    return file


def column(data: Any, name: str) -> dict[str, Any]:
    return next(found for found in data["columns"] if found["name"] == name)


@pytest.mark.parametrize("run", ["network", "baseline"])
def test_a_renamed_column_is_named_with_what_it_was(run: str, copy: Copy, request: pytest.FixtureRequest) -> None:
    folder = copy(request.getfixturevalue(run))
    file = edited(folder, CLINICAL, lambda d: column(d, "age").update(name="age_at_start"))
    assert refusal(folder) == (
        f"{file}, age_at_start: the model was not trained on it; it was on `age`, which is missing. {RESTORE}"
    )


def test_a_column_gone_or_new_is_named(network: Run, copy: Copy) -> None:
    run = copy(network)
    file = edited(run, CLINICAL, lambda d: d["columns"].remove(column(d, "size")))
    assert refusal(run) == f"{file}, size: is missing; the model was trained on it. {RESTORE}"
    new = {"name": "fev1", "unit": "l", "levels": [], "mean": 2.0, "sd": 1.0}
    edited(run, CLINICAL, lambda d: d["columns"].append(new))
    assert refusal(run) == (
        f"{file}, fev1: the model was not trained on it; it was on `size`, which is missing. {RESTORE}"
    )
    edited(run, CLINICAL, lambda d: d["columns"].append({**new, "name": "size"}))
    assert refusal(run) == f"{file}, fev1: the model was not trained on it. {RESTORE}"


def test_columns_in_another_order_are_named(network: Run, copy: Copy) -> None:
    run = copy(network)
    file = edited(run, CLINICAL, lambda d: d["columns"].reverse())
    assert refusal(run).splitlines() == [
        f"{file}, sex: stands at place 1, where the model was trained on `age`. {RESTORE}",
        f"{file}, age: stands at place 3, where the model was trained on `sex`. {RESTORE}",
    ]


def test_a_category_dropped_is_named_with_its_column(network: Run, copy: Copy) -> None:
    run = copy(network)
    file = edited(run, CLINICAL, lambda d: column(d, "sex")["levels"].remove("male"))
    assert refusal(run) == (
        f"{file}, sex: gives categories female; the model was trained on categories female, male. {RESTORE}"
    )


def test_another_unit_is_named_with_its_column(network: Run, copy: Copy) -> None:
    run = copy(network)
    file = edited(run, CLINICAL, lambda d: column(d, "size").update(unit="cm"))
    assert refusal(run) == f"{file}, size: gives number, cm; the model was trained on number, mm. {RESTORE}"


@pytest.mark.parametrize(("value", "said"), [("NaN", "nan"), ("Infinity", "inf"), ("1e999", "inf")])
def test_a_number_that_is_not_finite_is_named_with_its_column(network: Run, copy: Copy, value: str, said: str) -> None:
    run = copy(network)
    text = (run / CLINICAL).read_text()
    mean = str(column(json.loads(text), "size")["mean"])
    assert text.count(mean) == 1
    file = rewritten(run, CLINICAL, text.replace(mean, value))
    assert refusal(run) == f"{file}, columns.size.mean: is {said}, and must be a finite number. {RESTORE}"


def test_a_text_where_a_number_was_is_named_with_its_column(network: Run, copy: Copy) -> None:
    run = copy(network)
    file = edited(run, CLINICAL, lambda d: column(d, "age").update(mean="NaN"))
    assert refusal(run) == f"{file}, columns.age.mean: is `NaN`, and must be a number. {RESTORE}"


def test_what_a_modality_cannot_read_is_said_with_its_version(network: Run, copy: Copy) -> None:
    run = copy(network)
    version = {p.distribution: p.version for p in network.manifest.plugins}["mmcare-plugin-clinical"]
    file = edited(run, CLINICAL, lambda d: column(d, "age").pop("sd"))
    assert refusal(run) == (
        f"{file}, modality clinical: the modality table (mmcare-plugin-clinical {version}) cannot read it: "
        f"KeyError: 'sd'. {RESTORE}"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ":1:1: is not JSON: Expecting value."),
        ('{"columns": [', ":1:14: is not JSON: Expecting value."),
        (b"\xff{}", ": is not UTF-8 at byte 0."),
        (
            "[" * 100_000,
            ": is not JSON that can be read: maximum recursion depth exceeded while decoding a JSON array ",
        ),
        ('{"columns": ' + "1" * 5000 + "}", ": is not JSON that can be read: Exceeds the limit (4300 digits) for "),
        ("[]", ": holds `[]`, and must hold names and values."),
    ],
    ids=["empty", "cut", "bytes", "deep", "long", "list"],
)
def test_preprocessing_that_is_no_json_is_said(network: Run, copy: Copy, text: str | bytes, said: str) -> None:
    run = copy(network)
    file = rewritten(run, CLINICAL, text)
    found = refusal(run)
    assert found.startswith(f"{file}{said}") and found.endswith(f" {RESTORE}") and "\n" not in found


def test_a_member_that_was_trained_on_another_modality_is_refused(network: Run, copy: Copy) -> None:
    run = copy(network)
    edited(run, "members/00/inputs.json", lambda d: d.update(genomic=d.pop("clinical")))
    assert refusal(run) == (
        f"{run}/{CLINICAL}: gives a TableLayout; the model was trained on nothing of that name. {RESTORE}"
    )


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda d: d.pop("arms"), "arms: is missing."),
        (lambda d: d.update(arms="sbrt"), "arms: must be a valid array; found `sbrt`."),
        (lambda d: d.update(arms=["a", "a"]), "arms: `a` stands there 2 times."),
        (lambda d: d.update(arms=[]), "arms: is empty; a run has at least one."),
        (lambda d: d.update(endpoints=[]), "endpoints: is empty; a run has at least one."),
        (
            lambda d: d["endpoints"][0].update(horizons=["one"]),
            "endpoints.0.horizons.0: must be a valid number; found `one`.",
        ),
        (
            lambda d: d["endpoints"][0].update(horizons=[2, 1]),
            "endpoints.os.horizons: they are years that rise from above 0; found 2, 1.",
        ),
        (
            lambda d: d["endpoints"][1].update(competing="yes"),
            "endpoints.1.competing: must be a valid boolean; found `yes`.",
        ),
    ],
)
def test_outcome_codes_that_cannot_be_are_named(
    network: Run, copy: Copy, edit: Callable[[Any], object], said: str
) -> None:
    run = copy(network)
    file = edited(run, "outcomes.json", edit)
    assert refusal(run) == f"{file}, {said} {RESTORE}"


def test_an_arm_less_does_not_fit_the_weights(network: Run, copy: Copy) -> None:
    run = copy(network)
    edited(run, "outcomes.json", lambda d: d["arms"].remove("surgery"))
    first = refusal(run).splitlines()[0]
    assert first.startswith(f"{run}/members/00/weights.safetensors: the tensor heads.0.")
    assert first.endswith("The run's spec and weights do not belong together: restore both from a copy of the run.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ": cannot be read: it is empty, or no CSV text in UTF-8."),
        (b"patient,split\n\xff,test\n", ": cannot be read: it is empty, or no CSV text in UTF-8."),
        ("id,part\nP1,test\n", ":1: `id,part` is not patient,split."),
        ("patient,split\nP1,tset\n", ":2: `P1,tset` is not a patient and one of training, validation, test."),
        ("patient,split\nP1\n", ":2: `P1` is not a patient and one of training, validation, test."),
        ("patient,split\nP1,test\nP1,training\n", ":3: the patient P1 stands here a second time."),
    ],
)
def test_a_split_that_cannot_be_read_is_said(
    network: Run, copy: Copy, text: str | bytes, said: str, ask: Callable[..., tuple[int, str, str]]
) -> None:
    file = rewritten(copy(network), "splits.csv", text)
    code, out, err = ask("evaluate", file.parent)
    assert (code, out) == (2, "")
    assert err == f"Error: {file}{said}\n  {RESTORE}\n"


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda d: d.pop("path"), "path: is missing."),
        (lambda d: d.update(patients="many"), "patients: must be a valid integer; found `many`."),
    ],
)
def test_a_cohort_record_that_cannot_be_read_is_said(
    network: Run,
    copy: Copy,
    edit: Callable[[Any], object],
    said: str,
    ask: Callable[..., tuple[int, str, str]],
) -> None:
    file = edited(copy(network), "cohort.json", edit)
    code, out, err = ask("evaluate", file.parent)
    assert (code, out) == (2, "")
    assert err == f"Error: {file}, {said}\n  {RESTORE}\n"

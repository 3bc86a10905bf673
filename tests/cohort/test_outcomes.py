"""Outcomes are matched to a run's codes by name, and cells are read in years."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmcare.cohort import check_cohort, read_cohort
from mmcare.components import Endpoint, OutcomeLayout
from mmcare.errors import CohortError

DICTIONARY = """\
mmcare_cohort: 1
arms: {column: arm, values: {sbrt: SBRT, surgery: resection}}
endpoints:
  os: {time: months, event: dead, unit: months, codes: {0: censored, 1: event}, horizons: [1, 3]}
  lc: {time: lc, event: lc_event, codes: {0: censored, 1: event, 2: competing}, horizons: [1]}
columns:
  age: {type: number, unit: years}
"""
TABLE = """\
patient_id,arm,months,dead,lc,lc_event,age
a,sbrt,12,1,0.5,2,70
b,surgery,36,0,3,0,65
c,,6,1.0,,,80
"""


def write(folder: Path, dictionary: str = DICTIONARY, table: str = TABLE) -> Path:
    (folder / "cohort.yaml").write_text(dictionary)
    (folder / "patients.csv").write_text(table)
    return folder


def test_times_in_years_codes_and_unknown_cells(tmp_path: Path) -> None:
    cohort = read_cohort(write(tmp_path))
    layout = cohort.outcome_layout()
    assert layout == OutcomeLayout(
        ("sbrt", "surgery"), (Endpoint("os", (1.0, 3.0)), Endpoint("lc", (1.0,), competing=True))
    )
    outcomes = cohort.outcomes(layout, cohort.patients)
    assert outcomes.arm.tolist() == [0, 1, -1]
    assert outcomes.time[:, 0].tolist() == [1.0, 3.0, 0.5]
    assert outcomes.event.tolist() == [[1, 2], [0, 0], [1, 0]]
    assert torch.isnan(outcomes.time[2, 1])


def test_arms_and_endpoints_are_matched_by_name(tmp_path: Path) -> None:
    other = DICTIONARY.replace("{sbrt: SBRT, surgery: resection}", "{surgery: resection, sbrt: SBRT}")
    cohort = read_cohort(write(tmp_path, other))
    layout = OutcomeLayout(("sbrt", "surgery"), (Endpoint("lc", (1.0,), True), Endpoint("os", (1.0, 3.0))))
    outcomes = cohort.outcomes(layout, cohort.patients)
    assert outcomes.arm.tolist() == [0, 1, -1]
    assert outcomes.event.tolist() == [[2, 1], [0, 0], [0, 1]]


def test_an_arm_that_the_run_does_not_know_is_an_error(tmp_path: Path) -> None:
    cohort = read_cohort(write(tmp_path))
    with pytest.raises(CohortError, match=r"the arm `surgery` is none of the run's: sbrt, rfa\."):
        cohort.outcomes(OutcomeLayout(("sbrt", "rfa"), (Endpoint("os", (1.0,)),)), cohort.patients)


def test_no_latent_or_outcome_is_reachable_from_a_source(tmp_path: Path) -> None:
    source = read_cohort(write(tmp_path)).source("clinical", gives="table")
    assert source is not None
    assert source.row("a") == {"age": "70"}


def spoilt(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


CASES = {
    "duplicate id": (
        DICTIONARY,
        spoilt(TABLE, "b,surgery", "a,surgery"),
        "patients.csv:3, patient_id: the patient id `a` stands in lines 2, 3; one row a patient. "
        "Merge the rows, or give each patient an id of its own.",
    ),
    "unknown column": (
        spoilt(DICTIONARY, "age:", "agee:"),
        TABLE,
        "cohort.yaml:7:3, columns.agee: patients.csv has no column `agee`. The nearest is `age`. "
        "Correct the name here or in the table.",
    ),
    "horizons": (
        spoilt(DICTIONARY, "[1, 3]", "[3, 1]"),
        TABLE,
        "cohort.yaml:4:81, endpoints.os.horizons: horizons are positive years in rising order, each once; "
        "found [3.0, 1.0].",
    ),
    "zero and negative times": (
        DICTIONARY,
        spoilt(spoilt(TABLE, "sbrt,12", "sbrt,0"), "surgery,36", "surgery,-3"),
        "patients.csv:2, months: `0` in line 2 (patient a), `-3` in line 3 (patient b): a time is counted from the "
        "treatment decision and is greater than 0. Correct these patients' dates, or leave the cell empty.",
    ),
    "codes": (
        DICTIONARY,
        spoilt(spoilt(TABLE, "12,1", "12,2"), "36,0", "36,1"),
        "patients.csv:2, dead: codes `2` (1 times) have no meaning; the dictionary has {0: censored, 1: event}. "
        "Say what each code means in `endpoints.os.codes`, such as {1: censored, 2: event}.",
    ),
    "unknown arm": (
        DICTIONARY,
        spoilt(TABLE, "b,surgery", "b,radio"),
        "patients.csv:3, arm: `radio` in line 3 (patient b): no such arm; the dictionary names: sbrt, surgery. "
        "Correct the cells, or add the arm to `arms.values`.",
    ),
    "misspelt key": (
        spoilt(DICTIONARY, "endpoints:", "endpoint:"),
        TABLE,
        "cohort.yaml:3:1, endpoint: there is no such key. Did you mean `endpoints`?",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_errors_name_the_place_and_what_to_do(case: str, tmp_path: Path) -> None:
    dictionary, table, message = CASES[case]
    _, findings = check_cohort(write(tmp_path, dictionary, table))
    assert message in [str(finding).replace(f"{tmp_path}/", "") for finding in findings]


def test_a_file_and_a_folder_without_dictionary_are_recognised(tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text(TABLE)
    _, (finding,) = check_cohort(tmp_path / "patients.csv")
    assert str(finding).endswith("is a file; a cohort is a folder. Name the folder that holds cohort.yaml.")
    _, (finding,) = check_cohort(tmp_path)
    assert finding.what == f"is no cohort: {tmp_path}/cohort.yaml is missing (patients.csv is there)."

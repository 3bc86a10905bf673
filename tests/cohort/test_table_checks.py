"""What `cohort check` says of numbers that cannot be right, of what is known too late, and of who lacks what."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from mmcare.cohort import check_cohort, read_cohort
from mmcare.cohort.known_after import known_after
from mmcare.cohort.missingness import missingness

from .conftest import DICTIONARY, as_text, rows
from .test_bad_inputs import said

Write = Callable[..., Path]


def with_column(name: str, entry: str, cells: Callable[[int], str], n: int = 24) -> tuple[str, str]:
    """The dictionary and the table in order, with a column more."""
    return f"{DICTIONARY}  {name}: {entry}\n", as_text([{**row, name: cells(i)} for i, row in enumerate(rows(n))])


NUMBERS = {
    "T09 centimetres and metres": (
        ("height", "{type: number, unit: cm}", lambda i: f"1.{60 + i}" if i % 6 == 0 else str(160 + i)),
        "warning: patients.csv:2, height: holds two groups, 4 values from 1.6 to 1.78 and 20 from 161 to 183, as "
        "centimetres and metres, or percent and fractions would be (line 2 '1.6', line 8 '1.66', line 14 '1.72' and "
        "1 more). Write all of the column in one unit.",
    ),
    "T10 an age in days": (
        ("age_at_diagnosis", "{type: number, unit: years}", lambda i: str(21000 + 300 * i)),
        "warning: patients.csv, age_at_diagnosis: values from 21000 to 27900 with the unit `years` (plausible for age: "
        "0 to 110): they look like days. Convert the column, or correct its `unit` in cohort.yaml.",
    ),
    "T14 Excel's numbers of dates among others": (
        ("pack_years", "{type: number, unit: pack-years}", lambda i: "43891" if i in (3, 7) else str(10 + i)),
        "warning: patients.csv:5, pack_years: 2 cells look like dates as Excel numbers them, among values from 10 to "
        "33 (line 5 '43891', line 9 '43891'; the first would be 2020-03-01). "
        "Write the number that was meant, such as the time between two dates.",
    ),
    "T14 a column of Excel's numbers of dates": (
        ("date_of_ct", "{type: number}", lambda i: str(43000 + 7 * i)),
        "warning: patients.csv:2, date_of_ct: 24 cells look like dates as Excel numbers them (line 2 '43000', line 3 "
        "'43007', line 4 '43014' and 21 more; the first would be 2017-09-22). "
        "Write the number that was meant, such as the time between two dates.",
    ),
    "a single slip": (
        ("height", "{type: number, unit: cm}", lambda i: "1.78" if i == 3 else str(160 + i)),
        "warning: patients.csv:5, height: 1 value far outside 120 to 220 cm, where height is plausible (line 5 "
        "'1.78'); the first may be in m. Correct the cells, or leave them empty.",
    ),
    "a thousands separator": (
        ("volume", "{type: number, unit: ml}", lambda i: "1,234.5" if i == 3 else str(160 + i)),
        "error: patients.csv, modality table, volume: 1 of 24 cells with a number whose thousands are set apart "
        "(line 5 '1,234.5'). Write it without marks between the thousands.",
    ),
    "one category in two spellings": (
        ("smoking", "{type: category}", lambda i: ("never smoker", "Never-Smoker", "former")[i % 3]),
        "warning: patients.csv, smoking: `never smoker` (8 cells), `Never-Smoker` (8 cells) seem to be one category, "
        "and count as 2. Write it in one way.",
    ),
    "a date of birth": (
        ("dob", "{type: category, role: other}", lambda i: f"1950-01-{i + 1:02d}"),
        "warning: patients.csv:1, dob: holds dates of birth, by its name: that identifies persons, and no model needs "
        "it. Take the column out of the table; of a date of birth, keep the age at the decision.",
    ),
    "T17 a pathological stage": (
        ("pT", "{type: category}", lambda i: f"T{1 + i % 3}"),
        "error: cohort.yaml:9, columns.pT: is a predictor, and by its name a pathological stage, known only after the "
        "treatment decision. Write `available_at: after` (then it is no input where a choice is predicted), or, if it "
        "was known at the decision, `available_at: decision`.",
    ),
    "T17 overridden by name": (
        ("pT", "{type: category, available_at: decision}", lambda i: f"T{1 + i % 3}"),
        "note: cohort.yaml:9, columns.pT: is by its name a pathological stage, and counts as known at the decision: "
        "`available_at: decision` says so.",
    ),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_a_column_that_cannot_be_right_is_named(case: str, write: Write) -> None:
    (name, entry, cells), message = NUMBERS[case]
    dictionary, table = with_column(name, entry, cells)
    if "," in cells(3):
        table = table.replace(cells(3), f'"{cells(3)}"')
    found = said(write(dictionary, table))
    assert found[0] == message
    assert not any(name in other for other in found[1:] if name != "dob")


@pytest.mark.parametrize(
    ("name", "entry", "cells"),
    [
        ("height", "{type: number, unit: cm}", lambda i: str(150 + 2 * i)),
        ("pack_years", "{type: number, unit: pack-years}", lambda i: "0" if i % 2 else f"{2.5 * i}"),
        ("age_at_ct", "{type: number, unit: days}", lambda i: str(21000 + 300 * i)),
        ("crp", "{type: number, unit: mg/l}", lambda i: f"{0.3 * 1.35**i:.1f}"),
        ("platelets", "{type: number}", lambda i: str(150000 + 7000 * i)),
        ("pT", "{type: category, available_at: after}", lambda i: f"T{1 + i % 3}"),
        ("her2", "{type: category}", lambda i: ("HER2", "HER2-", "-1", "1", "T1-2", "T12")[i % 6]),
        ("pT", "{type: category, role: other}", lambda i: f"T{1 + i % 3}"),
        ("ejection_fraction", "{type: number, unit: '%'}", lambda i: str(40 + i)),
    ],
)
def test_a_column_that_can_be_right_is_left_alone(
    name: str, entry: str, cells: Callable[[int], str], write: Write
) -> None:
    assert said(write(*with_column(name, entry, cells))) == []


@pytest.mark.parametrize(
    ("names", "meaning"),
    [
        ("pT, pN, ypT, pTNM, PN_STATUS, PATHOLOGIC_STAGE, Pathological T stage, path_t", "a pathological stage"),
        ("resection_margin, R0, r_status, ResectionMargin", "the state of the resection margins"),
        ("total_dose_gy, delivered dose, n_fractions, fractions, bed10", "the dose or the fractions delivered"),
        ("lymphovascular_invasion, Pleural invasion (visceral)", "an invasion seen in the specimen"),
        ("tmb_of_resection_specimen", "what was found in the resection specimen"),
        ("adjuvant_chemo", "a treatment after the first"),
        ("recurrence, toxicity_grade", "the course after treatment"),
        ("Survival.time, deadstatus.event, os_months, vital_status", "an outcome"),
        ("cT, clinical.T.Stage, pt_age, PT_ID, age, fev1, neoadjuvant_chemo, neo-adjuvant, ejection_fraction", ""),
        ("pathology_confirmed, prior_lung_surgery, ct_size, FRACTION_GENOME_ALTERED, prescribed_dose", ""),
    ],
)
def test_names_say_what_is_known_only_after_the_decision(names: str, meaning: str) -> None:
    assert {name: known_after(name) for name in names.split(", ")} == dict.fromkeys(names.split(", "), meaning)


def missing_by_arm(shares: dict[str, float], n: int = 120) -> tuple[str, str]:
    """`dlco` and `fev1`, missing for a share of each arm; `fev1` for a fifth of both."""
    rng = np.random.default_rng(0)
    table = rows(n)
    for i, row in enumerate(table):
        row["age"] = str(55 + i % 30)
        row["dlco"] = "" if rng.random() < shares[row["arm"]] else str(60 + i % 30)
        row["fev1"] = "unknown" if rng.random() < 0.2 else str(70 + i % 20)
    unit = '"% of predicted"'
    columns = f"  dlco: {{type: number, unit: {unit}}}\n  fev1: {{type: number, unit: {unit}, missing: unknown}}\n"
    return DICTIONARY + columns, as_text(table)


def test_missing_cells_that_tell_the_arm_are_named(write: Write) -> None:
    """T18."""
    folder = write(*missing_by_arm({"sbrt": 0.7, "surgery": 0.1}))
    found = missingness(read_cohort(folder))
    assert found is not None
    assert found.column == "dlco"
    # of one indicator with rates p and q the AUC is (1 + p - q) / 2, here 0.8; the other column is noise
    p, q = found.shares["sbrt"], found.shares["surgery"]
    assert found.auc == pytest.approx((1 + p - q) / 2, abs=0.05)
    assert said(folder) == [
        f"warning: patients.csv, dlco: which cells are missing predicts the arm with an AUC of {found.auc:.2f} "
        f"(cross-validated; 0.5 is chance); `dlco` does most: missing for {p:.0%} under `sbrt`, {q:.0%} under "
        "`surgery`. Find out why: a model would learn who was treated how. "
        "Measure it in both arms alike, or leave it out."
    ]


def test_missing_cells_by_chance_are_only_said(write: Write) -> None:
    folder = write(*missing_by_arm({"sbrt": 0.3, "surgery": 0.3}, n=600))
    found = missingness(read_cohort(folder))
    assert found is not None
    assert found.auc < 0.6
    assert said(folder) == [
        f"note: patients.csv: which cells are missing predicts the arm with an AUC of {found.auc:.2f} "
        "(cross-validated; 0.5 is chance)."
    ]


def test_reading_a_cohort_asks_nothing_that_only_warns(write: Write) -> None:
    """Training starts without scikit-learn."""
    folder = write(*missing_by_arm({"sbrt": 0.7, "surgery": 0.1}))
    code = (
        "import sys; from mmcare.cohort import check_cohort, read_cohort; folder = sys.argv[1]; read_cohort(folder);"
        "assert 'sklearn' not in sys.modules; check_cohort(folder); assert 'sklearn' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)


def test_without_arms_or_missing_cells_there_is_nothing_to_predict(write: Write) -> None:
    assert missingness(read_cohort(write())) is None
    one_arm = DICTIONARY.replace("arms: {column: arm, values: {sbrt: SBRT, surgery: resection}}\n", "")
    table = [{**row, "age": "" if i < 9 else row["age"]} for i, row in enumerate(rows())]
    assert missingness(read_cohort(write(one_arm, as_text(table)))) is None


def test_a_genome_of_no_named_specimen_is_asked_about(write: Write) -> None:
    found = said(
        write(f"{DICTIONARY}modalities:\n  genomic: {{mutations: m.maf, panels: p.tsv, panel_genes: g.tsv}}\n")
    )
    assert found[0] == (
        "warning: cohort.yaml:10, modalities.genomic: does not say of which specimen the genome is: a biopsy is there "
        "at the decision, a resection after. Write `available_at: decision`, or `available_at: after`."
    )


# O14
SPLIT = DICTIONARY.replace("endpoints:", "outcomes: {file: outcomes.csv, id: pid}\nendpoints:")


def with_outcomes(write: Write, ids: Callable[[int], str | None]) -> Path:
    """The cohort in order, its times and events in a table of their own, under ids that may differ."""
    folder = write(SPLIT, as_text([{k: v for k, v in r.items() if k not in ("os_months", "dead")} for r in rows()]))
    outcomes = [(ids(i), row["os_months"], row["dead"]) for i, row in enumerate(rows())]
    lines = [",".join(cells) for cells in outcomes if cells[0] is not None]
    (folder / "outcomes.csv").write_text("\n".join(["pid,os_months,dead", *lines]) + "\n")
    return folder


def test_outcomes_may_stand_in_a_table_of_their_own(write: Write) -> None:
    whole = read_cohort(write()).outcomes(read_cohort(write()).outcome_layout(), ["P00", "P05"])
    folder = with_outcomes(write, lambda i: f"P{i:02d}")
    assert said(folder) == []
    cohort = read_cohort(folder)
    found = cohort.outcomes(cohort.outcome_layout(), ["P00", "P05"])
    assert found.time.tolist() == whole.time.tolist()
    assert found.event.tolist() == whole.event.tolist() == [[1], [0]]
    before = cohort.fingerprint()
    (folder / "outcomes.csv").write_text((folder / "outcomes.csv").read_text().replace("P05,35", "P05,36"))
    assert read_cohort(folder).fingerprint() != before


def test_outcomes_of_patients_that_the_cohort_lacks_are_named(write: Write) -> None:
    """O14."""
    assert said(with_outcomes(write, lambda i: f"Q{i:02d}" if i < 4 else f"P{i:02d}")) == [
        "warning: outcomes.csv:2, pid: 4 of 24 patients are not in patients.csv (Q00, Q01, Q02, …): their outcomes are "
        "not used. Add them to patients.csv, or take them out of the outcomes.",
        "note: outcomes.csv, pid: 4 of 24 patients of patients.csv have no row (P00, P01, P02, …): "
        "their outcomes count as not known.",
    ]
    assert said(with_outcomes(write, lambda i: f"{i}")) == [
        "error: outcomes.csv, pid: none of its 24 patients (0, 1, 2, …) is in patients.csv (P00, P01, P02, …). "
        "Write the ids of both tables in one way."
    ]
    assert said(with_outcomes(write, lambda i: "P03" if i == 5 else f"P{i:02d}"))[0] == (
        "error: outcomes.csv:7, pid: the patient id `P03` stands in lines 5, 7; one row a patient. "
        "Merge the rows, or give each patient an id of its own."
    )


def test_a_column_that_neither_table_has_is_named(write: Write) -> None:
    folder = with_outcomes(write, lambda i: f"P{i:02d}")
    (folder / "cohort.yaml").write_text(SPLIT.replace("event: dead", "event: death"))
    assert said(folder) == [
        "error: cohort.yaml:5:25, endpoints.os.event: neither outcomes.csv nor patients.csv has a column `death`. "
        "The nearest is `dead`. Correct the name here or in the table."
    ]


def test_a_unit_that_the_name_or_the_times_contradict_is_named(write: Write) -> None:
    assert said(write(DICTIONARY.replace("unit: months", "unit: days").replace("[1, 3]", "[0.05]"))) == [
        "warning: patients.csv, os_months: is named as months, and `endpoints.os.unit` is days. "
        "Correct `endpoints.os.unit`."
    ]
    dictionary = DICTIONARY.replace("unit: months", "unit: years").replace("os_months", "os_time")
    table = as_text(rows()).replace("os_months", "os_time")
    assert said(write(dictionary, table.replace("P23,surgery,53", "P23,surgery,700"))) == [
        "warning: patients.csv, os_time: the longest time is 700 years: nobody is followed for 700 years. "
        "Correct `endpoints.os.unit`."
    ]


def test_weeks_are_converted_and_said(write: Write) -> None:
    dictionary = DICTIONARY.replace("unit: months", "unit: weeks").replace("os_months", "os_time")
    cohort = read_cohort(write(dictionary.replace("[1, 3]", "[0.5]"), as_text(rows()).replace("os_months", "os_time")))
    assert (
        str(cohort) == "24 patients, arms sbrt, surgery, os (weeks, converted to years); no modality beside the table"
    )
    time = cohort.outcomes(cohort.outcome_layout(), ["P01"]).time.item()
    assert time == pytest.approx(31 * 7 / 365.25)


def test_a_text_that_means_not_known_is_no_outcome(write: Write) -> None:
    table = [{**row, "dead": "NA" if i == 4 else row["dead"]} for i, row in enumerate(rows())]
    dictionary = DICTIONARY.replace("unit: months", "unit: months, missing: NA")
    cohort = read_cohort(write(dictionary, as_text(table)))
    assert cohort.outcomes(cohort.outcome_layout(), ["P04"]).time.isnan().all()
    assert said(write(DICTIONARY, as_text(table)))[0].startswith("error: patients.csv:6, dead: codes `NA` (1 times)")


def test_what_is_left_to_fill_in_is_named(write: Write) -> None:
    dictionary = DICTIONARY.replace("unit: months", 'unit: "TODO: months or days?"').replace("[1, 3]", "TODO")
    assert said(write(dictionary)) == [
        "error: cohort.yaml:4:38, endpoints.os.unit: is left to fill in: months or days? "
        "Write it in place of the TODO.",
        "error: cohort.yaml:4:69, endpoints.os.horizons: is left to fill in. Write it in place of the TODO.",
    ]


def test_a_cohort_may_stand_in_a_workbook_or_in_another_encoding(write: Write) -> None:
    folder = write()
    book = openpyxl.Workbook()
    for row in as_text(rows()).splitlines():
        book.active.append([int(cell) if cell.isdigit() else cell for cell in row.split(",")])
    book.create_sheet("Notes").append(["nothing"])
    book.save(folder / "patients.xlsx")
    patients = "mmcare_cohort: 1\npatients: {file: patients.xlsx, sheet: Sheet}\n"
    (folder / "cohort.yaml").write_text(DICTIONARY.replace("mmcare_cohort: 1\n", patients))
    assert check_cohort(folder)[1] == []
    source = read_cohort(folder).source("clinical", gives="table")
    assert source is not None
    assert source.row("P03") == {"age": "58", "sex": "male", "stage": "1"}
    (folder / "patients.csv").write_bytes(as_text(rows()).replace("female", "féminin").encode("utf-16"))
    text = DICTIONARY.replace("mmcare_cohort: 1\n", "mmcare_cohort: 1\npatients: {encoding: utf-16}\n")
    (folder / "cohort.yaml").write_text(text.replace("female", "féminin"), encoding="utf-8")
    assert check_cohort(folder)[1] == []
    (folder / "cohort.yaml").write_text(text.replace("utf-16", "utf-61"))
    assert said(folder) == [
        "error: cohort.yaml:2:12, patients.encoding: expected the name of an encoding, such as `windows-1252`; "
        "found utf-61."
    ]


@pytest.mark.parametrize("patient", ["a/b", "..", "CON", "x" * 300])
def test_an_id_that_is_no_file_name_is_named(patient: str, write: Write) -> None:
    """T16."""
    shown = patient if len(patient) < 41 else "x" * 39 + "…"
    assert said(write(table=as_text(rows()).replace("P02", patient))) == [
        f"error: patients.csv:4, patient {shown}, patient_id: the id '{shown}' ({len(patient)} characters) cannot be "
        "part of a file name; allowed are 1 to 64 of the letters A-Z and a-z, digits, '-', '_', '.' and inner spaces, "
        "beginning with a letter or digit, not ending in '.', and no device name of Windows such as CON. "
        "Give the patient another id in every file of the cohort."
    ]


def test_a_row_without_an_id_is_named(write: Write) -> None:
    assert said(write(table=as_text(rows()).replace("P02", ""))) == [
        "error: patients.csv:4, patient_id: a row without a patient id. "
        "Give the patient an id, or delete the row if it is a note or a sum."
    ]


def test_one_patient_is_too_few(write: Write) -> None:
    """T19."""
    assert (
        "warning: patients.csv, os_months: `os` is known of 1 patients; to train needs at least 10. "
        "Bring more patients."
    ) in said(write(table=as_text(rows(1))))


def test_a_dictionary_without_table_and_a_table_without_dictionary(write: Write) -> None:
    """T24."""
    folder = write()
    (folder / "patients.csv").unlink()
    assert said(folder) == [
        "error: cohort.yaml, patients.file: the patients' table patients.csv is not there. "
        "Put it there, or name it in `patients.file`."
    ]
    write()
    (folder / "cohort.yaml").unlink()
    assert said(folder) == [
        "error: FOLDER: is no cohort: cohort.yaml is missing (patients.csv is there). "
        "Let a first one be drafted: `mmcare cohort init patients.csv`."
    ]

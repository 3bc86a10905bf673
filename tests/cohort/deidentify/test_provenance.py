"""A record of provenance says how an image was made, and nothing of whose it was."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from mmcare.cohort.deidentify import Deidentifier, deidentified_record
from tests.cohort.deidentify.conftest import KEY

DEIDENTIFY = Deidentifier(KEY)
PATIENT = "MRN-00471199"
RECORD = {
    "patient": PATIENT,
    "series_uid": "1.2.840.113619.2.55.3.4271045733.996",
    "study_date": "20080918",
    "acquired": "2008-09-19",
    "time": "101112.654321",
    "description": "Thorax of Anna Meier",
    "kernel": "B30f",
    "maker": "SIEMENS",
    "spacing_mm": [0.9765625, 0.9765625, 3.0],
    "slices": 134,
    "voxels": 35_127_296,
    "day": 20080918,
    "contrast": True,
    "mmcare": "0.1.0",
    "sources": ["export/Meier_Anna/IM0001.dcm", "C:\\export\\Meier\\IM0002.dcm", "Meier.nii.gz"],
    "sha256": {"export/Meier_Anna/IM0001.dcm": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
    "roi": {"name": "GTV-1", "other": "GTV Meier"},
    "nothing": None,
}


def test_what_is_harmless_stays_and_the_rest_is_replaced() -> None:
    made = deidentified_record(RECORD, PATIENT, DEIDENTIFY)
    assert isinstance(made, dict)
    assert made["patient"] == DEIDENTIFY.patient(PATIENT)
    assert made["series_uid"] == DEIDENTIFY.uid("1.2.840.113619.2.55.3.4271045733.996")
    assert made["study_date"] == DEIDENTIFY.date("20080918", PATIENT)
    assert made["acquired"] == DEIDENTIFY.date("2008-09-19", PATIENT)
    for key in ("kernel", "maker", "spacing_mm", "slices", "voxels", "contrast", "mmcare", "nothing"):
        assert made[key] == RECORD[key]
    roi = made["roi"]
    assert isinstance(roi, dict)
    assert roi["name"] == "GTV-1"


def test_nothing_original_is_left() -> None:
    text = json.dumps(deidentified_record(RECORD, PATIENT, DEIDENTIFY))
    gone = (
        "Meier",
        "Anna",
        "IM0001",
        "IM0002",
        "export",
        "113619",
        "20080918",
        "2008-09",
        "101112",
        "9f86d08",
        "MRN",
        "0047",
    )
    assert not [part for part in gone if part in text]


def test_a_file_has_one_name_wherever_it_is_named() -> None:
    made = deidentified_record({"a": "x/Meier.nii.gz", "b": ["y/Meier.nii.gz"]}, PATIENT, DEIDENTIFY)
    assert isinstance(made, dict)
    assert made["b"] == [made["a"]]
    assert str(made["a"]).startswith("file-")
    assert str(made["a"]).endswith(".nii.gz")


def test_words_of_the_program_may_stay() -> None:
    record = {"method": "even-odd fill at voxel centres"}
    assert deidentified_record(record, PATIENT, DEIDENTIFY, words=["even-odd fill at voxel centres"]) == record
    assert deidentified_record(record, PATIENT, DEIDENTIFY) != record


def test_done_twice_it_is_the_same_but_for_dates() -> None:
    once = deidentified_record(
        {k: v for k, v in RECORD.items() if k not in ("study_date", "acquired")}, PATIENT, DEIDENTIFY
    )
    assert deidentified_record(once, PATIENT, DEIDENTIFY) == once


SECRET = "QZ99PLANT"
LEAVES = st.one_of(
    st.builds("{}{}{}".format, st.text(max_size=5), st.just(SECRET), st.text(max_size=5)),
    st.integers(-99, 99),
    st.none(),
)
KEYS = st.one_of(st.sampled_from(["a", "b", SECRET]), st.builds("{}{}".format, st.text(max_size=3), st.just(SECRET)))


@given(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4)))
def test_no_text_survives_wherever_it_stands(record: object) -> None:
    made = deidentified_record(record, PATIENT, DEIDENTIFY)  # type: ignore[arg-type]
    assert SECRET not in json.dumps(made)
    assert SECRET.lower() not in json.dumps(made).lower()

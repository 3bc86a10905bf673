"""The allow-list against table E.1-1 of DICOM PS3.15 2024e: nothing that the table names is kept as it is."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword

from mmcare.cohort.deidentify.allow_list import ALLOWED, EDITION
from mmcare.cohort.deidentify.rules import Allowed, Codes, Items, Rule

TABLE = Path(__file__).parent / "data" / "ps3_15_2024e_table_e_1_1.tsv"
DOES = {"U*": {"map"}, "U": {"map"}, "X": {"replace"}, "Z": {"replace"}, "D": {"replace"}}


@dataclass(frozen=True)
class Row:
    basic: str
    clean_descriptors: str
    modified_dates: str


@pytest.fixture(scope="module")
def table() -> dict[str, Row]:
    with TABLE.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {row["tag"]: Row(row["basic"], row["clean_descriptors"], row["modified_dates"]) for row in rows}


def lines(allowed: tuple[Allowed, ...]) -> Iterator[Allowed]:
    for entry in allowed:
        yield entry
        if isinstance(entry.rule, Items):
            yield from lines(entry.rule.allowed)


ALL = sorted({(entry.keyword, id(entry.rule)): entry for one in ALLOWED.values() for entry in lines(one)}.items())


def test_the_table_is_whole(table: dict[str, Row]) -> None:
    assert len(table) == 621
    assert EDITION == "DICOM PS3.15 2024e, table E.1-1"


def test_the_list_holds_some_elements_of_the_table(table: dict[str, Row]) -> None:
    named = {entry.keyword for _, entry in ALL if tag(entry.keyword) in table}
    assert {"PatientName", "PatientID", "StudyInstanceUID", "StudyDate", "ROIName", "ContentTime"} <= named


def tag(keyword: str) -> str:
    number = tag_for_keyword(keyword)
    assert number is not None, keyword
    return f"({number >> 16:04X},{number & 0xFFFF:04X})"


@pytest.mark.parametrize("entry", [entry for _, entry in ALL], ids=[key[0] for key, _ in ALL])
def test_what_the_table_names_is_replaced_mapped_cleaned_or_moved(entry: Allowed, table: dict[str, Row]) -> None:
    row = table.get(tag(entry.keyword))
    if row is None:
        return
    if isinstance(entry.rule, Items):
        assert "U*" in row.basic.split("/"), f"{entry.keyword} is a sequence that must not stay"
        return
    assert isinstance(entry.rule, Rule)
    allowed = set().union(*(DOES[action] for action in row.basic.split("/")))
    allowed |= {"clean"} if row.clean_descriptors == "C" else set()
    allowed |= {"shift"} if row.modified_dates == "C" else set()
    # An id that the table asks to empty may as well be a new one: then patients can be told apart.
    allowed |= {"map"} if entry.keyword in ("PatientID", "PatientName") else set()
    assert entry.rule.does in allowed


@pytest.mark.parametrize("entry", [entry for _, entry in ALL], ids=[key[0] for key, _ in ALL])
def test_no_text_date_name_or_uid_is_kept_unseen(entry: Allowed) -> None:
    """Elements that could hold any text are cleaned, mapped or replaced; only numbers and listed words are kept."""
    if isinstance(entry.rule, (Items, Codes)):
        return
    vr = dictionary_VR(tag_for_keyword(entry.keyword))  # type: ignore[arg-type]
    if vr in ("LO", "SH", "ST", "LT", "UT", "UC", "PN", "AE", "DA", "DT", "TM", "UI", "UN", "UR"):
        kept_by_a_list_of_words = entry.keyword in (
            "SOPClassUID",
            "ReferencedSOPClassUID",
            "RescaleType",
            "ContrastBolusIngredient",
        )
        assert entry.rule.does != "keep" or kept_by_a_list_of_words

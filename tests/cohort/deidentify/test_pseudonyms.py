"""Ids, UIDs and shifts: the same from the same key, none the other's, all fit for where they stand."""

from __future__ import annotations

import datetime
import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcare.cohort.deidentify import Deidentifier
from mmcare.errors import CohortError
from mmcare.formats import check_id

ONE, OTHER = Deidentifier(bytes(range(32))), Deidentifier(bytes(range(1, 33)))
IDS = st.text(min_size=1, max_size=64)


def test_what_a_key_gives_is_settled() -> None:
    """Frozen: a cohort that grows next year gets ids that fit those of this year."""
    assert ONE.patient("LUNG1-001") == "P-U7PAUEPJGMKSNPXX"
    assert ONE.uid("1.2.3") == "2.25.196701908114520591113348584949568631777"
    assert ONE.shift_days("LUNG1-001") == -1654


@given(IDS)
def test_another_key_gives_others(text: str) -> None:
    assert ONE.patient(text) != OTHER.patient(text)
    assert ONE.uid(text) != OTHER.uid(text)


@given(IDS)
def test_a_new_id_can_stand_in_a_file_name(patient: str) -> None:
    assert check_id(ONE.patient(patient)) is None
    assert re.fullmatch(r"P-[A-Z2-7]{16}", ONE.patient(patient))


@given(IDS)
def test_a_new_uid_is_a_uuid_under_2_25(uid: str) -> None:
    new = ONE.uid(uid)
    assert re.fullmatch(r"2\.25\.[1-9][0-9]{0,38}", new)
    assert len(new) <= 64
    made = uuid.UUID(int=int(new[5:]))
    assert (made.version, made.variant) == (8, uuid.RFC_4122)


@given(IDS, st.dates(datetime.date(1925, 1, 1), datetime.date(2090, 12, 31)))
def test_dates_of_a_patient_keep_their_distances(patient: str, day: datetime.date) -> None:
    days = ONE.shift_days(patient)
    assert -3652 <= days <= -366
    new = ONE.date(day.strftime("%Y%m%d"), patient)
    assert new == (day + datetime.timedelta(days)).strftime("%Y%m%d")
    assert ONE.date(day.isoformat(), patient) == (day + datetime.timedelta(days)).isoformat()


def test_a_date_is_written_as_it_was() -> None:
    assert ONE.shift_days("A7") == -1166
    moved = [ONE.date(text, "A7") for text in ("20080918", "2008-09-18", "2008.09.18", "18.09.2008", "18.9.2008")]
    assert moved == ["20050710", "2005-07-10", "2005.07.10", "10.07.2005", "10.07.2005"]


@pytest.mark.parametrize(
    "text",
    ["9/8/2008", "2008-0918", "31.02.2008", "", "2008", "20081341", "Meier", "0001-01-01", "20080918 11:00", "2008091"],
)
def test_what_is_no_date_becomes_none(text: str) -> None:
    assert ONE.date(text, "P1") is None


def test_padding_and_the_form_of_accents_make_no_other_patient() -> None:
    assert ONE.patient(" A7 ") == ONE.patient("A7\0") == ONE.patient("A7")
    assert ONE.patient("Mu\u0308ller") == ONE.patient("M\u00fcller")
    assert ONE.patient("A7") != ONE.patient("a7")


def test_a_hundred_thousand_patients_share_no_id() -> None:
    assert len({ONE.patient(f"MRN{n:07d}") for n in range(100_000)}) == 100_000


def test_shifts_are_spread_over_the_years() -> None:
    shifts = [ONE.shift_days(f"MRN{n}") for n in range(2_000)]
    quarters = [sum(-3652 + 822 * q <= s < -3652 + 822 * (q + 1) for s in shifts) for q in range(4)]
    assert min(quarters) > 400


def test_a_short_key_is_refused_in_words() -> None:
    with pytest.raises(CohortError) as caught:
        Deidentifier(b"secret")
    assert str(caught.value) == ("the key has 6 bytes; at least 32 are needed. Make one with `mmcare cohort new-key`.")


def test_the_key_is_not_shown_by_repr() -> None:
    assert repr(ONE.pseudonyms) == "Pseudonyms()"

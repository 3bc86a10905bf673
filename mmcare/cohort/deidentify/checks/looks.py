"""What a text looks like: a mail address, a phone number, a date, a person's name as DICOM writes it."""

from __future__ import annotations

import datetime
import re

__all__ = ["is_date", "is_person", "is_phone", "is_record_number", "is_state_number", "looks_like"]

_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.[A-Za-z]{2,24}", re.ASCII)
_CARET = re.compile(r"[^\W\d_][\w'-]{1,40}\^[^\W\d_][\w' -]*")
_COMMA = re.compile(r"[^\W\d_]+(?:[ '-][^\W\d_]+)?, ?[^\W\d_]+\.?(?:[ -][^\W\d_]+\.?)?")
_PHONE = re.compile(r"(?:\+|00|\(0?)\d[\d ()/.-]{6,20}\d|0\d{2,5}[ /-]\d[\d -]{4,12}\d", re.ASCII)
_STATE_NUMBER = re.compile(
    r"\d{3}-\d{2}-\d{4}|\d{3} \d{3} \d{4}|756\.\d{4}\.\d{4}\.\d{2}|\d{3}\.\d{3}\.\d{3}-\d{2}", re.ASCII
)
"""Social security (US, Switzerland), NHS, CPF."""
_RECORD_NUMBER = re.compile(r"\d{7,12}", re.ASCII)
_NEVER_BEFORE, _NEVER_AFTER = 1900, 2100
_DAY = re.compile(r"(?<![\d.])(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?![\d.]*\d)", re.ASCII)
_DAY_LAST = re.compile(r"(?<![\d.])(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?![\d.]*\d)", re.ASCII)
_EIGHT = re.compile(r"(?<!\d)(?<!\d\.)(\d{4})(\d{2})(\d{2})(?!\d|\.\d)", re.ASCII)


def looks_like(text: str, eight_digits: bool = True) -> str:
    """`a mail address`, `a person's name` or `a date`, where a text holds one; empty where none is seen.

    Args:
        text: Any text.
        eight_digits: Whether eight digits that make a day of this or the last century count as a date.
    """
    if _MAIL.search(text):
        return "a mail address"
    if _CARET.search(text):
        return "a person's name"
    if _day(_DAY, text, (1, 2, 3)) or _day(_DAY_LAST, text, (3, 2, 1)) or _day(_DAY_LAST, text, (3, 1, 2)):
        return "a date"
    return "a date" if eight_digits and _day(_EIGHT, text, (1, 2, 3)) else ""


def is_date(text: str, eight_digits: bool = False) -> bool:
    """Whether a text is a date and no more, or a date with a time."""
    return len(text) <= 32 and looks_like(text, eight_digits) == "a date"


def is_phone(text: str) -> bool:
    """Whether a text is written as phone numbers are."""
    return _PHONE.fullmatch(text) is not None


def is_state_number(text: str) -> bool:
    """Whether a text is written as numbers of a health service or of social security are."""
    return _STATE_NUMBER.fullmatch(text) is not None


def is_record_number(text: str) -> bool:
    """Whether a text is a number as long as hospitals give to their patients."""
    return _RECORD_NUMBER.fullmatch(text) is not None


def is_person(text: str) -> bool:
    """Whether a text has the form `Surname, First name` or `Surname^First name`."""
    return _COMMA.fullmatch(text) is not None or _CARET.fullmatch(text) is not None


def _day(form: re.Pattern[str], text: str, order: tuple[int, int, int]) -> bool:
    """Whether a match is a day of the calendar; `order` says which groups are year, month and day."""
    return any(_is_day(*(int(found[place]) for place in order)) for found in form.finditer(text))


def _is_day(year: int, month: int, day: int) -> bool:
    if not _NEVER_BEFORE <= year <= _NEVER_AFTER:
        return False
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True

"""New ids, new UIDs and shifted dates, all from one key: one key gives the same again, without it none leads back."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, field

from mmcare.errors import CohortError, Finding

__all__ = ["LEAST_KEY_BYTES", "LONGEST_SHIFT_DAYS", "SHORTEST_SHIFT_DAYS", "Pseudonyms", "is_new_id"]

LEAST_KEY_BYTES = 32
SHORTEST_SHIFT_DAYS, LONGEST_SHIFT_DAYS = 366, 3652
_FORMS = (
    (re.compile(r"(\d{4})([.-]?)(\d{2})\2(\d{2})", re.ASCII), (1, 3, 4)),
    (re.compile(r"(\d{1,2})(\.)(\d{1,2})\.(\d{4})", re.ASCII), (4, 3, 1)),
)
"""Forms of a date, and which groups are year, month and day; the second is what separates them."""
_MADE = re.compile(r"P-[A-Z2-7]{16}", re.ASCII)
_ID_LETTERS = 16  # of 32 each: 80 bits, so that a million patients share none
_DOMAIN = b"mmcare deidentify 1 "


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """What stands for a patient's id, a UID or a date.

    Args:
        key: At least 32 secret bytes. Who holds it can tell which patient a pseudonym is, by trying all ids.

    Raises:
        CohortError: The key is too short.

    Source:
        HMAC-SHA256 (RFC 2104, FIPS 180-4); UIDs under 2.25 as DICOM PS3.5 B.2 and RFC 9562 (version 8) have them.
    """

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < LEAST_KEY_BYTES:
            what = f"the key has {len(self.key)} bytes; at least {LEAST_KEY_BYTES} are needed."
            todo = "Make one with `mmcare cohort new-key`."
            raise CohortError(Finding(what=what, todo=todo, code="short-key"))

    def patient(self, patient: str) -> str:
        """The new id of a patient: fit for a file name, and of one case, so that no file system mixes two up."""
        letters = base64.b32encode(self._digest(b"patient", _plain(patient))).decode("ascii")
        return f"P-{letters[:_ID_LETTERS]}"

    def uid(self, uid: str) -> str:
        """The new UID, `2.25.` and the decimal form of a UUID."""
        number = int.from_bytes(self._digest(b"uid", _plain(uid))[:16], "big")
        number = number & ~(0xF << 76) | 0x8 << 76  # version 8: made by a rule of one's own
        number = number & ~(0x3 << 62) | 0x2 << 62
        return f"2.25.{number}"

    def shift_days(self, patient: str) -> int:
        """By how many days a patient's dates are moved: one to ten years into the past, so always below zero."""
        spread = LONGEST_SHIFT_DAYS - SHORTEST_SHIFT_DAYS + 1
        drawn = int.from_bytes(self._digest(b"shift", _plain(patient))[:8], "big") % spread
        return -(SHORTEST_SHIFT_DAYS + drawn)

    def date(self, date: str, patient: str) -> str | None:
        """A date moved by the patient's days, written as it was; None if it is no date.

        Read are `20080918`, `2008-09-18`, `2008.09.18`, and with points the day first, `18.09.2008`; `9/8/2008` is two
        days, and none.
        """
        text = date.strip()
        for form, order in _FORMS:
            if (found := form.fullmatch(text)) is not None:
                return _moved(found, order, self.shift_days(patient))
        return None

    def label(self, kind: str, text: str) -> str:
        """A short keyed name for any other text, such as a file that something was made of."""
        return self._digest(kind.encode(), _plain(text)).hex()[:16]

    def _digest(self, purpose: bytes, text: str) -> bytes:
        return hmac.new(
            self.key, _DOMAIN + purpose + b"\0" + text.encode("utf-8", "surrogateescape"), hashlib.sha256
        ).digest()


def _moved(found: re.Match[str], order: tuple[int, int, int], days: int) -> str | None:
    try:
        moved = datetime.date(*(int(found[place]) for place in order)) + datetime.timedelta(days)
    except (ValueError, OverflowError):
        return None
    parts = {order[0]: f"{moved.year:04d}", order[1]: f"{moved.month:02d}", order[2]: f"{moved.day:02d}"}
    return found[2].join(parts[place] for place in sorted(parts))


def is_new_id(patient: str) -> bool:
    """Whether an id has the form of those that a key gives."""
    return _MADE.fullmatch(patient.strip()) is not None


def _plain(text: str) -> str:
    """Without what DICOM pads with, and letters with accents in one form: one patient has one id."""
    return unicodedata.normalize("NFC", str(text).strip(" \0\t\r\n"))

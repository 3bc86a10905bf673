"""The treatment received, and the patients' ids: the columns that a table seems to hold them in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmcare.cohort.drafting.guess import todo
from mmcare.cohort.drafting.profile import Profile

__all__ = ["DraftedArms", "draft_arms", "find_id"]

_TREATMENT = r"arm|treatment|therapy|tx|rx|intervention|behandlung|therapie"
_OTHER = (
    r"adjuvant|neoadjuvant|neo|date|line|response|outcome|dose|prior|previous|intent|planned|time|days|months|age"
    r"|comment"
)
_MOST_ARMS = 6
_SAYS_NOTHING = {"yes", "no", "y", "n", "true", "false", "checked", "unchecked"}
_IDS = (
    r"(patient|pat|pt) ?(id|identifier|nr|no|number)|patientid|patient|pid",
    r"(case|subject|study|participant|record|person|pseudonym) ?(id|identifier|nr|no|number)?|usubjid|caseid|subjectid",
    r"id|identifier|pseudonym|kennung",
)
"""Names of ids, the surest first."""


@dataclass(frozen=True, slots=True)
class DraftedArms:
    """The treatment column, and each text of it with a name in words, or a TODO."""

    column: str
    values: Mapping[str, str]
    missing: tuple[str, ...]
    why: str


def draft_arms(columns: Sequence[Profile]) -> DraftedArms | None:
    """The treatment received; None where no column is named as one."""
    for column in columns:
        if column.kind != "category" or not 2 <= len(column.counts) <= _MOST_ARMS:
            continue
        if not re.search(rf"\b({_TREATMENT})\b", column.words) or re.search(rf"\b({_OTHER})\b", column.words):
            continue
        if {text.casefold() for text in column.counts} <= _SAYS_NOTHING:
            continue
        values = {text: _name(text, count) for text, count in column.counts.items()}
        said = ", ".join(f"{text} {count} times" for text, count in column.counts.items())
        return DraftedArms(column.name, values, column.missing, f"by its name; {said}")
    return None


def find_id(columns: Sequence[Profile]) -> tuple[str, str]:
    """The column of ids and what it was guessed from; a TODO where none can be told."""
    for pattern in _IDS:
        named = [c for c in columns if re.fullmatch(pattern, c.words) and c.kind != "empty"]
        named.sort(key=lambda c: not c.is_unique)
        if named:
            column = named[0]
            return column.name, f"by its name; {len(column.counts)} different ids in {len(column.cells)} rows"
    unique = [c for c in columns if c.is_unique and c.kind == "text" and max(map(len, c.cells)) <= 64]
    if len(unique) == 1:
        return unique[0].name, f"the only column of {len(unique[0].cells)} different texts"
    named_so = f" Different in each row: {', '.join(c.name for c in unique[:5])}." if unique else ""
    return todo(f"which column holds the patients' ids?{named_so}"), ""


def _name(text: str, count: int) -> str:
    if re.fullmatch(r"\d+(\.0)?", text):
        return todo(f"which treatment is {text}? ({count} patients)")
    return text

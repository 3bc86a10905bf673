"""What each column seems to be as an input: its type, unit, levels, and when it is known."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mmcare.cohort.drafting.profile import Profile
from mmcare.cohort.identifiers import identifying
from mmcare.cohort.known_after import known_after
from mmcare.cohort.units import measurement_named, unit_in_name

__all__ = ["DraftedColumn", "draft_column"]

_SITE = r"site|center|centre|hospital|institution|affiliation|clinic|scanner|klinik|zentrum"
_NO_SITE = r"tumou?r|primary|anatomic\w*|metasta\w*|disease|location"
_GENOMIC = (
    r"mut|cnv|cna|rnaseq|expr|expression|mutation|mutated|tmb|pdl1|pd l1|egfr|kras|alk|tp53|stk11|keap1|braf|ros1|fga"
    r"|translocation"
)
_CALENDAR = (1850, 2100)
_SPLIT = r"train|test|fold|split|set|is_train"


@dataclass(frozen=True, slots=True)
class DraftedColumn:
    """An entry of `columns`, or the reason why a column is not read.

    Attributes:
        name: The column.
        entry: What the dictionary says of it; empty where it is not read.
        why: What it was guessed from, or why it is not read.
        identifies: Whether it is left out because it identifies persons.
    """

    name: str
    entry: Mapping[str, object] = field(default_factory=dict)
    why: str = ""
    identifies: bool = False


def draft_column(column: Profile, unit: str = "", levels: Sequence[str] = ()) -> DraftedColumn:
    """The entry of one column that is neither id, treatment nor outcome.

    Args:
        column: What it looks like.
        unit: Its unit, where it is said elsewhere.
        levels: Its categories, where they are said elsewhere.
    """
    person = identifying(column.name)
    if person:
        return DraftedColumn(column.name, why=f"holds {person}, by its name", identifies=True)
    reason = _not_read(column)
    if reason:
        return DraftedColumn(column.name, why=reason)
    if _is_site(column):
        return DraftedColumn(
            column.name, {"type": "category", "role": "site"}, f"by its name; {len(column.counts)} different texts"
        )
    return _number(column, unit) if column.kind == "number" else _category(column, levels)


def _is_site(column: Profile) -> bool:
    """A hospital or scanner, in a few texts or whole numbers."""
    few = len(column.counts) <= len(column.cells) / 3 and bool((column.numbers == column.numbers.round()).all())
    named = re.search(rf"\b({_SITE})\b", column.words) and not re.search(rf"\b({_NO_SITE})\b", column.words)
    return few and named is not None


def _not_read(column: Profile) -> str:
    """Why a column is no input; empty where it may be one."""
    if not column.name:
        return "has no name"
    if column.kind == "empty":
        return "is empty"
    if column.kind == "date":
        return "holds dates; the time between two of them could be an input"
    if column.kind == "text":
        return f"holds {len(column.counts)} different texts, too many for a category"
    if len(column.counts) == 1:
        return f"holds `{next(iter(column.counts))[:30]}` in all rows that have a value"
    if re.fullmatch(_SPLIT, column.words):
        return "looks like somebody's split into training and test"
    return "looks like an outcome, by its name" if known_after(column.name) == "an outcome" else ""


def _number(column: Profile, unit: str) -> DraftedColumn:
    unit, why = (unit, "") if unit else _unit(column)
    said = f"{column.numbers.min():g} to {column.numbers.max():g}"
    entry: dict[str, object] = {"type": "number", "unit": unit} if unit else {"type": "number"}
    return _with_role(column, entry, "; ".join(part for part in (said, why, _missing(column)) if part))


def _category(column: Profile, levels: Sequence[str]) -> DraftedColumn:
    entry: dict[str, object] = {"type": "category", "levels": list(levels) or sorted(column.counts)}
    said = f"{len(column.counts)} different texts"
    return _with_role(column, entry, "; ".join(part for part in (said, _missing(column)) if part))


def _with_role(column: Profile, entry: dict[str, object], why: str) -> DraftedColumn:
    if re.search(rf"\b({_GENOMIC})\b", column.words):
        entry["role"] = "genomic"
    after = known_after(column.name)
    if after:
        entry["available_at"] = "after"
        why = f"by its name {after}; {why}"
    if column.missing:
        entry["missing"] = list(column.missing)
    return DraftedColumn(column.name, entry, why)


def _missing(column: Profile) -> str:
    return f"{column.n_missing} of {len(column.cells)} not known" if column.n_missing else ""


def _unit(column: Profile) -> tuple[str, str]:
    """The unit, by the column's name or its values, and what it was guessed from."""
    measured, named = measurement_named(column.name), unit_in_name(column.name)
    if named == "years" and _CALENDAR[0] <= float(column.numbers.min()) <= float(column.numbers.max()) <= _CALENDAR[1]:
        return "", "years of the calendar"
    if measured is None:
        return named, ""
    if named in measured.ranges:
        return named, ""
    low, high = float(column.numbers.min()), float(column.numbers.max())
    fits = [unit for unit, (least, most) in measured.ranges.items() if least <= low and high <= most]
    if not fits:
        middle = sorted(column.numbers)[len(column.numbers) // 2]
        fits = [unit for unit, (least, most) in measured.ranges.items() if least <= middle <= most]
    more = f"{' or '.join(fits[1:])} is possible, too" if len(fits) > 1 else ""
    return (fits[0] if fits else ""), more

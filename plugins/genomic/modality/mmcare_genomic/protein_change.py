"""The short form in which tumour panels write the change of a protein (HGVS p., one letter a residue).

A small grammar: missense, nonsense, frameshift, in-frame deletion, insertion, duplication, delins, extension, start
lost, silent, splice site. What it does not understand stays what it is, and is counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Kind", "ProteinChange", "parse_change"]


class Kind(StrEnum):
    """What a text says happened; each text is of exactly one kind."""

    SUBSTITUTION = "substitution"
    NONSENSE = "nonsense"
    FRAMESHIFT = "frameshift"
    DELETION = "in-frame deletion"
    INSERTION = "in-frame insertion"
    DUPLICATION = "duplication"
    DELINS = "deletion and insertion"
    EXTENSION = "stop lost"
    START_LOST = "start lost"
    SILENT = "silent"
    SPLICE = "splice site"
    NOT_GIVEN = "no protein change given"
    NOT_UNDERSTOOD = "not understood"


@dataclass(frozen=True, slots=True)
class ProteinChange:
    """A change as written.

    Attributes:
        text: As written.
        kind: What happened.
        start: 1-based position of the first residue changed; of an insertion, of the residue before it.
        end: Position of the last one; of an insertion, of the residue after it.
        residues: (position, residue) pairs that the text names of the reference; `*` is the stop.
        inserted: Residues put in, up to a stop, which is written `*`; empty where none or not said.
        tail: Of a frameshift or extension: the number after the last `*`; None where not said.
    """

    text: str
    kind: Kind
    start: int = 0
    end: int = 0
    residues: tuple[tuple[int, str], ...] = ()
    inserted: str = ""
    tail: int | None = None


_RESIDUE = "[ACDEFGHIKLMNPQRSTUVWY]"
_SITE = rf"(?P<first>{_RESIDUE})(?P<start>[1-9]\d*)"
_RANGE = rf"{_SITE}(?:_(?P<last>{_RESIDUE})(?P<end>[1-9]\d*))?"
_NEW = rf"(?P<new>(?:{_RESIDUE})*\*|{_RESIDUE}+)"
_TAIL = r"(?P<tail>[1-9]\d*|\?)"

_FORMS = tuple(
    (kind, re.compile(form, re.ASCII))
    for kind, form in (
        (Kind.SPLICE, rf"(?:{_RESIDUE}|X|\*)(?P<start>[1-9]\d*)_splice"),
        (Kind.START_LOST, rf"M1(?:\?|(?!M){_RESIDUE})"),
        (Kind.SILENT, rf"{_SITE}(?:=|(?P=first))"),
        (Kind.NONSENSE, rf"{_SITE}\*"),
        (Kind.SUBSTITUTION, rf"{_SITE}(?P<new>{_RESIDUE})"),
        (Kind.FRAMESHIFT, rf"{_SITE}(?P<new>{_RESIDUE})?fs(?:\*{_TAIL})?"),
        (Kind.DELETION, rf"{_RANGE}del"),
        (Kind.DUPLICATION, rf"{_RANGE}dup"),
        (Kind.DELINS, rf"{_RANGE}delins{_NEW}"),
        (Kind.INSERTION, rf"{_SITE}_(?P<last>{_RESIDUE})(?P<end>[1-9]\d*)ins{_NEW}"),
        (Kind.EXTENSION, rf"(?P<first>\*)(?P<start>[1-9]\d*)(?P<new>{_RESIDUE})(?:ext(?:\*{_TAIL})?)?"),
        # several residues in place of as many, as some callers write them: QE1252H*
        (Kind.DELINS, rf"(?P<several>{_RESIDUE}{{2,}})(?P<start>[1-9]\d*){_NEW}"),
    )
)


def parse_change(text: str) -> ProteinChange:
    """The change that a text says; `p.` in front and spaces around may be there or not.

    Never raises: a text outside the grammar is of kind `NOT_UNDERSTOOD`, an empty one `NOT_GIVEN`.

    Source: HGVS Nomenclature 21.0, recommendations for proteins; `_splice` and `X97` are cBioPortal's.

    Example:
        >>> parse_change("p.L858R").kind
        <Kind.SUBSTITUTION: 'substitution'>
    """
    short = text.strip().removeprefix("p.")
    if not short:
        return ProteinChange(text, Kind.NOT_GIVEN)
    for kind, form in _FORMS:
        found = form.fullmatch(short)
        if found is not None:
            return _change(text, kind, found.groupdict())
    return ProteinChange(text, Kind.NOT_UNDERSTOOD)


def _change(text: str, kind: Kind, parts: dict[str, str | None]) -> ProteinChange:
    start = int(parts.get("start") or 1)
    several = parts.get("several")
    end = start + len(several) - 1 if several else int(parts.get("end") or start)
    if end < start or (kind is Kind.INSERTION and end != start + 1):
        return ProteinChange(text, Kind.NOT_UNDERSTOOD)
    tail = parts.get("tail")
    return ProteinChange(
        text=text,
        kind=kind,
        start=start,
        end=end,
        residues=_residues(kind, start, end, parts),
        inserted=parts.get("new") or ("*" if kind is Kind.NONSENSE else ""),
        tail=int(tail) if tail and tail != "?" else None,
    )


def _residues(kind: Kind, start: int, end: int, parts: dict[str, str | None]) -> tuple[tuple[int, str], ...]:
    if kind is Kind.START_LOST:
        return ((1, "M"),)
    several, first, last = parts.get("several"), parts.get("first"), parts.get("last")
    if several:
        return tuple(enumerate(several, start))
    named = [(start, first), (end, last)]
    return tuple((position, residue) for position, residue in named if residue)

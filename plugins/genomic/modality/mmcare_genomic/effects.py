"""What a change makes of a reference sequence; or why that cannot be said."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mmcare_genomic.protein_change import Kind, ProteinChange

__all__ = ["Effect", "Unknown", "effect_of", "mismatch"]

UNKNOWN_RESIDUE = "X"
"""A residue that is there and not said; protein language models know the letter."""


class Unknown(StrEnum):
    """Why the effect of a change is unknown."""

    NO_REFERENCE = "no reference sequence of the gene"
    OTHER_FRAME = "another reading frame than the reference"
    OTHER_RESIDUE = "the reference has another residue there"
    BEYOND = "the position is beyond the protein"
    SPLICE = "a splice site"
    START_LOST = "the start is lost"
    NO_END = "where the new reading frame ends is not said"
    NOT_GIVEN = "no protein change given"
    NOT_UNDERSTOOD = "the protein change is not understood"


@dataclass(frozen=True, slots=True)
class Effect:
    """The mutated sequence (equal to the reference where the change is silent), or why there is none."""

    sequence: str | None
    unknown: Unknown | None = None


_BY_KIND = {
    Kind.SPLICE: Unknown.SPLICE,
    Kind.START_LOST: Unknown.START_LOST,
    Kind.NOT_GIVEN: Unknown.NOT_GIVEN,
    Kind.NOT_UNDERSTOOD: Unknown.NOT_UNDERSTOOD,
}


def effect_of(change: ProteinChange, reference: str | None, shift: int = 0) -> Effect:
    """The protein after a change.

    A stop ends it. Residues that a frameshift or an extension brings and the text does not name are written `X`.

    Args:
        change: The change.
        reference: Residues of the gene's protein; None where it is not known.
        shift: Added to every position, where the text counts on another isoform.
    """
    if change.kind in (Kind.NOT_GIVEN, Kind.NOT_UNDERSTOOD):
        return Effect(None, _BY_KIND[change.kind])
    if reference is None:
        return Effect(None, Unknown.NO_REFERENCE)
    wrong = mismatch(change, reference, shift)
    if wrong is not None:
        return Effect(None, wrong)
    if change.kind in _BY_KIND:
        return Effect(None, _BY_KIND[change.kind])
    start, end = change.start + shift, change.end + shift
    return _applied(change, reference, start, end)


def mismatch(change: ProteinChange, reference: str, shift: int = 0) -> Unknown | None:
    """`BEYOND` or `OTHER_RESIDUE` where the residues that the text names are not the reference's; else None."""
    with_stop = f"{reference}*"
    if change.start + shift < 1 or change.end + shift > len(with_stop):
        return Unknown.BEYOND
    here = all(with_stop[position + shift - 1] == residue for position, residue in change.residues)
    return None if here else Unknown.OTHER_RESIDUE


def _applied(change: ProteinChange, reference: str, start: int, end: int) -> Effect:
    before, after = reference[: start - 1], reference[end:]
    match change.kind:
        case Kind.SILENT:
            return Effect(reference)
        case Kind.FRAMESHIFT | Kind.EXTENSION:
            return _new_tail(change, before)
        case Kind.DUPLICATION:
            return Effect(reference[:end] + reference[start - 1 : end] + after)
        case Kind.INSERTION:
            before, after = reference[:start], reference[start:]
    inserted, stop, _ = change.inserted.partition("*")
    sequence = before + inserted + ("" if stop else after)
    return Effect(sequence) if sequence else Effect(None, Unknown.START_LOST)


def _new_tail(change: ProteinChange, before: str) -> Effect:
    """fs*N: the stop is residue N of the new frame. ext*N: it is residue N after the one that the old stop became."""
    if change.tail is None:
        return Effect(None, Unknown.NO_END)
    residues = change.tail - 1 + (1 if change.kind is Kind.EXTENSION else 0)
    sequence = before + (change.inserted + UNKNOWN_RESIDUE * residues)[:residues]
    return Effect(sequence) if sequence else Effect(None, Unknown.START_LOST)

"""Changes that count on another isoform than the reference: found by a shift that makes all of them agree."""

from __future__ import annotations

from collections.abc import Sequence

from mmcare_genomic.effects import mismatch
from mmcare_genomic.protein_change import ProteinChange

__all__ = ["suggested_shift"]

_FARTHEST = 100
_LEAST_SITES = 3
"""Of 200 shifts, one fits two sites by chance in every other gene (residues agree once in 17), and three once in 25."""


def suggested_shift(changes: Sequence[ProteinChange], reference: str) -> int | None:
    """The smallest number of residues to add to the positions of all `changes` so that each finds its residue.

    None where no shift of at most 100 does, or where the changes are of fewer than three sites: chance would do.
    """
    if len({change.start for change in changes}) < _LEAST_SITES:
        return None
    shifts = sorted(range(-_FARTHEST, _FARTHEST + 1), key=abs)
    return next((s for s in shifts if s and all(mismatch(change, reference, s) is None for change in changes)), None)

"""From what stands in each slot of each patient to a batch in which every distinct sequence is there once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmcare.components import SequenceBatch

__all__ = ["AS_REFERENCE", "NOT_TESTED", "UNKNOWN_EFFECT", "Cell", "replaced", "sequence_batch"]

NOT_TESTED, AS_REFERENCE, UNKNOWN_EFFECT = -1, -2, -3


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one slot of one patient.

    Attributes:
        sequences: (key, sequence) pairs.
        unknown: Whether something is there whose sequence is not known.
    """

    sequences: tuple[tuple[str, str], ...] = ()
    unknown: bool = False


def sequence_batch(rows: Tensor, cells: Sequence[Sequence[Cell | None]]) -> SequenceBatch:
    """The batch of b patients by N slots; None was not tested, an empty cell is as the reference."""
    place: dict[tuple[int, str], int] = {}
    keys: list[str] = []
    found: list[list[list[int]]] = []
    for patient in cells:
        found.append([])
        for slot, cell in enumerate(patient):
            found[-1].append(_codes(slot, cell, place, keys))
    width = max((len(codes) for patient in found for codes in patient), default=1)
    padded = [[codes + [NOT_TESTED] * (width - len(codes)) for codes in patient] for patient in found]
    index = torch.tensor(padded, dtype=torch.int64).reshape(len(cells), -1, width)
    return SequenceBatch(rows=rows, keys=tuple(keys), sequences=tuple(sequence for _, sequence in place), index=index)


def _codes(slot: int, cell: Cell | None, place: dict[tuple[int, str], int], keys: list[str]) -> list[int]:
    if cell is None:
        return [NOT_TESTED]
    codes = []
    for key, sequence in cell.sequences:
        if (slot, sequence) not in place:
            place[slot, sequence] = len(place)
            keys.append(key)
        codes.append(place[slot, sequence])
    codes = list(dict.fromkeys(codes)) + [UNKNOWN_EFFECT] * cell.unknown
    return codes or [AS_REFERENCE]


def replaced(own: SequenceBatch, keep: Tensor, other: SequenceBatch) -> SequenceBatch:
    """`own` with the slots that `keep (b, N)` does not name taken from `other`, row by row."""
    width = max(own.index.shape[2], other.index.shape[2])
    shifted = torch.where(other.index >= 0, other.index + len(own.keys), other.index)
    mine, theirs = (
        torch.nn.functional.pad(index, (0, width - index.shape[2]), value=NOT_TESTED) for index in (own.index, shifted)
    )
    return SequenceBatch(
        rows=own.rows,
        keys=(*own.keys, *other.keys),
        sequences=(*own.sequences, *other.sequences),
        index=torch.where(keep[..., None], mine, theirs),
    )

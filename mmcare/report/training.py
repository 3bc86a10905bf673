"""What the run keeps of its training patients: where the patient stands among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmcare.components import ModalityBatch
from mmcare.explain.background import Reference, read_reference
from mmcare.report.case import Case
from mmcare.report.part import Part

__all__ = ["Distribution", "KeptModality", "distribution", "kept_modalities", "kept_patients"]

BINS = 20
Value = float | str | None


class Distribution(Part):
    """One feature among the training patients.

    Attributes:
        measured: Patients of whom it is known. unknown: Patients of whom it is not.
        edges: Of a number, B+1 edges of bins. levels: Of a category.
        counts: Patients a bin or level.
        below: Share of them whose number is less than the patient's; None where that is not known, and of a category.
    """

    measured: int
    unknown: int
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    counts: tuple[int, ...]
    below: float | None = None


@dataclass(frozen=True)
class KeptModality:
    """The training patients' rows of one modality, and each row's values as a person would write them."""

    batch: ModalityBatch
    values: tuple[tuple[Value, ...], ...]

    def column(self, place: int) -> list[Value]:
        """One feature of all rows."""
        return [row[place] for row in self.values]


def kept_patients(case: Case) -> Reference:
    """The training patients that the run keeps.

    Raises:
        RunError: It was made without them, or the file is damaged.
    """
    return read_reference(case.run, case.inputs.layouts)


def kept_modalities(case: Case, reference: Reference) -> Mapping[str, KeptModality]:
    """Of each modality whose batches tell what was measured."""
    found = {}
    for name, batch in reference.inputs.items():
        values = case.inputs.modalities[name].read_back(batch, case.inputs.fitted[name])
        if values:
            found[name] = KeptModality(batch, values)
    return found


def distribution(column: Sequence[Value], own: Value, levels: Sequence[str]) -> Distribution | None:
    """Where a patient's value lies among the training patients'; None where none of them has one."""
    known = [value for value in column if value is not None]
    if not known:
        return None
    unknown = len(column) - len(known)
    if levels or any(isinstance(value, str) for value in known):
        return _levels(known, unknown, levels)
    return _numbers(np.array(known, dtype=np.float64), unknown, own)


def _levels(known: Sequence[Value], unknown: int, levels: Sequence[str]) -> Distribution:
    counts = Counter(map(str, known))
    names = tuple(levels) or tuple(sorted(counts))
    return Distribution(
        measured=len(known), unknown=unknown, levels=names, counts=tuple(counts[name] for name in names)
    )


def _numbers(known: np.ndarray, unknown: int, own: Value) -> Distribution:  # type: ignore[type-arg]
    counts, edges = np.histogram(known, bins=min(BINS, max(1, len(np.unique(known)))))
    below = float((known < own).mean()) if isinstance(own, int | float) else None
    return Distribution(
        measured=len(known), unknown=unknown, edges=tuple(edges.tolist()), counts=tuple(counts.tolist()), below=below
    )

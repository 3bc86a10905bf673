"""What is not known of whom: a strip a variable, a patient a column of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.cohort import Cohort
from mmcare.cohort.missingness import Missingness, missingness
from mmcare.workflow.cohort_page.arms import Arm
from mmcare.workflow.cohort_page.drawing import joined

__all__ = ["MissingPart", "Strip", "missing_part"]

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Strip:
    """One variable: what kind it is, the strip's `d`, and how many lack it of each arm."""

    name: str
    kind: str
    d: str
    lacking: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MissingPart:
    """The matrix.

    Attributes:
        strips: A variable each; patients run from left to right, by arm, then by what they lack.
        arms: In the order of the strips.
        bands: Of each arm, where its patients begin and how many they are.
        patients: How many there are.
        by_arm: How well the pattern tells the arms apart; None where it cannot be asked.
    """

    strips: tuple[Strip, ...]
    arms: tuple[Arm, ...]
    bands: tuple[tuple[Arm, int, int], ...]
    patients: int
    by_arm: Missingness | None


def missing_part(cohort: Cohort, arms: Sequence[Arm], lacks: Mapping[str, Flags]) -> MissingPart:
    """The matrix of columns, outcomes and modalities.

    Args:
        cohort: Whose table it is.
        arms: Its arms.
        lacks: Of each modality and mask, who lacks it (n,).
    """
    rows = [*_columns(cohort), *_outcomes(cohort), *((key, "modality", flags) for key, flags in lacks.items())]
    order, bands = _order(arms, [flags for _, _, flags in rows])
    strips = tuple(
        Strip(name, kind, joined(flags[order]), tuple(int(flags[arm.members].sum()) for arm in arms))
        for name, kind, flags in rows
    )
    return MissingPart(strips, tuple(arms), bands, len(order), _by_arm(cohort))


def _by_arm(cohort: Cohort) -> Missingness | None:
    entry = cohort.dictionary.arms
    held = entry is not None and entry.column in cohort.table_of(entry.column).columns
    return missingness(cohort) if held and set(cohort.dictionary.columns) <= set(cohort.table.columns) else None


def _columns(cohort: Cohort) -> Iterator[tuple[str, str, Flags]]:
    for name, entry in cohort.dictionary.columns.items():
        if name in cohort.table.columns:
            cells = cohort.table.column(name)
            kind = "predictor" if entry.role in ("predictor", "genomic") else entry.role
            yield name, kind, np.array([cell.strip() in ("", *entry.missing) for cell in cells], dtype=bool)


def _outcomes(cohort: Cohort) -> Iterator[tuple[str, str, Flags]]:
    rows = list(cohort.records())
    for name, entry in cohort.dictionary.endpoints.items():
        unknown = {"", *entry.missing}
        flags = [bool({row.get(entry.time, "").strip(), row.get(entry.event, "").strip()} & unknown) for row in rows]
        yield name, "outcome", np.array(flags, dtype=bool)


def _order(
    arms: Sequence[Arm], flags: Sequence[Flags]
) -> tuple[npt.NDArray[np.int64], tuple[tuple[Arm, int, int], ...]]:
    """Places of patients: by arm, and within it those who lack what many lack come last."""
    found: list[npt.NDArray[np.int64]] = []
    bands = []
    start = 0
    by_share = sorted(flags, key=lambda column: float(column.mean()) if len(column) else 0.0)
    for arm in arms:
        keys = [column[arm.members] for column in by_share]
        found.append(arm.members[np.lexsort(keys)] if keys else arm.members)
        bands.append((arm, start, len(arm.members)))
        start += len(arm.members)
    return np.concatenate(found), tuple(bands)

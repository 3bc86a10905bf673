"""Who received what, as the page groups patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.cohort import ALL, Cohort

__all__ = ["Arm", "arms_of"]


@dataclass(frozen=True, eq=False, slots=True)
class Arm:
    """One arm.

    Attributes:
        name: Its key in the dictionary.
        words: Its name in words.
        css: Class of its colour.
        members: (m,) places of its patients in the table.
    """

    name: str
    words: str
    css: str
    members: npt.NDArray[np.int64]


def arms_of(cohort: Cohort) -> tuple[Arm, ...]:
    """The arms in the dictionary's order, then those of whom it is not known; all patients where it names none."""
    entry = cohort.dictionary.arms
    if entry is None:
        return (Arm(ALL, "all patients", "arm0", np.arange(len(cohort.table))),)
    texts = np.array([row.get(entry.column, "").strip() for row in cohort.records()], dtype=object)
    arms = [
        Arm(name, words, f"arm{n % 6}", np.flatnonzero(texts == name))
        for n, (name, words) in enumerate(entry.values.items())
    ]
    unknown = np.flatnonzero(~np.isin(texts, list(entry.values)))
    return (*arms, Arm("", "treatment not known", "unknown", unknown)) if len(unknown) else tuple(arms)

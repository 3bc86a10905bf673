"""Which columns measure what decides who gets which arm: as the dictionary says, or by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mmcare.cohort.dictionary import ConfoundersEntry, Dictionary
from mmcare.cohort.units import words_of

__all__ = ["CONFOUNDERS", "Confounder", "confounders_of"]

_NAMED: Mapping[str, str] = {
    "operability": r"\b(in)?operab(le|ility)\b|\bmedically fit\b|\bfit for surgery\b",
    "lung_function": r"\bfev ?1?\b|\b(dlco|tlco|kco)\b|\bppo\b",
    "performance_status": r"\b(ecog|zubrod|who ps|kps|karnofsky)\b|\bperformance (status|score)\b",
    "comorbidity": r"\bcharlson\b|\bcci\b|\bace ?27\b|\bcomorbidity (index|score)\b",
    "frailty": r"\bfrail(ty)?\b|\bcfs\b|\bg8\b",
}
CONFOUNDERS = tuple(_NAMED)
"""The least that must be known where arms that were not randomised are compared in early-stage lung cancer."""


@dataclass(frozen=True, slots=True)
class Confounder:
    """One of the least that must be known.

    Attributes:
        name: `lung_function`.
        columns: That measure it, any of which will do.
        ruled_out: Whether the dictionary states that it decides nobody's arm.
    """

    name: str
    columns: tuple[str, ...]
    ruled_out: bool = False

    @property
    def words(self) -> str:
        """Its name as read."""
        return self.name.replace("_", " ")


def confounders_of(dictionary: Dictionary, columns: Iterable[str]) -> tuple[Confounder, ...]:
    """What measures each confounder among some columns, such as the inputs of a model.

    Args:
        dictionary: The cohort's.
        columns: Names.
    """
    names = list(columns)
    return tuple(_confounder(name, dictionary.confounders, names) for name in CONFOUNDERS)


def _confounder(name: str, entry: ConfoundersEntry, columns: list[str]) -> Confounder:
    stated: tuple[str, ...] | None = getattr(entry, name)
    if stated is not None:
        return Confounder(name, tuple(column for column in columns if column in stated), ruled_out=not stated)
    pattern = re.compile(_NAMED[name])
    return Confounder(name, tuple(column for column in columns if pattern.search(words_of(column))))

"""Which values a measurement of patients can have, by unit; what a number in the wrong unit looks like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["FACTORS", "Measurement", "measurement_named", "unit_in_name", "words_of"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measurement, and the values that nearly all patients have.

    Attributes:
        name: In words.
        ranges: Least and largest plausible value by unit; the first unit is the usual one.
    """

    name: str
    ranges: Mapping[str, tuple[float, float]]


_PERCENT = "% of predicted"
_KNOWN: tuple[tuple[str, Measurement], ...] = (
    (r"\bage\b|\balter\b", Measurement("age", {"years": (0, 110), "months": (216, 1380), "days": (6574, 42000)})),
    (
        r"\b(body )?height\b",
        Measurement("height", {"cm": (120, 220), "m": (1.2, 2.2), "inches": (47, 87), "mm": (1200, 2200)}),
    ),
    (r"\b(body )?weight\b", Measurement("weight", {"kg": (30, 250), "lbs": (66, 550), "g": (30000, 250000)})),
    (r"\bbmi\b|\bbody mass index\b", Measurement("body mass index", {"kg/m2": (10, 75)})),
    (r"\bfev ?1?\b", Measurement("FEV1", {_PERCENT: (8, 180), "l": (0.2, 7.5), "ml": (200, 7500)})),
    (r"\b(dlco|tlco|kco)\b", Measurement("diffusing capacity", {_PERCENT: (5, 180)})),
    (r"\bpack ?years?\b|\bpy\b", Measurement("pack-years", {"pack-years": (0, 500)})),
    (r"\bsuv ?(max|peak|mean)?\b", Measurement("SUV", {"SUV": (0, 100)})),
    (
        r"\b(tumou?r|ct|lesion|nodule) ?(size|diameter)\b|\b(tumou?r|lesion|nodule) (mm|cm)\b",
        Measurement("tumour size", {"mm": (2, 200), "cm": (0.2, 20)}),
    ),
    (r"\b(ecog|zubrod|who ps)\b", Measurement("ECOG performance status", {"points": (0, 5)})),
    (r"\bcharlson\b|\bcci\b", Measurement("Charlson index", {"points": (0, 37)})),
    (r"\b(kps|karnofsky)\b", Measurement("Karnofsky index", {"points": (0, 100)})),
    (r"\btmb\b|\bmutational burden\b", Measurement("tumour mutational burden", {"mutations/Mb": (0, 1000)})),
)
_PATTERNS = tuple((re.compile(pattern), measurement) for pattern, measurement in _KNOWN)
_UNITS = {
    **dict.fromkeys(("years", "year", "yrs", "yr"), "years"),
    **dict.fromkeys(("months", "month", "mo"), "months"),
    **dict.fromkeys(("weeks", "week", "wk"), "weeks"),
    **dict.fromkeys(("days", "day"), "days"),
    **{unit: unit for unit in ("cm", "mm", "kg", "ml", "gy", "mg")},
    **dict.fromkeys(("lbs", "lb"), "lbs"),
    **dict.fromkeys(("percent", "pct", "perc"), "%"),
}
FACTORS: tuple[tuple[float, str], ...] = (
    (10, "millimetres and centimetres"),
    (12, "months and years"),
    (30.44, "days and months"),
    (88.4, "µmol/l and mg/dl of creatinine"),
    (100, "centimetres and metres, or percent and fractions"),
    (365.25, "days and years"),
    (1000, "grams and kilograms, or millilitres and litres"),
)
"""How many times larger one unit's numbers are than the other's."""


def words_of(name: str) -> str:
    """The words of a column's name, in small letters, one space between them."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.sub(r"[\W_]+", " ", text).strip().casefold()


def measurement_named(name: str) -> Measurement | None:
    """What a column of this name measures, where that is known."""
    words = words_of(name)
    return next((measurement for pattern, measurement in _PATTERNS if pattern.search(words)), None)


def unit_in_name(name: str) -> str:
    """The unit that a column's name ends in or holds, such as `days`; empty where there is none."""
    if "%" in name:
        return "%"
    return next((_UNITS[word] for word in reversed(words_of(name).split()) if word in _UNITS), "")

"""Numbers that can be read and cannot be right: two units in one column, another unit than the dictionary's, dates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from mmcare.cohort.cohort import Cohort
from mmcare.cohort.dictionary import ColumnEntry
from mmcare.cohort.units import FACTORS, Measurement, measurement_named, unit_in_name, words_of
from mmcare.errors import Finding, Severity
from mmcare.formats.rows import counted, first_lines

__all__ = ["check_numbers"]

_LEAST = 10
"""Values below which two groups may be chance."""
_GAP, _NEAR = 3.0, 0.2
"""Times by which two groups lie apart at least; how far from a unit's factor, relatively."""
_SLACK = 0.1
"""Share of a plausible range by which a single value may lie outside of it: patients differ."""
_SERIALS = (20_000, 60_000)
"""Excel's numbers of the days from 1954 to 2064."""
_ORDINARY = 5_000
_DATES = {"date", "dob", "birth", "born", "datum"}


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The values of one column that are known: (n,), and the line of each."""

    cohort: Cohort
    name: str
    entry: ColumnEntry
    values: npt.NDArray[np.float64]
    lines: tuple[int, ...]

    def finding(self, what: str, todo: str, at: npt.NDArray[np.bool_] | None = None) -> Finding:
        first = None if at is None else int(np.flatnonzero(at)[0])
        return Finding(
            file=self.cohort.table_file,
            line=None if first is None else self.lines[first],
            key=self.name,
            value=None if first is None else f"{self.values[first]:g}",
            what=what,
            todo=todo,
            severity=Severity.WARNING,
            code="implausible",
        )

    def shown(self, at: npt.NDArray[np.bool_]) -> str:
        return first_lines([f"line {self.lines[n]} '{self.values[n]:g}'" for n in np.flatnonzero(at)])


def check_numbers(cohort: Cohort) -> Iterator[Finding]:
    """Warnings about columns of numbers; for each the first thing that explains its values."""
    for name, entry in cohort.dictionary.columns.items():
        if entry.type != "number" or entry.role == "other" or name not in cohort.table.columns:
            continue
        values, _ = cohort.table.numbers(name, entry.missing)
        known = np.isfinite(values)
        lines = tuple(line for line, is_known in zip(cohort.table.lines, known, strict=True) if is_known)
        numbers = _Numbers(cohort, name, entry, values[known], lines)
        if len(lines):
            yield from _first(numbers)


def _first(numbers: _Numbers) -> Iterator[Finding]:
    for check in (_serials, _two_units, _other_unit, _outside):
        found = check(numbers)
        if found is not None:
            yield found
            return


def _serials(numbers: _Numbers) -> Finding | None:
    """Dates that Excel turned into numbers: among ordinary values, or in a column that is named as a date."""
    values = numbers.values
    at = (values >= _SERIALS[0]) & (values < _SERIALS[1]) & (values == np.round(values))
    rest = values[~at]
    named = bool(_DATES & set(words_of(numbers.name).split()))
    if not at.any() or not (named or (len(rest) > at.sum() and np.abs(rest).max() < _ORDINARY)):
        return None
    first = date(1899, 12, 30) + timedelta(days=int(values[at][0]))
    among = f", among values from {rest.min():g} to {rest.max():g}" if len(rest) else ""
    what = (
        f"{counted(int(at.sum()), 'cell')} look like dates as Excel numbers them{among} "
        f"({numbers.shown(at)}; the first would be {first.isoformat()})."
    )
    return numbers.finding(what, "Write the number that was meant, such as the time between two dates.", at)


def _two_units(numbers: _Numbers) -> Finding | None:
    """Two groups far apart whose medians differ by the factor between two units."""
    order = np.sort(numbers.values[numbers.values > 0])
    if len(order) < _LEAST:
        return None
    place = int(np.argmax(order[1:] / order[:-1])) + 1
    low, high = order[:place], order[place:]
    gap, spread = high[0] / low[-1], max(low[-1] / low[0], high[-1] / high[0])
    ratio = float(np.median(high) / np.median(low))
    factor, units = min(FACTORS, key=lambda known: abs(np.log(ratio / known[0])))
    if abs(ratio / factor - 1) > _NEAR or gap < max(_GAP, spread) or min(len(low), len(high)) < 2:
        return None
    smaller = low if len(low) <= len(high) else high
    at = np.isin(numbers.values, smaller)
    what = (
        f"holds two groups, {len(low)} values from {low[0]:g} to {low[-1]:g} and {len(high)} from {high[0]:g} to "
        f"{high[-1]:g}, as {units} would be ({numbers.shown(at)})."
    )
    return numbers.finding(what, "Write all of the column in one unit.", at)


def _other_unit(numbers: _Numbers) -> Finding | None:
    """A column whose middle is not plausible in the unit that the dictionary names, and is in another."""
    measured, unit = measurement_named(numbers.name), numbers.entry.unit
    named = unit_in_name(numbers.name)
    middle = float(np.median(numbers.values))
    if measured is None or unit not in measured.ranges:
        return None
    low, high = measured.ranges[unit]
    if low <= middle <= high:
        return None
    others = [other for other, (a, b) in measured.ranges.items() if other != unit and a <= middle <= b]
    suspected = named if named in others else others[0] if others else ""
    looks = f": they look like {suspected}" if suspected else ""
    what = (
        f"values from {numbers.values.min():g} to {numbers.values.max():g} with the unit `{unit}` "
        f"(plausible for {measured.name}: {low:g} to {high:g}){looks}."
    )
    return numbers.finding(what, "Convert the column, or correct its `unit` in cohort.yaml.")


def _outside(numbers: _Numbers) -> Finding | None:
    """Single values that no patient has."""
    measured, unit = measurement_named(numbers.name), numbers.entry.unit
    if measured is None or unit not in measured.ranges:
        return None
    low, high = measured.ranges[unit]
    beyond = _SLACK * (high - low)
    at = (numbers.values < low - beyond) | (numbers.values > high + beyond)
    if not at.any():
        return None
    meant = _meant(measured, unit, float(numbers.values[at][0]))
    what = (
        f"{counted(int(at.sum()), 'value')} far outside {low:g} to {high:g} {unit}, where {measured.name} is plausible "
        f"({numbers.shown(at)}){meant}."
    )
    return numbers.finding(what, "Correct the cells, or leave them empty.", at)


def _meant(measured: Measurement, unit: str, value: float) -> str:
    other = next((u for u, (low, high) in measured.ranges.items() if u != unit and low <= value <= high), "")
    return f"; the first may be in {other}" if other else ""

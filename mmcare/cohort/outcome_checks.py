"""Checks of treatment and outcome cells: codes, times, and what looks inverted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from mmcare.cohort.cohort import Cohort
from mmcare.cohort.dictionary import YEARS_IN, EndpointEntry
from mmcare.cohort.split import LEAST_PATIENTS
from mmcare.cohort.units import unit_in_name
from mmcare.errors import Finding, Severity, cut

__all__ = ["check_arms", "check_endpoints"]

_LONGEST_YEARS = 60
"""Longer than anybody is followed after a treatment for lung cancer."""
_MANY_EVENTS, _LATER = 0.6, 1.5
"""Share of events, and how many times later they come than censoring, from which on codes look inverted."""


def check_arms(cohort: Cohort) -> Iterator[Finding]:
    """Cells of the treatment column that name no arm; an empty cell is an unknown treatment."""
    entry = cohort.dictionary.arms
    if entry is None:
        return
    wrong = _cells(cohort, entry.column, lambda text: text in ("", *entry.missing) or text in entry.values)
    if wrong:
        allowed = ", ".join(entry.values)
        what = f"{_where(wrong)}: no such arm; the dictionary names: {allowed}."
        yield _finding(cohort, entry.column, what, "Correct the cells, or add the arm to `arms.values`.", wrong)
    for arm in entry.values:
        if arm not in {row[entry.column].strip() for row in cohort.records()}:
            what = f"nobody received `{arm}`, which the dictionary names."
            yield _finding(cohort, entry.column, what, "", severity=Severity.WARNING)


def check_endpoints(cohort: Cohort) -> Iterator[Finding]:
    """Cells of time and event columns, then what the endpoint as a whole looks like."""
    for name, entry in cohort.dictionary.endpoints.items():
        found = [*_times(cohort, entry), *_codes(cohort, name, entry)]
        yield from found
        if not any(finding.severity is Severity.ERROR for finding in found):
            yield from _whole(cohort, name, entry)


def _times(cohort: Cohort, entry: EndpointEntry) -> Iterator[Finding]:
    wrong = _cells(cohort, entry.time, lambda text: text in ("", *entry.missing) or _number(text) is not None)
    if wrong:
        yield _finding(
            cohort, entry.time, f"{_where(wrong)}: not a number.", "Write a number, or leave it empty.", wrong
        )
    early = _cells(cohort, entry.time, lambda text: text in entry.missing or _is_positive(text))
    if early:
        what = f"{_where(early)}: a time is counted from the treatment decision and is greater than 0."
        yield _finding(cohort, entry.time, what, "Correct these patients' dates, or leave the cell empty.", early)


def _is_positive(text: str) -> bool:
    """Of a time; what is no number is complained of elsewhere."""
    value = _number(text)
    return value is None or value > 0


def _codes(cohort: Cohort, name: str, entry: EndpointEntry) -> Iterator[Finding]:
    wrong = _cells(
        cohort, entry.event, lambda text: text in ("", *entry.missing) or text.removesuffix(".0") in entry.codes
    )
    if not wrong:
        return
    counts = Counter(cell.text for cell in wrong)
    said = ", ".join(f"`{cut(code, 20)}` ({count} times)" for code, count in counts.most_common(5))
    named = ", ".join(f"{code}: {meaning}" for code, meaning in entry.codes.items())
    todo = f"Say what each code means in `endpoints.{name}.codes`, such as {{{_suggested(counts)}}}."
    yield _finding(cohort, entry.event, f"codes {said} have no meaning; the dictionary has {{{named}}}.", todo, wrong)


def _suggested(counts: Counter[str]) -> str:
    codes = sorted(counts)
    return "1: censored, 2: event" if "2" in codes else "0: censored, 1: event, 2: competing"


def _whole(cohort: Cohort, name: str, entry: EndpointEntry) -> Iterator[Finding]:
    """Warnings about an endpoint whose every cell can be read."""
    known = [(t, e) for t, e in _pairs(cohort, entry) if t is not None and e]
    times = [t for t, _ in known]
    if len(times) < LEAST_PATIENTS:
        what = f"`{name}` is known of {len(times)} patients; to train needs at least {LEAST_PATIENTS}."
        yield _finding(cohort, entry.time, what, "Bring more patients.", severity=Severity.WARNING)
    if len(set(times)) == 1 and len(times) > 1:
        what = f"all {len(times)} times are {times[0]:g} {entry.unit}."
        yield _finding(cohort, entry.time, what, "Check the column.", severity=Severity.WARNING)
    yield from _unit(cohort, name, entry, times)
    yield from _horizons(cohort, name, entry, times)
    yield from _inverted(cohort, name, entry, known)
    for arm, codes in _by_arm(cohort, entry).items():
        events = sum(code == "event" for code in codes)
        if codes and events == 0:
            what = f"arm `{arm}` has no event of `{name}` among {len(codes)} patients: nothing can be learned of it."
            yield _finding(cohort, entry.event, what, "", severity=Severity.WARNING)
        if len(codes) > 10 and "censored" not in codes:
            what = f"nobody of the {len(codes)} patients under `{arm}` is censored for `{name}`."
            yield _finding(
                cohort, entry.event, what, "Check whether the codes are inverted.", severity=Severity.WARNING
            )


def _unit(cohort: Cohort, name: str, entry: EndpointEntry, times: list[float]) -> Iterator[Finding]:
    """A unit that the column's name or its longest time contradicts."""
    named = unit_in_name(entry.time)
    years = max(times, default=0.0) * YEARS_IN[entry.unit]
    if named in YEARS_IN and named != entry.unit:
        what = f"is named as {named}, and `endpoints.{name}.unit` is {entry.unit}."
    elif years > _LONGEST_YEARS:
        what = f"the longest time is {max(times):g} {entry.unit}: nobody is followed for {years:,.0f} years."
    else:
        return
    yield _finding(cohort, entry.time, what, f"Correct `endpoints.{name}.unit`.", severity=Severity.WARNING)


def _horizons(cohort: Cohort, name: str, entry: EndpointEntry, times: list[float]) -> Iterator[Finding]:
    """Horizons at which nobody is followed any more."""
    years = max(times, default=math.inf) * YEARS_IN[entry.unit]
    beyond = [f"{horizon:g}" for horizon in entry.horizons if horizon > years]
    if beyond:
        what = f"`{name}` is to be reported at {', '.join(beyond)} years, the longest time is {years:.3g} years: 0 are "
        todo = f"Take {'it' if len(beyond) == 1 else 'them'} out of `endpoints.{name}.horizons`."
        yield _finding(cohort, entry.time, f"{what}at risk there.", todo, severity=Severity.WARNING)


def _inverted(cohort: Cohort, name: str, entry: EndpointEntry, known: list[tuple[float, str]]) -> Iterator[Finding]:
    """Censoring taken for events: most patients have one, and they come far later than what is called censored."""
    events = [t for t, e in known if e == "event"]
    censored = [t for t, e in known if e == "censored"]
    if not censored or len(events) <= _MANY_EVENTS * len(known) or len(known) < LEAST_PATIENTS:
        return
    late, early = median(events), median(censored)
    if late > _LATER * early:
        what = (
            f"{len(events)} of {len(known)} patients have the event of `{name}`, in the median after {late:.3g} "
            f"{entry.unit}, later than the {len(censored)} censored ({early:.3g}): the codes may be inverted."
        )
        todo = f"If they are, swap them in `endpoints.{name}.codes`."
        yield _finding(cohort, entry.event, what, todo, severity=Severity.WARNING)


def _pairs(cohort: Cohort, entry: EndpointEntry) -> Iterator[tuple[float | None, str]]:
    for row in cohort.records():
        time, code = row[entry.time].strip(), row[entry.event].strip().removesuffix(".0")
        yield None if time in entry.missing else _number(time), entry.codes.get(code, "")


def _by_arm(cohort: Cohort, entry: EndpointEntry) -> Mapping[str, list[str]]:
    arms = cohort.dictionary.arms
    groups: dict[str, list[str]] = {arm: [] for arm in cohort.arms}
    for row, (_, code) in zip(cohort.records(), _pairs(cohort, entry), strict=True):
        arm = row[arms.column].strip() if arms is not None else cohort.arms[0]
        if code and arm in groups:
            groups[arm].append(code)
    return groups


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell that is not fine: its line, whose it is, and its text."""

    line: int
    patient: str
    text: str


def _cells(cohort: Cohort, column: str, fine: Callable[[str], bool]) -> list[_Cell]:
    """The cells that are not fine."""
    table, d = cohort.table_of(column), cohort.dictionary
    of_outcomes = d.outcomes is not None and table is cohort.outcomes_table
    patients = table.column(d.outcomes.id if of_outcomes and d.outcomes is not None else d.patients.id)
    cells = zip(table.lines, patients, table.column(column), strict=True)
    return [_Cell(line, patient, text.strip()) for line, patient, text in cells if not fine(text.strip())]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _where(cells: list[_Cell]) -> str:
    shown = ", ".join(f"`{cut(c.text, 20)}` in line {c.line} (patient {cut(c.patient, 20)})" for c in cells[:3])
    return f"{shown} and {len(cells) - 3} more" if len(cells) > 3 else shown


def _finding(
    cohort: Cohort,
    column: str,
    what: str,
    todo: str,
    cells: list[_Cell] | None = None,
    severity: Severity = Severity.ERROR,
) -> Finding:
    line, value = (cells[0].line, cut(cells[0].text)) if cells else (None, None)
    file = cohort.table_of(column).file
    return Finding(file=file, line=line, key=column, value=value, what=what, todo=todo, severity=severity)

"""Each endpoint by arm: Kaplan-Meier, or Aalen-Johansen where another event can come first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.cohort import Cohort
from mmcare.cohort.cohort import outcome_of
from mmcare.cohort.dictionary import EndpointEntry
from mmcare.survival import StepCurve, aalen_johansen, kaplan_meier, reverse_kaplan_meier
from mmcare.workflow.cohort_page.arms import Arm
from mmcare.workflow.cohort_page.drawing import Chart, Path, Scale, Tick, Words, area, steps

__all__ = ["ArmOutcome", "EndpointPart", "Estimate", "endpoint_parts"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM, _ROW = 420, 72, 408, 14, 214, 16


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known at one horizon.

    Attributes:
        horizon: Years.
        value: Probability; NaN beyond the follow-up.
        lower: 95 % limit; NaN where there is none.
        upper: 95 % limit; NaN where there is none.
        at_risk: Patients whose time is not earlier.
    """

    horizon: float
    value: float
    lower: float
    upper: float
    at_risk: int


@dataclass(frozen=True, slots=True)
class ArmOutcome:
    """An endpoint in one arm.

    Attributes:
        arm: The arm.
        n: Patients whose outcome is known.
        events: How many of them had the event.
        competing: How many had another event first.
        unknown: Patients whose time or event is not known.
        unusable: Patients whose time or code is no time or code; findings name them.
        follow_up: Median follow-up in years by the reverse Kaplan-Meier; NaN where it is not reached.
        estimates: One a horizon.
    """

    arm: Arm
    n: int
    events: int
    competing: int
    unknown: int
    unusable: int
    follow_up: float
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True, slots=True)
class EndpointPart:
    """An endpoint of the page; `chart` is None where nothing of it is known."""

    name: str
    estimand: str
    competing: bool
    arms: tuple[ArmOutcome, ...]
    chart: Chart | None


@dataclass(frozen=True, slots=True)
class _Observed:
    """Times in years and codes of one arm's patients whose outcome is known."""

    arm: Arm
    time: Floats
    event: Ints
    unknown: int
    unusable: int


def endpoint_parts(cohort: Cohort, arms: Sequence[Arm]) -> tuple[EndpointPart, ...]:
    """Every endpoint of the dictionary."""
    rows = list(cohort.records())
    return tuple(_part(name, entry, rows, arms) for name, entry in cohort.dictionary.endpoints.items())


def _part(name: str, entry: EndpointEntry, rows: Sequence[Mapping[str, str]], arms: Sequence[Arm]) -> EndpointPart:
    observed = [_observed(entry, rows, arm) for arm in arms]
    known = [o for o in observed if len(o.time)]
    estimand = f"cumulative incidence of {name}" if entry.competing else f"probability to be free of {name}"
    outcomes = tuple(_outcome(o, entry) for o in observed)
    return EndpointPart(name, estimand, entry.competing, outcomes, _chart(estimand, known, entry) if known else None)


def _observed(entry: EndpointEntry, rows: Sequence[Mapping[str, str]], arm: Arm) -> _Observed:
    """What does not count as a time or code is left out and counted: findings name it."""
    pairs, unknown, unusable = [], 0, 0
    for place in arm.members:
        try:
            time, event = outcome_of(entry, rows[place])
        except (KeyError, ValueError):
            unusable += 1
            continue
        if np.isnan(time):
            unknown += 1
        elif not np.isfinite(time) or time < 0:
            unusable += 1
        else:
            pairs.append((time, event))
    time_and_event = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return _Observed(arm, time_and_event[:, 0], time_and_event[:, 1].astype(np.int64), unknown, unusable)


def _outcome(o: _Observed, entry: EndpointEntry) -> ArmOutcome:
    events, competing = int((o.event == 1).sum()), int((o.event == 2).sum())
    n = len(o.time)
    if not n:
        return ArmOutcome(o.arm, 0, 0, 0, o.unknown, o.unusable, np.nan, ())
    estimates = tuple(_estimates(o, entry))
    return ArmOutcome(o.arm, n, events, competing, o.unknown, o.unusable, _follow_up(o), estimates)


def _estimates(o: _Observed, entry: EndpointEntry) -> Iterator[Estimate]:
    horizons = np.array(entry.horizons)
    none = np.full(len(horizons), np.nan)
    if entry.competing:
        values, lower, upper = aalen_johansen(o.time, o.event).at(horizons), none, none
    else:
        km = kaplan_meier(o.time, o.event)
        band = km.band(horizons)
        values, lower, upper = km.curve.at(horizons), band.lower, band.upper
    for at, value, low, high in zip(horizons, values, lower, upper, strict=True):
        yield Estimate(float(at), float(value), float(low), float(high), int((o.time >= at).sum()))


def _follow_up(o: _Observed) -> float:
    curve = reverse_kaplan_meier(o.time, o.event)
    below = np.flatnonzero(curve.values <= 0.5)
    return float(curve.times[below[0]]) if len(below) else float("nan")


def _chart(estimand: str, known: Sequence[_Observed], entry: EndpointEntry) -> Chart:
    end = max(float(o.time.max()) for o in known)
    curves = [path for o in known for path in _curves(o, entry)]
    highest = max((float(curve.values.max()) for _, curve in curves), default=0.0) if entry.competing else 1.0
    x = Scale(0, end, _LEFT, _RIGHT)
    y = Scale(0, min(1.0, max(0.05, highest * 1.1)), _BOTTOM, _TOP)
    bands = [] if entry.competing else [_band(o, x, y) for o in known]
    lines = [
        Path(steps(c.times, c.values, c.start, c.support, x, y), f"line {css} {o_css}", "")
        for (o_css, css), c in curves
    ]
    height = _BOTTOM + 50 + _ROW * len(known)
    label = f"{estimand} by arm over {end:.3g} years; the table below gives the numbers"
    return Chart(
        label,
        _WIDTH,
        height,
        (_LEFT, _TOP, _RIGHT, _BOTTOM),
        x_ticks=x.ticks(6),
        y_ticks=tuple(Tick(tick.at, tick.label) for tick in y.ticks(5)),
        paths=(*bands, *lines),
        words=tuple(_at_risk(known, x)),
    )


def _curves(o: _Observed, entry: EndpointEntry) -> Iterator[tuple[tuple[str, str], StepCurve]]:
    if not entry.competing:
        yield (o.arm.css, ""), kaplan_meier(o.time, o.event).curve
        return
    yield (o.arm.css, ""), aalen_johansen(o.time, o.event, cause=1)
    yield (o.arm.css, "other"), aalen_johansen(o.time, o.event, cause=2)


def _band(o: _Observed, x: Scale, y: Scale) -> Path:
    km = kaplan_meier(o.time, o.event)
    limits = km.band(km.curve.times)
    return Path(area(km.curve.times, limits.lower, limits.upper, km.curve.support, x, y), f"band {o.arm.css}")


def _at_risk(known: Sequence[_Observed], x: Scale) -> Iterator[Words]:
    yield Words((_LEFT + _RIGHT) / 2, _BOTTOM + 32, "years; below: patients at risk", "middle")
    for row, o in enumerate(known):
        height = _BOTTOM + 50 + _ROW * row
        yield Words(_LEFT - 18, height, _short(o.arm), f"end {o.arm.css}")
        for tick in x.ticks(6):
            yield Words(tick.at, height, str(int((o.time >= float(tick.label)).sum())), f"middle {o.arm.css}")


def _short(arm: Arm) -> str:
    name = arm.name or "?"
    return name if len(name) <= 8 else f"{name[:7]}…"

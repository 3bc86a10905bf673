"""Figures as a page of text: a table for each endpoint and arm, a row a horizon; each reason said once, below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mmcare.evaluation.definitions import HEADLINE, definition
from mmcare.evaluation.metrics import AND, Figure, Metrics

__all__ = ["ArmTable", "Cell", "Row", "Tables", "metric_tables"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure: `value`, or `-` where there is none, and its 95 % interval, or nothing."""

    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class Row:
    """One horizon: `-` for what cannot be counted. `notes` are the marks of the reasons below the tables."""

    year: str
    events: str
    at_risk: str
    cells: tuple[Cell, ...]
    notes: str


@dataclass(frozen=True, slots=True)
class ArmTable:
    """One endpoint in one arm: its patients, the metrics of the columns, a row a horizon."""

    endpoint: str
    arm: str
    patients: int
    metrics: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Tables:
    """What is printed of the figures of a run.

    Attributes:
        arms: A table for each endpoint and arm.
        notes: By mark, why a figure is not there, or what else is to be known of it.
        definitions: By metric, what it is.
    """

    arms: tuple[ArmTable, ...]
    notes: tuple[tuple[str, str], ...]
    definitions: tuple[tuple[str, str], ...]


def metric_tables(metrics: Metrics, shown: Sequence[str] = HEADLINE) -> Tables:
    """The figures of the metrics `shown`, in the order of `metrics`; what has no patient is left out."""
    figures = [figure for figure in metrics.figures if figure.metric in shown]
    notes = _Notes()
    keys = dict.fromkeys((figure.endpoint, figure.arm) for figure in figures if figure.patients)
    arms = [_arm_table([f for f in figures if (f.endpoint, f.arm) == key], notes) for key in keys]
    names = dict.fromkeys(name for arm in arms for name in arm.metrics)
    return Tables(tuple(arms), notes.all(), tuple((name, definition(name)) for name in names))


class _Notes:
    """A number for each reason, in the order in which they come up."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}

    def marks(self, reasons: Iterable[str]) -> str:
        """`[1,3]`, rising; empty without a reason."""
        numbers = sorted(self._of.setdefault(reason, len(self._of) + 1) for reason in reasons)
        return f"[{','.join(map(str, numbers))}]" if numbers else ""

    def all(self) -> tuple[tuple[str, str], ...]:
        return tuple((f"[{n}]", reason) for reason, n in self._of.items())


def _arm_table(figures: Sequence[Figure], notes: _Notes) -> ArmTable:
    names = tuple(dict.fromkeys(figure.metric for figure in figures))
    horizons = dict.fromkeys(figure.horizon for figure in figures)
    rows = [_row([f for f in figures if f.horizon == horizon], names, notes) for horizon in horizons]
    first = figures[0]
    return ArmTable(first.endpoint, first.arm, max(f.patients for f in figures), names, tuple(rows))


def _row(figures: Sequence[Figure], names: Sequence[str], notes: _Notes) -> Row:
    of = {figure.metric: figure for figure in figures}
    cells = tuple(_cell(of[name]) if name in of else Cell("", "") for name in names)
    first = figures[0]
    counts = (str(first.events), str(first.at_risk)) if first.patients else ("-", "-")
    return Row(f"{first.horizon:g}", *counts, cells, notes.marks(_reasons(figures)))


def _reasons(figures: Sequence[Figure]) -> Iterable[str]:
    """Each reason once, with the figures that it is of where it is not of all."""
    of: dict[str, list[str]] = {}
    for figure in figures:
        for reason in filter(None, figure.reason.split(AND)):
            of.setdefault(reason, []).append(figure.metric)
    for reason, names in of.items():
        yield reason if len(names) == len(figures) else f"{', '.join(names)}: {reason}"


def _cell(figure: Figure) -> Cell:
    if figure.value is None:
        return Cell("-", "")
    if figure.lower is None or figure.upper is None:
        return Cell(_number(figure.value, 3), "")
    lower, upper = _number(figure.lower, 2), _number(figure.upper, 2)
    between = " to " if lower.startswith("-") else "-"  # 0.55-0.88, but -0.20 to 0.15
    return Cell(_number(figure.value, 3), f"{lower}{between}{upper}")


def _number(value: float, places: int) -> str:
    """Fixed point; what rounds to 0 has no sign."""
    text = f"{value:.{places}f}"
    return text.lstrip("-") if float(text) == 0 else text

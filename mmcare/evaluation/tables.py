"""Figures as rows of text."""

from __future__ import annotations

from collections.abc import Collection

from mmcare.evaluation.definitions import HEADLINE, definition
from mmcare.evaluation.metrics import Figure, Metrics

__all__ = ["definition_rows", "table_rows"]

_HEADER = ("endpoint", "arm", "year", "metric", "value (95 % interval)", "patients", "events", "at risk", "")


def table_rows(metrics: Metrics, shown: Collection[str] = HEADLINE) -> list[tuple[str, ...]]:
    """A header, then a row a figure of the metrics `shown`."""
    return [_HEADER, *(_row(figure) for figure in metrics.figures if figure.metric in shown)]


def definition_rows(metrics: Metrics, shown: Collection[str] = HEADLINE) -> list[tuple[str, str]]:
    """The metrics of `table_rows` and what each is, in the order of the table: to be printed under it."""
    names = dict.fromkeys(figure.metric for figure in metrics.figures if figure.metric in shown)
    return [(name, definition(name)) for name in names]


def _row(figure: Figure) -> tuple[str, ...]:
    return (
        figure.endpoint,
        figure.arm,
        f"{figure.horizon:g}",
        figure.metric,
        _value(figure),
        str(figure.patients),
        str(figure.events),
        str(figure.at_risk),
        figure.reason,
    )


def _value(figure: Figure) -> str:
    if figure.value is None:
        return "-"
    if figure.lower is None or figure.upper is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} ({figure.lower:.3f} to {figure.upper:.3f})"

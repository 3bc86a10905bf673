"""Figures as rows of text."""

from __future__ import annotations

from mmcare.evaluation.metrics import Figure, Metrics

__all__ = ["table_rows"]

_HEADER = ("endpoint", "arm", "year", "metric", "value (95 % interval)", "patients", "events", "at risk", "")


def table_rows(metrics: Metrics) -> list[tuple[str, ...]]:
    """A header, then a row a figure."""
    return [_HEADER, *(_row(figure) for figure in metrics.figures)]


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

"""The figures of the evaluation as a table: a row an endpoint, horizon and arm, a column a metric."""

from __future__ import annotations

from dataclasses import dataclass

from mmcare.evaluation import ALL_ARMS
from mmcare.report.card import CardFigure
from mmcare.report.data import ReportData
from mmcare.report.numbers import decimals
from mmcare.report.part import Missing

__all__ = ["METRICS", "PerformanceCell", "PerformanceRow", "performance_rows"]

METRICS = ("C", "AUC", "Brier", "IPA", "O/E")


@dataclass(frozen=True, slots=True)
class PerformanceCell:
    """A figure to two digits, and its interval."""

    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class PerformanceRow:
    """One endpoint at one horizon under one arm."""

    name: str
    horizon: float
    arm: str
    cells: tuple[PerformanceCell | None, ...]
    patients: int
    events: int


def performance_rows(data: ReportData) -> list[PerformanceRow]:
    """All rows of which at least one metric could be computed; empty where nothing was evaluated."""
    if isinstance(data.card.performance, Missing):
        return []
    groups: dict[tuple[str, float, str], dict[str, CardFigure]] = {}
    for figure in data.card.performance.figures:
        if figure.metric in METRICS:
            groups.setdefault((figure.endpoint, figure.horizon, figure.arm), {})[figure.metric] = figure
    names = {endpoint.key: endpoint.name for endpoint in data.endpoints}
    arms = {ALL_ARMS: "all treatments", **{arm.key: arm.name for arm in data.arms}}
    return [
        PerformanceRow(
            name=names.get(endpoint, endpoint),
            horizon=horizon,
            arm=arms.get(arm, arm),
            cells=tuple(_cell(found[metric]) if metric in found else None for metric in METRICS),
            patients=max(figure.patients for figure in found.values()),
            events=max(figure.events for figure in found.values()),
        )
        for (endpoint, horizon, arm), found in groups.items()
        if any(figure.value is not None for figure in found.values())
    ]


def _cell(figure: CardFigure) -> PerformanceCell | None:
    if figure.value is None:
        return None
    interval = ""
    if figure.lower is not None and figure.upper is not None:
        interval = f"{decimals(figure.lower)} to {decimals(figure.upper)}"
    return PerformanceCell(decimals(figure.value), interval)

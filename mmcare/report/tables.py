"""Rows of the page's tables, in the page's order; no number is computed here but differences of two shown ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmcare.report.data import ReportData
from mmcare.report.figures import Probability
from mmcare.report.numbers import points

__all__ = ["HorizonRow", "tables"]


@dataclass(frozen=True, slots=True)
class HorizonRow:
    """One endpoint at one horizon: a figure an arm, and the second arm's less the first's."""

    name: str
    horizon: float
    figures: tuple[Probability, ...]
    difference: str


def tables(data: ReportData) -> Mapping[str, object]:
    """What the templates lay out beside the data themselves."""
    of = {(p.endpoint, p.horizon, p.arm): p for p in data.probabilities}
    arms = [arm.key for arm in data.arms]
    rows = [
        HorizonRow(e.name, horizon, found := tuple(of[e.key, horizon, arm] for arm in arms), _difference(found))
        for e in data.endpoints
        for horizon in e.horizons
    ]
    return {
        "horizon_rows": rows,
        "reasons": list(dict.fromkeys(f.reason for row in rows for f in row.figures if f.reason)),
        "names": {endpoint.key: endpoint.name for endpoint in data.endpoints},
        "headlines": {arm: _headlines(data, arm, of) for arm in arms},
    }


def _difference(figures: tuple[Probability, ...]) -> str:
    if len(figures) != 2 or figures[0].probability is None or figures[1].probability is None:
        return ""
    return points(figures[1].probability - figures[0].probability)


def _headlines(data: ReportData, arm: str, of: Mapping[tuple[str, float, str], Probability]) -> list[Probability]:
    """One figure an endpoint: at the decision's horizon, or the nearest that is predicted."""
    asked = data.utilities[0].horizon if data.utilities else 3.0
    return [of[e.key, min(e.horizons, key=lambda h: abs(h - asked)), arm] for e in data.endpoints]

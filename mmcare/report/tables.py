"""Rows of the page's tables, in the page's order; what is computed here is a difference of two figures shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmcare.report.attends import AttentionDirection
from mmcare.report.data import ReportData
from mmcare.report.figures import Probability
from mmcare.report.numbers import percent, points
from mmcare.report.part import Missing
from mmcare.report.performance_table import METRICS, performance_rows
from mmcare.report.plain import Plain
from mmcare.report.training import Distribution
from mmcare.report.verdict import verdict
from mmcare.report.words import words_of, years

__all__ = ["HorizonRow", "UtilityRow", "tables"]


@dataclass(frozen=True, slots=True)
class HorizonRow:
    """One endpoint at one horizon: a figure and a band an arm, and the second arm's less the first's."""

    name: str
    horizon: float
    figures: tuple[Probability, ...]
    bands: tuple[str, ...]
    difference: str


@dataclass(frozen=True, slots=True)
class UtilityRow:
    """One arm's utility for the patient, and on average over the training patients."""

    name: str
    value: str
    mean: str
    reason: str


def tables(data: ReportData) -> Mapping[str, object]:
    """What the templates lay out beside the data themselves."""
    of = {(p.endpoint, p.horizon, p.arm): p for p in data.probabilities}
    arms = [arm.key for arm in data.arms]
    rows = [
        HorizonRow(e.name, h, found := tuple(of[e.key, h, arm] for arm in arms), _bands(data, found), _apart(found))
        for e in data.endpoints
        for h in e.horizons
    ]
    return {
        "horizon_rows": rows,
        "reasons": list(dict.fromkeys(f.reason for row in rows for f in row.figures if f.reason)),
        "names": {endpoint.key: endpoint.name for endpoint in data.endpoints},
        "arm_names": {arm.key: arm.name for arm in data.arms},
        "headlines": {arm: _headlines(data, arm, of) for arm in arms},
        "banded": any(curve.lower for curve in data.curves),
        "nothing_known": bool(data.inputs) and all(modality.absent for modality in data.inputs),
        "verdict": verdict(data),
        "said": Plain(
            {arm.key: arm.name for arm in data.arms},
            tuple(endpoint.key for endpoint in data.endpoints),
            tuple(modality.key for modality in data.inputs),
        ),
        "utility_words": _utility_words(data),
        "utility_rows": _utility_rows(data),
        "places": _places(data),
        "attends_first": _directions(data, first=True),
        "attends_rest": _directions(data, first=False),
        "metric_names": METRICS,
        "performance_rows": performance_rows(data),
    }


def _apart(figures: tuple[Probability, ...]) -> str:
    if len(figures) != 2 or figures[0].probability is None or figures[1].probability is None:
        return ""
    return points(figures[1].probability - figures[0].probability)


def _bands(data: ReportData, figures: tuple[Probability, ...]) -> tuple[str, ...]:
    return tuple(_band(data, figure) for figure in figures)


def _band(data: ReportData, figure: Probability) -> str:
    """`48 to 71` at the figure's horizon, where its curve has a band."""
    for curve in data.curves:
        if (curve.endpoint, curve.arm) == (figure.endpoint, figure.arm) and curve.lower:
            for year, lower, upper in zip(curve.years, curve.lower, curve.upper, strict=False):
                if abs(year - figure.horizon) < 1e-6:
                    return f"{percent(100 * lower)} to {percent(100 * upper)}"
    return ""


def _headlines(data: ReportData, arm: str, of: Mapping[tuple[str, float, str], Probability]) -> list[Probability]:
    """One figure an endpoint: at the decision's horizon, or the nearest that is predicted."""
    return [of[e.key, min(e.horizons, key=lambda h: abs(h - data.rule.horizon)), arm] for e in data.endpoints]


def _utility_words(data: ReportData) -> str:
    """`70 % overall survival and 30 % local control, both after three years, in points of 100`."""
    parts = " and ".join(f"{100 * w.weight:.0f} % {words_of(w.endpoint).name.lower()}" for w in data.rule.weights)
    return f"{parts}, after {years(data.rule.horizon)}, in points of 100"


def _utility_rows(data: ReportData) -> list[UtilityRow]:
    names = {arm.key: arm.name for arm in data.arms}
    means = {} if isinstance(data.choice, Missing) else {mean.arm: mean.utility for mean in data.choice.means}
    return [UtilityRow(names[u.arm], _tenths(u.value), _tenths(means.get(u.arm)), u.reason) for u in data.utilities]


def _tenths(utility: float | None) -> str:
    return "unknown" if utility is None else f"{100 * utility:.1f}"


def _places(data: ReportData) -> dict[tuple[str, str], str]:
    """Where each input lies among the training patients', in words."""
    if isinstance(data.details, Missing):
        return {}
    return {
        (detail.modality, detail.name): _place(detail.training, detail.value)
        for detail in data.details
        if detail.training is not None
    }


def _directions(data: ReportData, *, first: bool) -> list[AttentionDirection]:
    """Of attention: the first round between two kinds of input, where tokens are what their names say; or the rest."""
    if data.attention is None:
        return []
    return [d for d in data.attention.directions if (d.round <= 1 and d.asks != d.gives) == first]


def _place(training: Distribution, own: float | str | None) -> str:
    if own is None:
        return f"measured in {training.measured} of {training.measured + training.unknown}"
    if training.below is not None:
        return f"higher than in {100 * training.below:.0f} %"
    if own in training.levels:
        return f"the same in {100 * training.counts[training.levels.index(str(own))] / training.measured:.0f} %"
    return "in none of them"

"""All figures of one endpoint: per arm and horizon, and nothing where support is thin."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.stats import norm

from mmcare.evaluation.bootstrap import bootstrap_interval, resamples
from mmcare.evaluation.brier import brier
from mmcare.evaluation.calibration import calibration_points, observed_over_expected
from mmcare.evaluation.calibration_slope import risk_slope
from mmcare.evaluation.definitions import definition
from mmcare.evaluation.discrimination import auc
from mmcare.evaluation.goodness_of_fit import EventCalibration, event_calibration
from mmcare.evaluation.metrics import ALL_ARMS, AND, Figure, Point
from mmcare.evaluation.scored import Floats, Ints, Scored
from mmcare.survival import StepCurve, censoring_weights, uno_concordance

__all__ = ["Setting", "evaluate_endpoint"]

LEAST_AT_RISK = 30
"""At a horizon; where fewer are, censoring weights come from the training patients."""
FEWEST_AT_RISK = 5
"""At a horizon; where fewer are, the curve observed there is a matter of one or two patients: nothing is said."""
FEWEST_EVENTS = 5
"""By a horizon; where fewer are, nothing that ranks patients is said: its interval would be most of its range."""
NOT_PERSONAL = "arm average: fewer than 20 training events in this arm, so patients are not ranked"
_NO_PAIR = "no pair of patients can be compared"
_WITHOUT_VALUE = {
    "IPA": "the arm's training curve ends before the horizon, or is not known",
    "O/E": "no risk is predicted",
    "slope": "the risks do not differ, or separate who failed",
}
_RANKING = ("C", "pooled C", "AUC", "AUC event-free", "slope")


@dataclass(frozen=True, slots=True)
class Setting:
    """What an endpoint's figures need beside the scores.

    Attributes:
        endpoint: Key.
        arms: Keys in the order of codes.
        personal: (A,) whether an arm's patients have figures of their own.
        null_risk: By arm code, the training curve's risk at each horizon.
        draws: Bootstrap samples.
        seed: Of the bootstrap.
        support_years: (A,) the training follow-up of each arm; empty where it is not known.
        censoring: By arm code, G of the training patients, taken where fewer than 30 of the patients scored are at
            risk at a horizon. Empty for another cohort: that always has its own.
    """

    endpoint: str
    arms: tuple[str, ...]
    personal: Sequence[bool]
    null_risk: Mapping[int, Sequence[float]]
    draws: int = 1000
    seed: int = 0
    support_years: Sequence[float] = ()
    censoring: Mapping[int, StepCurve] = field(default_factory=dict)


def evaluate_endpoint(scored: Scored, setting: Setting) -> tuple[Figure, ...]:
    """C, AUC, Brier, IPA and calibration at every horizon, for every arm and, of C, summed over arms and pooled.

    A figure has a value of None and a reason where support is thin: beyond the follow-up, without events, or (all that
    ranks patients) where an arm's patients have no figures of their own.
    """
    figures: list[Figure] = []
    for place in range(len(scored.horizons)):
        cells = [
            _cell(scored.take(scored.arm == code), place, (code,), arm, setting)
            for code, arm in enumerate(setting.arms)
            if (scored.arm == code).any()
        ]
        for cell in cells:
            figures += _arm_figures(cell)
        if len(setting.arms) > 1:
            figures += _overall_figures(scored, place, cells, setting)
    return tuple(figures)


@dataclass(frozen=True, slots=True)
class _Cell:
    """The patients of one arm, or of several, at one horizon.

    Attributes:
        rows: Those who have a prediction.
        codes: Of the arms.
        why_not: Why nothing can be said; empty where something can.
        remarks: What is to be known of what is said.
        censoring: G of training patients by arm code, for the arms where it is taken.
    """

    rows: Scored
    place: int
    codes: tuple[int, ...]
    arm: str
    setting: Setting
    why_not: str
    remarks: tuple[str, ...]
    censoring: Mapping[int, StepCurve]

    @property
    def horizon(self) -> float:
        return self.rows.horizons[self.place]

    @property
    def risk(self) -> Floats:
        return self.rows.risk[:, self.place]

    @property
    def personal(self) -> bool:
        return all(self.setting.personal[code] for code in self.codes)

    @property
    def events(self) -> int:
        return int(((self.rows.event == 1) & (self.rows.time <= self.horizon)).sum())

    @property
    def why_not_ranked(self) -> str:
        if self.why_not or not self.personal:
            return self.why_not or NOT_PERSONAL
        return "" if self.events >= FEWEST_EVENTS else f"fewer than {FEWEST_EVENTS} events by then"


def _cell(rows: Scored, place: int, codes: tuple[int, ...], arm: str, setting: Setting) -> _Cell:
    known, horizon = np.isfinite(rows.risk[:, place]), rows.horizons[place]
    used, left_out = rows.take(known), int((~known).sum())
    remarks = [f"{left_out} patients without a prediction at this horizon are left out"] if left_out else []
    lent = {code: g for code, g in setting.censoring.items() if code in codes and _is_lent(used, code, g, horizon)}
    if lent:
        remarks.append(f"censoring weights from the training patients: fewer than {LEAST_AT_RISK} at risk here")
    why_not = _too_thin(used, horizon, codes, setting)
    return _Cell(used, place, codes, arm, setting, why_not, tuple(remarks), lent)


def _is_lent(rows: Scored, code: int, g: StepCurve, horizon: float) -> bool:
    """Whether an arm takes the training patients' G: few of its own are at risk, and theirs reaches so far."""
    return int((rows.time[rows.arm == code] >= horizon).sum()) < LEAST_AT_RISK and g.support >= horizon


def _too_thin(rows: Scored, horizon: float, codes: tuple[int, ...], setting: Setting) -> str:
    ends = [setting.support_years[code] for code in codes] if setting.support_years else []
    if ends and max(ends) < horizon:
        return f"the training patients' follow-up ends at {max(ends):.1f} years"
    if not len(rows.time):
        return "no patient has a prediction at this horizon"
    if rows.time.max() < horizon:
        return f"follow-up of these patients ends at {rows.time.max():.1f} years"
    if not ((rows.event == 1) & (rows.time <= horizon)).any():
        return "no event by this horizon"
    if (rows.time >= horizon).sum() < FEWEST_AT_RISK:
        return f"fewer than {FEWEST_AT_RISK} patients at risk at this horizon"
    return ""


def _arm_figures(cell: _Cell) -> Iterator[Figure]:
    samples = _samples(cell)
    for metric, function in _functions(cell).items():
        points = _points(cell) if metric == "O/E" and not cell.why_not else ()
        yield _figure(cell, metric, function, samples).model_copy(update={"points": points})
    yield from _test_figures(cell)


def _overall_figures(scored: Scored, place: int, cells: Sequence[_Cell], setting: Setting) -> Iterator[Figure]:
    """C over the arms whose patients are ranked: pairs within arms, summed, and all pairs."""
    codes = tuple(code for cell in cells if not cell.why_not_ranked for code in cell.codes)
    left = [f"{cell.arm}: {cell.why_not_ranked}" for cell in cells if cell.why_not_ranked]
    cell = _cell(scored.take(np.isin(scored.arm, codes)), place, codes, ALL_ARMS, setting)
    if codes:
        cell = replace(cell, remarks=(*cell.remarks, *(f"without {why}" for why in left)))
    else:
        cell = replace(cell, why_not=AND.join(left) or "no patient")
    samples = _samples(cell)
    for metric, function in (("C", _concordance(cell)), ("pooled C", _concordance(cell, pooled=True))):
        yield _figure(cell, metric, function, samples)


def _samples(cell: _Cell) -> list[Ints]:
    return [] if cell.why_not else resamples(cell.rows.arm, cell.setting.draws, cell.setting.seed)


def _functions(cell: _Cell) -> Mapping[str, Callable[[Ints], float]]:
    """By metric, from places among an arm's patients to its value."""
    risk, time, event, t = cell.risk, cell.rows.time, cell.rows.event, cell.horizon
    g, null = cell.censoring.get(cell.codes[0]), float(cell.setting.null_risk[cell.codes[0]][cell.place])

    def area(i: Ints, dead_as_controls: bool = True) -> float:
        return auc(risk[i], time[i], event[i], t, dead_as_controls=dead_as_controls, censoring=g)

    functions: dict[str, Callable[[Ints], float]] = {"C": _concordance(cell), "AUC": area}
    if cell.rows.competing:
        functions["AUC event-free"] = lambda i: area(i, False)
    return functions | {
        "Brier": lambda i: brier(risk[i], time[i], event[i], t, null, g).score,
        "IPA": lambda i: brier(risk[i], time[i], event[i], t, null, g).ipa,
        "O/E": lambda i: observed_over_expected(risk[i], time[i], event[i], t),
        "slope": lambda i: risk_slope(risk[i], time[i], event[i], t, g),
    }


def _concordance(cell: _Cell, *, pooled: bool = False) -> Callable[[Ints], float]:
    rows, risk = cell.rows, cell.risk

    def index(i: Ints) -> float:
        return uno_concordance(
            risk[i],
            rows.time[i],
            rows.event[i],
            cell.horizon,
            rows.arm[i],
            competing=rows.competing,
            pooled=pooled,
            censoring=cell.censoring,
        ).index

    return index


def _figure(cell: _Cell, metric: str, function: Callable[[Ints], float], samples: list[Ints]) -> Figure:
    why_not = cell.why_not_ranked if metric in _RANKING else cell.why_not
    if why_not:
        return _of(cell, metric, None, why_not)
    value = function(np.arange(len(cell.rows.time)))
    if not math.isfinite(value):
        return _of(cell, metric, None, _WITHOUT_VALUE.get(metric, _NO_PAIR))
    interval = bootstrap_interval(function, samples)
    if interval is None and samples:
        return _of(cell, metric, value, "no interval: the figure does not exist in many resamples")
    lower, upper = interval or (None, None)
    return _of(cell, metric, value).model_copy(update={"lower": lower, "upper": upper})


def _test_figures(cell: _Cell) -> Iterator[Figure]:
    """The z and the grouped chi-square of events against those expected."""
    why_not = cell.why_not or ("the model gives no curve in time" if cell.rows.expected is None else "")
    found = None if why_not else _events(cell)
    if found is None or not math.isfinite(found.z):
        for metric in ("z", "chi2"):
            yield _of(cell, metric, None, why_not or "the model expects no event, or its curve ends before the horizon")
        return
    yield _of(cell, "z", found.z).model_copy(update={"p": 2 * float(norm.sf(abs(found.z)))})
    groups = found.groups
    yield _of(cell, "chi2", groups.value).model_copy(update={"degrees": groups.degrees, "p": groups.p})


def _events(cell: _Cell) -> EventCalibration:
    assert cell.rows.expected is not None
    expected = cell.rows.expected[:, cell.place]
    return event_calibration(cell.risk, expected, cell.rows.time, cell.rows.event, cell.horizon)


def _points(cell: _Cell) -> tuple[Point, ...]:
    found = calibration_points(cell.risk, cell.rows.time, cell.rows.event, cell.horizon)
    return tuple(
        Point(predicted=p.predicted, observed=p.observed if math.isfinite(p.observed) else None, patients=p.patients)
        for p in found
    )


def _of(cell: _Cell, metric: str, value: float | None, reason: str = "") -> Figure:
    """A figure of the cell, without an interval yet; what is to be known of the cell follows the reason."""
    rows, horizon = cell.rows, cell.horizon
    weights = None if cell.why_not else censoring_weights(
        rows.time, rows.event, horizon, rows.arm, censoring=cell.censoring
    )  # fmt: skip
    return Figure(
        endpoint=cell.setting.endpoint,
        arm=cell.arm,
        horizon=horizon,
        metric=metric,
        definition=definition(metric, horizon),
        value=value,
        patients=len(rows.time),
        events=cell.events,
        at_risk=int((rows.time >= horizon).sum()),
        effective_patients=None if weights is None else weights.effective_size,
        share_clipped=None if weights is None else weights.share_clipped,
        reason=AND.join(part for part in (reason, *(() if cell.why_not else cell.remarks)) if part),
    )

"""All figures of one run on one set of patients, typed, as they stand in `metrics.json`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mmcare.evaluation.bootstrap import bootstrap_interval, resamples
from mmcare.evaluation.brier import brier
from mmcare.evaluation.calibration import calibration_points, observed_over_expected
from mmcare.evaluation.discrimination import auc
from mmcare.evaluation.scored import Ints, Scored
from mmcare.survival import uno_concordance

__all__ = ["ALL_ARMS", "Figure", "Metrics", "Point", "Setting", "evaluate_endpoint"]

ALL_ARMS = "all arms"
NOT_PERSONAL = "arm average: fewer than 20 training events in this arm, so patients are not ranked"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class Point(_Model):
    """One point of a calibration plot."""

    predicted: float
    observed: float | None
    patients: int


class Figure(_Model):
    """One figure, or why there is none.

    Attributes:
        endpoint: Key. arm: Key, or `all arms`. horizon: Years.
        metric: Its name. definition: What exactly it is.
        value: None where there is none; `reason` says why.
        lower: Of the 95 % interval over patients. upper: Likewise.
        patients: Scored. events: Of the endpoint by the horizon. at_risk: At the horizon.
        points: Of a calibration plot; only of `O/E`.
    """

    endpoint: str
    arm: str
    horizon: float
    metric: str
    definition: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    patients: int
    events: int
    at_risk: int
    reason: str = ""
    points: tuple[Point, ...] = ()


class Metrics(_Model):
    """All figures of a run on one set of patients.

    Attributes:
        run: Name of the run.
        patients: Which they were: `test patients of the run's cohort`, or another cohort's folder.
        bootstrap: Number of resamples of the intervals: these trained models, other patients.
        notes: What a reader must know.
        figures: All of them.
    """

    run: str
    patients: str
    bootstrap: int
    notes: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = Field(default=())

    def figure(self, endpoint: str, arm: str, horizon: float, metric: str) -> Figure:
        """One figure. Raises KeyError where it was not computed."""
        for found in self.figures:
            if (found.endpoint, found.arm, found.horizon, found.metric) == (endpoint, arm, horizon, metric):
                return found
        raise KeyError((endpoint, arm, horizon, metric))


@dataclass(frozen=True, slots=True)
class Setting:
    """What an endpoint's figures need beside the scores.

    Attributes:
        endpoint: Key.
        arms: Keys in the order of codes.
        personal: (A,) whether an arm's patients have figures of their own.
        support_years: (A,) the training follow-up of each arm.
        null_risk: By arm code, the training curve's risk at each horizon.
        draws: Bootstrap samples.
        seed: Of the bootstrap.
    """

    endpoint: str
    arms: tuple[str, ...]
    personal: Sequence[bool]
    null_risk: Mapping[int, Sequence[float]]
    draws: int = 1000
    seed: int = 0


_DEFINITIONS = {
    "C": "Uno's C, events before the horizon, score the risk by it; G of these patients",
    "AUC": "cumulative/dynamic AUC; who is known not to have failed is a control, the dead included",
    "Brier": "Brier score with censoring weights of these patients",
    "IPA": "1 - Brier / Brier of the arm's training curve",
    "O/E": "Aalen-Johansen risk over mean predicted risk",
}


def evaluate_endpoint(scored: Scored, setting: Setting) -> tuple[Figure, ...]:
    """C, AUC, Brier, IPA and O/E at every horizon, for every arm and, of C, summed over arms.

    Nothing is given where support is thin: beyond the follow-up, without events, or (C and AUC) where an arm's figures
    are its average.
    """
    figures: list[Figure] = []
    for place, horizon in enumerate(scored.horizons):
        for code, arm in enumerate(setting.arms):
            rows = scored.take(scored.arm == code)
            if len(rows.time):
                figures += _arm_figures(rows, place, horizon, code, arm, setting)
        figures.append(_summed(scored, place, horizon, setting))
    return tuple(figures)


def _arm_figures(rows: Scored, place: int, horizon: float, code: int, arm: str, setting: Setting) -> list[Figure]:
    known = rows.take(np.isfinite(rows.risk[:, place]))
    base = _base(known, horizon, arm, setting)
    why = _too_thin(known, horizon)
    if why:
        return [_without(base, metric, why) for metric in _DEFINITIONS]
    samples = resamples(known.arm, setting.draws, setting.seed)
    null = float(setting.null_risk[code][place])
    of = _functions(known, place, horizon, null)
    figures = []
    for metric, function in of.items():
        if metric in ("C", "AUC") and not setting.personal[code]:
            figures.append(_without(base, metric, NOT_PERSONAL))
        elif metric == "IPA" and not math.isfinite(null):
            figures.append(_without(base, metric, "the arm's training curve ends before the horizon"))
        else:
            figures.append(_with_interval(base, metric, function, samples))
    return _with_points(figures, known, place, horizon)


def _functions(rows: Scored, place: int, horizon: float, null: float) -> Mapping[str, Callable[[Ints], float]]:
    risk, time, event = rows.risk[:, place], rows.time, rows.event

    def concordance(i: Ints) -> float:
        return uno_concordance(risk[i], time[i], event[i], horizon, competing=rows.competing).index

    return {
        "C": concordance,
        "AUC": lambda i: auc(risk[i], time[i], event[i], horizon),
        "Brier": lambda i: brier(risk[i], time[i], event[i], horizon, null).score,
        "IPA": lambda i: brier(risk[i], time[i], event[i], horizon, null).ipa,
        "O/E": lambda i: observed_over_expected(risk[i], time[i], event[i], horizon),
    }


def _summed(scored: Scored, place: int, horizon: float, setting: Setting) -> Figure:
    """C with numerators and denominators summed over the arms whose figures are personal."""
    personal = np.array(setting.personal)[scored.arm]
    rows = scored.take(np.isfinite(scored.risk[:, place]) & personal)
    base = _base(rows, horizon, ALL_ARMS, setting)
    if not len(rows.time):
        return _without(base, "C", NOT_PERSONAL)
    why = _too_thin(rows, horizon)
    if why:
        return _without(base, "C", why)

    def concordance(i: Ints) -> float:
        r = rows.take(i)
        return uno_concordance(r.risk[:, place], r.time, r.event, horizon, r.arm, competing=r.competing).index

    return _with_interval(base, "C", concordance, resamples(rows.arm, setting.draws, setting.seed))


@dataclass(frozen=True, slots=True)
class _Base:
    endpoint: str
    arm: str
    horizon: float
    patients: int
    events: int
    at_risk: int


def _base(rows: Scored, horizon: float, arm: str, setting: Setting) -> _Base:
    events = int(((rows.event == 1) & (rows.time <= horizon)).sum())
    return _Base(setting.endpoint, arm, horizon, len(rows.time), events, int((rows.time >= horizon).sum()))


def _too_thin(rows: Scored, horizon: float) -> str:
    if not len(rows.time):
        return "no patient has a prediction at this horizon"
    if rows.time.max() < horizon:
        return f"follow-up of these patients ends at {rows.time.max():.1f} years"
    if not ((rows.event == 1) & (rows.time <= horizon)).any():
        return "no event by this horizon"
    return ""


def _without(base: _Base, metric: str, reason: str) -> Figure:
    return _figure(base, metric, None, None, reason)


def _with_interval(base: _Base, metric: str, function: Callable[[Ints], float], samples: list[Ints]) -> Figure:
    value = function(np.arange(base.patients))
    if not math.isfinite(value):
        return _without(base, metric, "no pair of patients can be compared")
    return _figure(base, metric, value, bootstrap_interval(function, samples))


def _figure(
    base: _Base, metric: str, value: float | None, interval: tuple[float, float] | None, reason: str = ""
) -> Figure:
    lower, upper = interval if interval is not None else (None, None)
    if value is not None and interval is None:
        reason = "no interval: the figure does not exist in many resamples"
    return Figure(
        endpoint=base.endpoint,
        arm=base.arm,
        horizon=base.horizon,
        metric=metric,
        definition=_DEFINITIONS[metric],
        value=value,
        lower=lower,
        upper=upper,
        patients=base.patients,
        events=base.events,
        at_risk=base.at_risk,
        reason=reason,
    )


def _with_points(figures: list[Figure], rows: Scored, place: int, horizon: float) -> list[Figure]:
    points = calibration_points(rows.risk[:, place], rows.time, rows.event, horizon)
    shown = tuple(
        Point(predicted=p.predicted, observed=p.observed if math.isfinite(p.observed) else None, patients=p.patients)
        for p in points
    )
    return [f.model_copy(update={"points": shown}) if f.metric == "O/E" else f for f in figures]

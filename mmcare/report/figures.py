"""The figures of a report: probabilities by arm, endpoint and horizon, and utilities; those of `mmcare predict`."""

from __future__ import annotations

from mmcare.components import Endpoint
from mmcare.decision import utilities
from mmcare.report.case import Case
from mmcare.report.part import Part
from mmcare.report.words import arm_of, of_hundred, words_of

__all__ = [
    "Arm",
    "EndpointLabel",
    "Probability",
    "UtilityFigure",
    "UtilityRule",
    "Weight",
    "arms_of",
    "endpoints_of",
    "figures",
    "rule_of",
    "utility_figures",
]


class Arm(Part):
    """A treatment arm: its key, and its name in the cohort's words."""

    key: str
    name: str


class EndpointLabel(Part):
    """An endpoint that the run predicts.

    Attributes:
        key: Key. name: As a heading. event: What the event is called.
        horizons: Years. competing: Whether another event can come first.
    """

    key: str
    name: str
    event: str
    horizons: tuple[float, ...]
    competing: bool


class Probability(Part):
    """The probability of no event by a horizon, under one arm.

    Attributes:
        probability: In [0, 1]; None where it is not known: `reason` says why.
        personal: False where it is the arm's average. reason: Why unknown or not personal; else empty.
        words: A sentence; empty where the figure is not known.
    """

    arm: str
    endpoint: str
    horizon: float
    probability: float | None
    personal: bool
    reason: str
    words: str


class UtilityFigure(Part):
    """The utility of an arm, as `mmcare predict` computes it."""

    arm: str
    horizon: float
    formula: str
    value: float | None
    personal: bool
    reason: str


class Weight(Part):
    """An endpoint's weight in the utility."""

    endpoint: str
    weight: float


class UtilityRule(Part):
    """How arms are compared: weights of the endpoints at a horizon in years, and the least difference that matters."""

    weights: tuple[Weight, ...]
    horizon: float
    mid: float


def rule_of(case: Case) -> UtilityRule:
    """What the run's spec says."""
    config = case.run.spec.decision
    weights = tuple(Weight(endpoint=name, weight=weight) for name, weight in config.utility.items())
    return UtilityRule(weights=weights, horizon=config.horizon, mid=config.mid)


def arms_of(case: Case) -> tuple[Arm, ...]:
    """The run's arms; their names are those of the cohort at hand, where it has them."""
    entry = case.cohort.dictionary.arms
    names = entry.values if entry is not None else {}
    return tuple(Arm(key=arm, name=names.get(arm, arm_of(arm))) for arm in case.run.outcomes.arms)


def endpoints_of(case: Case) -> tuple[EndpointLabel, ...]:
    """The endpoints that the run predicts, the leading one first."""
    predicted = case.prediction.prognosis.endpoints
    return tuple(_label(case.run.outcomes.endpoint(name)) for name in predicted)


def _label(endpoint: Endpoint) -> EndpointLabel:
    words = words_of(endpoint.name)
    return EndpointLabel(
        key=endpoint.name,
        name=words.name,
        event=words.event,
        horizons=endpoint.horizons,
        competing=endpoint.competing,
    )


def figures(case: Case) -> tuple[Probability, ...]:
    """Every figure of the prediction."""
    return tuple(
        Probability(
            arm=row.arm,
            endpoint=row.endpoint,
            horizon=row.horizon,
            probability=row.probability,
            personal=row.personal,
            reason=row.reason,
            words="" if row.probability is None else of_hundred(row.endpoint, row.horizon, row.probability),
        )
        for row in case.prediction.rows()
    )


def utility_figures(case: Case) -> tuple[UtilityFigure, ...]:
    """The utility of each arm."""
    return tuple(
        UtilityFigure(
            arm=u.arm, horizon=u.horizon, formula=u.formula, value=u.value, personal=u.personal, reason=u.reason
        )
        for u in utilities(case.prediction, case.run.spec.decision)
    )

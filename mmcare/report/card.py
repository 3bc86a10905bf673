"""What a reader must know of the model: what it learned from, how well it predicts, what it is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import get_args

from pydantic import ValidationError

from mmcare.components import LEAST_PERSONAL_EVENTS, Split
from mmcare.evaluation import Metrics
from mmcare.report.case import Case
from mmcare.report.part import Missing, Part
from mmcare.report.words import kind_of, within
from mmcare.run.store import read_splits

__all__ = ["CalibrationPoint", "CardFigure", "ModelCard", "Performance", "card"]

_METRICS = ("Uno's C", "C-index", "AUC", "Brier", "IPA", "O/E", "slope", "ICI")


class CardFigure(Part):
    """One figure of the evaluation, with its interval."""

    endpoint: str
    arm: str
    horizon: float
    metric: str
    definition: str
    value: float | None
    lower: float | None
    upper: float | None
    patients: int
    events: int
    reason: str


class CalibrationPoint(Part):
    """Patients of like predictions: predicted against observed risk of the event."""

    endpoint: str
    arm: str
    horizon: float
    predicted: float
    observed: float
    patients: int


class Performance(Part):
    """How well the run predicts, as `mmcare evaluate` found it."""

    patients: str
    notes: tuple[str, ...]
    figures: tuple[CardFigure, ...]
    calibration: tuple[CalibrationPoint, ...]


class ModelCard(Part):
    """The card.

    Attributes:
        what: Facts in sentences. assumptions: Under which a difference between arms is an effect of treatment.
        caveats: What else a reader must know. versions: Of programs, by name. spec: The run's spec, as YAML.
        performance: Or why it is not known.
        modalities: Keys of the inputs. splits: Patients by split. trained_on: Device and precision.
    """

    what: tuple[str, ...]
    assumptions: tuple[str, ...]
    caveats: tuple[str, ...]
    versions: dict[str, str]
    spec: str
    performance: Performance | Missing
    modalities: tuple[str, ...]
    splits: dict[str, int]


def card(case: Case) -> ModelCard:
    """The model card of the case's run."""
    run = case.run
    splits = Counter(read_splits(run.folder.splits).values())
    return ModelCard(
        what=tuple(_facts(case)),
        assumptions=tuple(_assumptions(case)),
        caveats=tuple(_caveats(case)),
        versions={**run.manifest.versions, **{p.distribution: p.version for p in run.manifest.plugins}},
        spec=run.folder.spec.read_text(encoding="utf-8"),
        performance=_performance(case),
        modalities=tuple(run.spec.modalities),
        splits={name: splits[name] for name in get_args(Split)},
    )


def _facts(case: Case) -> Iterator[str]:
    run = case.run
    splits = Counter(read_splits(run.folder.splits).values())
    counts = ", ".join(f"{splits[name]} {name}" for name in get_args(Split))
    yield f"Learned from {splits['training']} patients of one cohort ({counts})."
    reads, predicts = map(kind_of, run.spec.modalities), map(within, case.prediction.prognosis.endpoints)
    yield f"Reads {', '.join(reads)}; predicts {', '.join(predicts)}."
    how = "a baseline, fitted at once" if run.manifest.kind == "baseline" else f"{run.manifest.counted_epochs}"
    members = f", {run.manifest.members} members averaged" if run.manifest.members > 1 else ""
    yield f"Made {run.manifest.created[:10]} by mmcare {run.manifest.versions['mmcare']}: {how}{members}."


def _assumptions(case: Case) -> Iterator[str]:
    if len(case.run.outcomes.arms) < 2:
        return
    yield "Nothing that drives both the choice of treatment and the outcome was missed (no unmeasured confounding)."
    yield "Patients like this one could have received either treatment, and some did (positivity)."
    yield "The treatment here is given as it was in the cohort (consistency)."
    yield "Who was lost to follow-up fared like those who were not, given inputs and treatment (independent censoring)."


def _caveats(case: Case) -> Iterator[str]:
    if len(case.run.outcomes.arms) > 1:
        yield "The treatments were not randomised: a difference is an effect only under certain assumptions."
    yield (
        f"Under {LEAST_PERSONAL_EVENTS} training events of an endpoint under a treatment, everyone gets that "
        "treatment's average; beyond the follow-up nothing is predicted."
    )
    yield "The band is that of refitting the last layers to other draws of patients; the encoders are held fixed."
    for name in case.run.spec.allow_after_decision:
        yield f"{name} is known only after the treatment was chosen: this is a prognosis, no help to choose."


def _performance(case: Case) -> Performance | Missing:
    path = case.run.folder.metrics
    command = f"mmcare evaluate {case.run.path}"
    if not path.exists():
        return Missing(what="How well the run predicts was not measured, nor its calibration.", command=command)
    try:
        metrics = Metrics.model_validate_json(path.read_bytes())
    except ValidationError:
        return Missing(what=f"{path.name} is of another version, or damaged.", command=command)
    return Performance(
        patients=metrics.patients,
        notes=metrics.notes,
        figures=tuple(
            CardFigure(**figure.model_dump(include=set(CardFigure.model_fields))) for figure in metrics.figures
        ),
        calibration=tuple(
            CalibrationPoint(
                endpoint=figure.endpoint,
                arm=figure.arm,
                horizon=figure.horizon,
                predicted=point.predicted,
                observed=point.observed,
                patients=point.patients,
            )
            for figure in metrics.figures
            for point in figure.points
            if point.observed is not None
        ),
    )

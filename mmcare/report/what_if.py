"""How the prediction would change with one input alone, computed by the run's own model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from mmcare.components import Batch, Feature, ModalityBatch, Prognosis
from mmcare.decision.networks import networks_of
from mmcare.explain.background import Reference
from mmcare.model import full_precision
from mmcare.model.paths import average_members
from mmcare.report.case import Case
from mmcare.report.part import Part, finite
from mmcare.report.training import Distribution, KeptModality, Value, distribution, kept_modalities
from mmcare.run.predictor import cat_prognoses

__all__ = ["FeatureDetail", "WhatIfLine", "details"]

MOST_POINTS = 13
_ROWS_AT_ONCE = 256
_DIGITS = 5


class WhatIfLine(Part):
    """The probability of no event by a horizon under one arm, at each of the feature's values."""

    endpoint: str
    horizon: float
    arm: str
    probabilities: tuple[float | None, ...]


class FeatureDetail(Part):
    """One feature of the patient: his value, its place among the training patients, and what another would change.

    Attributes:
        values: Of training patients, rising or level by level; each stands in turn for the patient's own.
        lines: By endpoint, horizon and arm; none where the patient lacks the modality.
    """

    modality: str
    name: str
    unit: str
    value: float | str | None
    training: Distribution | None
    values: tuple[float | str, ...] = ()
    lines: tuple[WhatIfLine, ...] = ()


@dataclass(frozen=True)
class _Question:
    """One feature and the training rows that lend it a value."""

    place: int
    rows: tuple[int, ...]


def details(case: Case, reference: Reference) -> tuple[FeatureDetail, ...]:
    """Of every feature whose training values are kept, of the modalities that the patient has."""
    kept = kept_modalities(case, reference)
    return tuple(
        detail for name, own in kept.items() if name in case.batch.modalities for detail in _of(case, name, own)
    )


def _of(case: Case, name: str, kept: KeptModality) -> Iterator[FeatureDetail]:
    modality, fitted = case.inputs.modalities[name], case.inputs.fitted[name]
    features = modality.features(fitted)
    raw = modality.raw_values(case.inputs.samples[name].prepared[case.patient], fitted)
    questions = [_Question(place, _asked(kept.column(place), f)) for place, f in enumerate(features)]
    answers = _answers(case, name, kept, questions)
    start = 0
    for question, feature, value in zip(questions, features, raw, strict=True):
        rows = slice(start, start + len(question.rows))
        start = rows.stop
        yield FeatureDetail(
            modality=name,
            name=feature.name,
            unit=feature.unit,
            value=value,
            training=distribution(kept.column(question.place), value, feature.levels),
            values=tuple(v for r in question.rows if (v := kept.values[r][question.place]) is not None),
            lines=tuple(_lines(case, answers, rows)) if question.rows and answers is not None else (),
        )


def _asked(column: Sequence[Value], feature: Feature) -> tuple[int, ...]:
    """Rows that hold each level, or numbers spread evenly over the order of the training patients' ones."""
    first: dict[float | str, int] = {}
    for row, value in enumerate(column):
        if value is not None:
            first.setdefault(value, row)
    if len(first) < 2:
        return ()
    if feature.levels:
        return tuple(first[level] for level in feature.levels if level in first)
    numbers = sorted(value for value in first if not isinstance(value, str))
    everyone = sorted(value for value in column if value is not None and not isinstance(value, str))
    if len(numbers) <= MOST_POINTS:
        return tuple(first[value] for value in numbers)
    chosen = [everyone[round(n * (len(everyone) - 1) / (MOST_POINTS - 1))] for n in range(MOST_POINTS)]
    return tuple(first[value] for value in dict.fromkeys(chosen))


def _answers(case: Case, name: str, kept: KeptModality, questions: Sequence[_Question]) -> Prognosis | None:
    """The prognosis of the patient with each question's value in turn, all questions one after the other."""
    rows = torch.tensor([row for question in questions for row in question.rows], dtype=torch.int64)
    if not len(rows):
        return None
    own = case.batch.modalities[name]
    count, places = len(rows), torch.arange(len(rows))
    keep = torch.ones(count, len(questions), dtype=torch.bool)
    which = torch.tensor([question.place for question in questions for _ in question.rows], dtype=torch.int64)
    keep[places, which] = False
    altered = case.inputs.modalities[name].replace(
        own.take(torch.zeros(count, dtype=torch.int64), places), keep, kept.batch.take(rows, places)
    )
    parts = [_prognosis(case, name, altered, places[at : at + _ROWS_AT_ONCE]) for at in range(0, count, _ROWS_AT_ONCE)]
    return cat_prognoses(parts)


def _prognosis(case: Case, name: str, altered: ModalityBatch, rows: torch.Tensor) -> Prognosis:
    """Of these rows of the altered modality; all else is the patient's own, encoded once."""
    count = len(rows)
    same = torch.zeros(count, dtype=torch.int64)
    own = altered.take(rows, torch.arange(count))
    networks = networks_of(case.run.predictor)
    batch = _repeated(case.batch, name, own, same, others=not networks)
    if not networks:
        return case.run.predictor.prognosis(batch)
    with torch.no_grad(), full_precision():
        found = []
        for network in networks:
            tokens = network.encode(case.batch)
            cached = {other: t.take(same) for other, t in tokens.items() if other != name}
            found.append(network.predict(network.scores(network.represent(network.encode(batch, cached)))))
        return average_members(found)


def _repeated(batch: Batch, name: str, own: ModalityBatch, same: torch.Tensor, *, others: bool) -> Batch:
    """The patient's batch `len(same)` times with one modality altered; the others' inputs only where they are read."""
    places = torch.arange(len(same))
    modalities = {other: rows.take(same, places) for other, rows in batch.modalities.items()} if others else {}
    return replace(
        batch,
        modalities={**modalities, name: own},
        present=batch.present[same],
        ids=batch.ids * len(same),
    )


def _lines(case: Case, prognosis: Prognosis, rows: slice) -> Iterator[WhatIfLine]:
    for name, endpoint in prognosis.endpoints.items():
        for code, arm in enumerate(case.run.outcomes.arms):
            for place, horizon in enumerate(endpoint.horizons):
                values = endpoint.at_horizons[rows, code, place].double().tolist()
                rounded = tuple(None if (v := finite(value)) is None else round(v, _DIGITS) for value in values)
                yield WhatIfLine(endpoint=name, horizon=horizon, arm=arm, probabilities=rounded)

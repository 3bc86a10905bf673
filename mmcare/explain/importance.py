"""How much each feature matters over a cohort: mean |SHAP| (Table 8 of the paper)."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.components import Feature
from mmcare.explain.explanation import FeatureAttribution, Target

__all__ = ["FeatureValues", "Importance", "feature_values", "importance", "importance_csv", "shap_csv", "top"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FeatureValues:
    """One target's Shapley values of one modality over n patients who have it.

    Attributes:
        target: What is explained. modality: Key.
        features: F players.
        patients: n ids.
        values: (n, F). standard_error: (n, F).
        raw: n rows of F values as a person would write them; None where not measured.
        baselines: (n,). predictions: (n,).
    """

    target: Target
    modality: str
    features: tuple[Feature, ...]
    patients: tuple[str, ...]
    values: Floats
    standard_error: Floats
    raw: tuple[tuple[float | str | None, ...], ...]
    baselines: Floats
    predictions: Floats


@dataclass(frozen=True, slots=True)
class Importance:
    """What one feature moves, over a cohort.

    Attributes:
        target: What is explained. modality: Key. feature: Name.
        mean_absolute: Mean |SHAP|, in the target's unit (a probability).
        standard_error: Of it over patients; None of a single one.
        mean: Mean SHAP, with its sign.
        rank: Within the modality, from 1.
        patients: How many were averaged: those who have the modality.
    """

    target: Target
    modality: str
    feature: str
    mean_absolute: float
    standard_error: float | None
    mean: float
    rank: int
    patients: int


def feature_values(explained: Iterable[tuple[str, Sequence[FeatureAttribution]]]) -> tuple[FeatureValues, ...]:
    """The figures of many patients side by side, from each one's id and Shapley values."""
    parts: dict[tuple[str, str], list[tuple[str, FeatureAttribution]]] = {}
    for patient, attributions in explained:
        for part in attributions:
            parts.setdefault((part.target.key, part.modality), []).append((patient, part))
    return tuple(_side_by_side(rows) for rows in parts.values())


def importance(found: FeatureValues) -> tuple[Importance, ...]:
    """Every feature's mean |SHAP|, the greatest first; equal ones in the order of the features."""
    size = np.abs(found.values)
    mean, n = size.mean(0), len(size)
    error = size.std(0, ddof=1) / math.sqrt(n) if n > 1 else [None] * len(mean)
    order = np.argsort(-mean, kind="stable")
    return tuple(
        Importance(
            target=found.target,
            modality=found.modality,
            feature=found.features[place].name,
            mean_absolute=float(mean[place]),
            standard_error=None if error[place] is None else float(error[place]),
            mean=float(found.values[:, place].mean()),
            rank=rank,
            patients=n,
        )
        for rank, place in enumerate(order.tolist(), 1)
    )


def top(found: Iterable[Importance], count: int = 5) -> tuple[Importance, ...]:
    """Those that rank first in their modality."""
    return tuple(row for row in found if row.rank <= count)


def importance_csv(found: Iterable[Importance]) -> str:
    """A row a target, modality and feature."""
    header = ["target", "modality", "rank", "feature", "mean_absolute_shap", "standard_error", "mean_shap", "patients"]
    return _csv(
        header,
        (
            (i.target.key, i.modality, i.rank, i.feature, i.mean_absolute, i.standard_error, i.mean, i.patients)
            for i in found
        ),
    )


def shap_csv(found: Iterable[FeatureValues]) -> str:
    """A row a patient, target and feature."""
    header = ["patient", "target", "modality", "feature", "raw", "unit", "shap", "standard_error", "baseline"]
    return _csv([*header, "prediction"], (row for part in found for row in _rows(part)))


def _rows(part: FeatureValues) -> Iterable[tuple[object, ...]]:
    for n, patient in enumerate(part.patients):
        for place, feature in enumerate(part.features):
            yield (
                patient,
                part.target.key,
                part.modality,
                feature.name,
                part.raw[n][place],
                feature.unit,
                float(part.values[n, place]),
                float(part.standard_error[n, place]),
                float(part.baselines[n]),
                float(part.predictions[n]),
            )


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    return text.getvalue()


def _side_by_side(rows: Sequence[tuple[str, FeatureAttribution]]) -> FeatureValues:
    first = rows[0][1]
    return FeatureValues(
        target=first.target,
        modality=first.modality,
        features=first.features,
        patients=tuple(patient for patient, _ in rows),
        values=np.stack([part.values for _, part in rows]),
        standard_error=np.stack([part.standard_error for _, part in rows]),
        raw=tuple(part.raw for _, part in rows),
        baselines=np.array([part.baseline for _, part in rows]),
        predictions=np.array([part.prediction for _, part in rows]),
    )

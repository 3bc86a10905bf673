"""An explanation as JSON, and back; a volume stands in a file of its own and is named here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mmcare.components import Feature
from mmcare.errors import CohortError, Finding
from mmcare.explain.explanation import (
    AttentionFigure,
    FeatureAttribution,
    ModalityAttribution,
    PatientExplanation,
    Saliency,
    Target,
)
from mmcare.formats import file_name

__all__ = ["as_json", "read_features", "saliency_name"]

Json = dict[str, Any]


def as_json(explanation: PatientExplanation, settings: Mapping[str, object]) -> str:
    """All figures of an explanation but the volumes.

    Args:
        explanation: Of one patient.
        settings: What decided it: written beside it, so that it can be told from another.
    """
    data = {
        "settings": dict(settings),
        "patient": explanation.patient,
        "background": list(explanation.background),
        "features": [_features(part) for part in explanation.features],
        "modalities": [_modalities(part) for part in explanation.modalities],
        "saliency": [_saliency(part) for part in explanation.saliency],
        "attention": [_attention(part) for part in explanation.attention],
        "integrated_gradients": [_features(part) for part in explanation.gradients],
        "notes": list(explanation.notes),
        "seconds": {part: round(seconds, 3) for part, seconds in explanation.seconds.items()},
    }
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def saliency_name(saliency: Saliency, *, against: bool = False) -> str:
    """File name of a map: `ct-os-3y-sbrt.nii.gz`, `ct-os-3y-surgery-minus-sbrt-against.nii.gz`."""
    target = saliency.target
    arms = target.arm if target.minus is None else f"{target.arm}-minus-{target.minus}"
    stem = f"{saliency.modality}-{target.endpoint}-{target.horizon:g}y-{arms}{'-against' if against else ''}"
    return file_name(stem, ".nii.gz")


def read_features(file: Path, settings: Mapping[str, object]) -> tuple[FeatureAttribution, ...] | None:
    """The Shapley values of a file that `as_json` wrote; None where it is not there or was made by other settings.

    Raises:
        CohortError: The file is no such record.
    """
    if not file.exists():
        return None
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data["settings"] != dict(settings):
            return None
        return tuple(_read_features(part) for part in data["features"])
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        what = f"is no explanation that `mmcare explain` wrote: {type(error).__name__}."
        raise CohortError(Finding(file=file, what=what, todo="Take it away; it is made again.")) from error


def _features(part: FeatureAttribution) -> Json:
    rows = zip(part.features, part.raw, part.values.tolist(), part.standard_error.tolist(), strict=True)
    return {
        **_head(part.target),
        "modality": part.modality,
        "baseline": part.baseline,
        "prediction": part.prediction,
        "exact": part.exact,
        "features": [
            {"name": f.name, "unit": f.unit, "levels": list(f.levels), "raw": raw, "value": value, "standard_error": se}
            for f, raw, value, se in rows
        ],
    }


def _read_features(data: Json) -> FeatureAttribution:
    rows = data["features"]
    return FeatureAttribution(
        target=Target(**data["target"]),
        modality=data["modality"],
        features=tuple(Feature(row["name"], row["unit"], tuple(row["levels"])) for row in rows),
        raw=tuple(row["raw"] for row in rows),
        values=np.array([row["value"] for row in rows], dtype=np.float64),
        standard_error=np.array([row["standard_error"] for row in rows], dtype=np.float64),
        baseline=float(data["baseline"]),
        prediction=float(data["prediction"]),
        exact=bool(data["exact"]),
    )


def _modalities(part: ModalityAttribution) -> Json:
    shares = dict(zip(part.modalities, part.values.tolist(), strict=True))
    return {**_head(part.target), "baseline": part.baseline, "prediction": part.prediction, "values": shares}


def _saliency(part: Saliency) -> Json:
    return {
        **_head(part.target),
        "modality": part.modality,
        "method": part.method,
        "scale": part.scale,
        "in_tumour": part.in_tumour,
        "against_in_tumour": part.against_in_tumour,
        "tumour_share": part.tumour_share,
        "file": saliency_name(part),
        "file_against": saliency_name(part, against=True),
    }


def _attention(part: AttentionFigure) -> Json:
    round_: Callable[[Sequence[float]], list[float]] = lambda row: [round(weight, 6) for weight in row]  # noqa: E731
    weights = [round_(row) for row in part.weights.tolist()]
    return {"name": part.name, "queries": list(part.queries), "keys": list(part.keys), "weights": weights}


def _head(target: Target) -> Json:
    return {"key": target.key, "target": asdict(target)}

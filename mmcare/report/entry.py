"""What the index of many reports says of each patient; stands beside the report as JSON."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from mmcare.report.data import ReportData
from mmcare.report.part import Missing, Part

__all__ = ["Entry", "EntryFigure", "entry_of", "read_entry"]


class EntryFigure(Part):
    """The leading endpoint's probability under one arm, at the decision's horizon or the nearest."""

    arm: str
    probability: float | None


class Entry(Part):
    """One patient.

    Attributes:
        key: Of what the report was made from; another key, and the report is made anew.
        patient: Id. file: Name of the report; empty where there is none: `error` says why.
        split: Of the run that the patient was in. absent: Modalities that the patient lacks.
        advised: Name of the arm; empty, none. reason: Title of the first step that failed, or why there is no advice.
        endpoint: Name of the leading one. horizon: Years. figures: By arm.
    """

    key: str
    patient: str
    file: str
    split: str | None = None
    absent: tuple[str, ...] = ()
    advised: str = ""
    reason: str = ""
    endpoint: str = ""
    horizon: float = 0.0
    figures: tuple[EntryFigure, ...] = ()
    error: str = ""


def entry_of(data: ReportData, file: str, key: str) -> Entry:
    """The entry of a report."""
    leading = data.endpoints[0]
    horizon = min(leading.horizons, key=lambda h: abs(h - data.rule.horizon))
    names = {arm.key: arm.name for arm in data.arms}
    advised, reason = _advice(data, names)
    return Entry(
        key=key,
        patient=data.patient,
        file=file,
        split=data.split,
        absent=tuple(modality.key for modality in data.inputs if modality.absent),
        advised=advised,
        reason=reason,
        endpoint=leading.name,
        horizon=horizon,
        figures=tuple(
            EntryFigure(arm=names[p.arm], probability=p.probability)
            for p in data.probabilities
            if (p.endpoint, p.horizon) == (leading.key, horizon)
        ),
    )


def _advice(data: ReportData, names: dict[str, str]) -> tuple[str, str]:
    if isinstance(data.choice, Missing):
        return "", data.choice.what
    if data.choice.arm is not None:
        return names[data.choice.arm], ""
    return "", next((step.title for step in data.choice.steps if not step.passed), "")


def read_entry(path: Path) -> Entry | None:
    """What stands in the file; None where it is not there, or damaged."""
    try:
        return Entry.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None

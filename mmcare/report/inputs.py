"""What the run was given of the patient: every value, what was not measured, and what the patient lacks."""

from __future__ import annotations

from typing import Any

from mmcare.components import Feature, Modality
from mmcare.errors import Finding
from mmcare.report.case import Case
from mmcare.report.part import Part

__all__ = ["InputFeature", "ModalityInputs", "inputs_of"]


class InputFeature(Part):
    """One input: its name, unit, and the value as a person would write it.

    Attributes:
        value: None where it was not measured.
        levels: Of a category; empty for a number.
    """

    name: str
    unit: str
    value: float | str | None
    levels: tuple[str, ...] = ()


class ModalityInputs(Part):
    """One modality of the run's spec.

    Attributes:
        key: Key in the spec. component: What reads it, such as `table`.
        image: Whether it is a volume, and so has no features.
        absent: Why the patient does not have it; empty where he has.
        features: All of them, in the model's order; of an absent modality none.
        notes: What was found while reading.
    """

    key: str
    component: str
    image: bool
    absent: str
    features: tuple[InputFeature, ...]
    notes: tuple[str, ...] = ()


def inputs_of(case: Case) -> tuple[ModalityInputs, ...]:
    """The patient's inputs, modality by modality."""
    return tuple(_modality(case, name, modality) for name, modality in case.inputs.modalities.items())


def _modality(case: Case, name: str, modality: Modality[Any]) -> ModalityInputs:
    item = case.inputs.samples[name].prepared.get(case.patient)
    fitted = case.inputs.fitted[name]
    component = case.run.spec.modalities[name].entry.component
    features: tuple[InputFeature, ...] = ()
    notes: tuple[str, ...] = ()
    if item is not None:
        raw = modality.raw_values(item, fitted)
        features = tuple(map(_feature, modality.features(fitted), raw))
        notes = tuple(_said(f) for f in modality.findings({case.patient: item}, fitted))
    return ModalityInputs(
        key=name,
        component=component.name,
        image=component.gives == "volume",
        absent=case.absent.get(name, ""),
        features=features,
        notes=notes,
    )


def _said(finding: Finding) -> str:
    """The page is about one patient: that it is one need not be said."""
    text = f"{finding.what} {finding.todo}".strip().replace(" for 1 patient", "").replace(" (1 patient)", "")
    return text[:1].upper() + text[1:]


def _feature(feature: Feature, value: float | str | None) -> InputFeature:
    known = None if isinstance(value, float) and value != value else value
    return InputFeature(name=feature.name, unit=feature.unit, value=known, levels=feature.levels)

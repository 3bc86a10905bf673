"""What a spec assembles, with the sizes that a cohort decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from mmcare.cohort import Cohort
from mmcare.components import InputLayout, Modality
from mmcare.inputs import read_inputs
from mmcare.model import Description, describe
from mmcare.spec import ResolvedPart, Spec

__all__ = ["describe_with_cohort"]


def describe_with_cohort(spec: Spec, cohort: Cohort) -> Description:
    """The parts of a network, sized for a cohort.

    Tables, graphs, sequences and tokens are read for it, of all patients; an image's size is the spec's, so none is
    opened.

    Raises:
        CohortError: The cohort lacks what the spec needs, or its files cannot be used.
    """
    outcomes = cohort.outcome_layout() if cohort.has_outcomes else None
    return describe(spec, _layouts(spec, cohort), outcomes)


def _layouts(spec: Spec, cohort: Cohort) -> Mapping[str, InputLayout]:
    read = {name: part for name, part in spec.modalities.items() if _is_sized_by_data(name, part, cohort)}
    fitted = read_inputs(replace(spec, modalities=read), cohort, None).fit(cohort.patients).layouts
    return {name: fitted[name] if name in read else _without_data(part) for name, part in spec.modalities.items()}


def _is_sized_by_data(name: str, part: ResolvedPart, cohort: Cohort) -> bool:
    """Whether the cohort holds it and its layout depends on what is there."""
    config, gives = part.config, part.entry.component.gives
    source = cohort.source(config.from_ or name, gives=gives, optional=config.optional)  # type: ignore[attr-defined]
    return gives != "volume" and source is not None


def _without_data(part: ResolvedPart) -> InputLayout:
    return cast("Modality[Any]", part.make()).layout(None)

"""The keys of a spec that belong to no component, those of a cohort's dictionary, and the figures of evaluation."""

from __future__ import annotations

from collections.abc import Iterable

from keys import key_list

from mmcare.cohort.dictionary import Dictionary
from mmcare.evaluation.definitions import DEFINITIONS, HEADLINE, definition
from mmcare.spec.document import SpecDocument
from mmcare.spec.settings import DecisionConfig, Requires, SplitConfig, TrainingConfig

SECTIONS = {"requires": Requires, "split": SplitConfig, "training": TrainingConfig, "decision": DecisionConfig}


def key_pages() -> dict[str, str]:
    """`spec-keys.md`, `cohort-keys.md` and `evaluation-figures.md`."""
    return {"spec-keys.md": _spec(), "cohort-keys.md": _cohort(), "evaluation-figures.md": _figures()}


def _spec() -> str:
    parts = [
        "# All keys of a spec",
        "[Specs](specs.md) explains how they work together; the keys of a part stand on the page of the "
        "[component](components/index.md) that its `use:` names.",
        "## Top level",
        key_list(SpecDocument),
    ]
    for name, model in SECTIONS.items():
        parts += [f"## {name}", (model.__doc__ or "").strip(), key_list(model)]
    return "\n\n".join(parts) + "\n"


def _cohort() -> str:
    return (
        "\n\n".join(
            [
                "# All keys of cohort.yaml",
                "[Cohorts](cohorts.md) explains the folder. An entry of `modalities` holds what its reader asks for.",
                key_list(Dictionary),
            ]
        )
        + "\n"
    )


def _figures() -> str:
    intro = (
        "The figures of [`mmcare evaluate`](evaluation.md), each per arm and horizon. "
        "tau is the end of the time looked at."
    )
    parts = ["# Figures of evaluation", intro, "## Printed", _defined(HEADLINE)]
    parts += ["## In metrics.json as well", _defined(name for name in DEFINITIONS if name not in HEADLINE)]
    return "\n\n".join(parts) + "\n"


def _defined(names: Iterable[str]) -> str:
    return "\n".join(f"- `{name}`: {definition(name)}." for name in names)

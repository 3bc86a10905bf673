"""What a spec assembles, without weights or patients: its parts, the shapes between them, their parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from mmcare.components import (
    Endpoint,
    GraphLayout,
    InputLayout,
    Modality,
    OutcomeLayout,
    SequenceLayout,
    TableLayout,
    TokensLayout,
    VolumeLayout,
)
from mmcare.model.build import build, build_segmenter
from mmcare.model.model import Model
from mmcare.spec import Spec

__all__ = ["Description", "PartDescription", "describe"]


@dataclass(frozen=True, slots=True)
class PartDescription:
    """One part: its key path, component, the shapes it takes and gives, and how many parameters it has."""

    path: str
    component: str
    takes: str
    gives: str
    parameters: int
    trainable: int


@dataclass(frozen=True, slots=True)
class Description:
    """All parts of a network in the order of a patient's way, and the meaning of letters in their shapes."""

    name: str
    parts: tuple[PartDescription, ...]
    letters: Mapping[str, str]

    @property
    def parameters(self) -> int:
        """Number of parameters of the whole network."""
        return sum(part.parameters for part in self.parts)


LETTERS = {
    "B": "patients",
    "b": "patients who have the modality",
    "F": "features of the table",
    "V": "genes",
    "N": "tokens",
    "D": "width",
}


def describe(
    spec: Spec, layouts: Mapping[str, InputLayout] | None = None, outcomes: OutcomeLayout | None = None
) -> Description:
    """Assemble the network on the meta device and say what it is.

    Args:
        spec: A resolved spec that describes a network.
        layouts: Fitted layouts; without them, sizes that data decide are letters.
        outcomes: The cohort's; without it, what the spec's head names, with the paper's horizons.
    """
    layouts = layouts or {name: _modality(spec, name).layout(None) for name in spec.modalities}
    outcomes = outcomes or assumed_outcomes(spec)
    with torch.device("meta"):
        model = build(spec.without_weights(), layouts, outcomes)  # nothing to load into on the meta device
        segmenters = tuple(_segmenters(spec, model))
    letters = {size: letter for layout in layouts.values() for size, letter in layout.letters.items()}
    parts = (*segmenters, *_encoders(spec, model, layouts, letters), *_trunk(spec, model, letters))
    return Description(spec.name, parts, LETTERS)


def assumed_outcomes(spec: Spec) -> OutcomeLayout:
    """Arms and endpoints for a spec without a cohort: those it requires or names, else the paper's."""
    named = getattr(spec.head.config, "endpoints", None) if spec.head is not None else None
    known = {"os": Endpoint("os", (1.0, 3.0, 5.0)), "lc": Endpoint("lc", (1.0, 3.0), competing=True)}
    endpoints = tuple(known.get(name, Endpoint(name, (1.0, 3.0, 5.0))) for name in named or known)
    arms = getattr(spec.requires, "arms", None) or ("sbrt", "surgery")
    return OutcomeLayout(tuple(arms), endpoints)


def _modality(spec: Spec, name: str) -> Modality:  # type: ignore[type-arg]
    return cast(Modality, spec.modalities[name].make())  # type: ignore[type-arg]


def _segmenters(spec: Spec, model: Model) -> Iterable[PartDescription]:
    """The segmenters with weights that locate a modality; they train on with the model only with `freeze: false`."""
    for name, modality in spec.modalities.items():
        part = modality.parts.get("roi")
        if part is None:
            continue
        parameters, _ = _count(build_segmenter(part.without_weights()))
        trained = f"modality-{name}" in model.mask_modules
        if parameters:
            takes = "HU (b, 1, volume)"
            yield PartDescription(
                part.path, part.entry.qualified, takes, "mask (b, 1, volume)", parameters, parameters if trained else 0
            )


def _encoders(
    spec: Spec, model: Model, layouts: Mapping[str, InputLayout], letters: Mapping[int, str]
) -> Iterable[PartDescription]:
    for name, encoder in model.encoders.items():
        part = spec.modalities[name].parts["encoder"]
        tokens = (encoder.tokens.count, encoder.dim)
        yield PartDescription(
            part.path,
            part.entry.qualified,
            _shape("b", _input_shape(layouts[name]), letters),
            _shape("b", tokens, letters),
            *_count(encoder),
        )


def _trunk(spec: Spec, model: Model, letters: Mapping[int, str]) -> Iterable[PartDescription]:
    paths = len(model.fusion.paths)
    fused = (paths, model.fusion.dim)
    name = spec.fusion.entry.qualified if spec.fusion is not None else "mean of the tokens"
    yield PartDescription(
        "fusion",
        name,
        _tokens([encoder.tokens.count for encoder in model.encoders.values()], letters),
        _shape("B", fused, letters),
        *_count(model.fusion),
    )
    assert spec.head is not None
    arms, endpoints = len(model.outcomes.arms), [e.name for e in model.outcomes.endpoints]
    gives = f"{arms} arms x {', '.join(endpoints)}"
    yield PartDescription("head", spec.head.entry.qualified, _shape("B", fused, letters), gives, *_count(model.heads))


def _count(module: nn.Module) -> tuple[int, int]:
    sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
    return sum(n for n, _ in sizes), sum(n for n, trainable in sizes if trainable)


def _input_shape(layout: InputLayout) -> tuple[int, ...]:
    match layout:
        case VolumeLayout():
            return (1, *layout.size)
        case TableLayout():
            return (len(layout.features),)
        case GraphLayout():
            return (len(layout.nodes), len(layout.channels))
        case SequenceLayout():
            return (len(layout.slots),)
        case TokensLayout():
            return (len(layout.names), layout.dim)
    raise TypeError(f"no such layout: {type(layout).__name__}")


def _tokens(counts: Iterable[int], letters: Mapping[int, str]) -> str:
    """The tokens of all modalities: `64 + F + V tokens`; known numbers are added up."""
    counts = list(counts)
    known = sum(count for count in counts if count not in letters)
    named = [letters[count] for count in counts if count in letters]
    return f"{' + '.join([*([str(known)] if known else []), *named])} token{'' if (known, named) == (1, []) else 's'}"


def _shape(first: str, sizes: Iterable[int], letters: Mapping[int, str]) -> str:
    return f"({', '.join([first, *(letters.get(size, str(size)) for size in sizes)])})"

"""From a resolved spec and the layouts of its inputs to the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from mmcare.components import Encoder, Fusion, Head, InputLayout, OutcomeLayout, Segmenter, VolumeLayout
from mmcare.errors import Finding, PluginError, SpecError
from mmcare.model.model import Model
from mmcare.model.pooling import SinglePath
from mmcare.model.soft_mask import SoftMask
from mmcare.registry import FusionConfig, NetworkConfig
from mmcare.spec import ResolvedPart, Spec

__all__ = ["Tell", "Weights", "build", "build_segmenter"]

Weights = Mapping[str, Mapping[str, Tensor]]
"""Loaded tensors by the key path of the part that names them in `weights:`."""

Tell = Callable[[Iterable[Finding]], None]
"""Where findings go."""


def _unheard(findings: Iterable[Finding]) -> None:
    """Where nobody listens."""


def build(
    spec: Spec,
    layouts: Mapping[str, InputLayout],
    outcomes: OutcomeLayout,
    weights: Weights | None = None,
    tell: Tell = _unheard,
) -> Model:
    """The network of a spec, in training mode, its frozen parts in evaluation mode.

    Args:
        spec: A resolved spec that describes a network.
        layouts: What each modality's encoder must know, by the spec's key.
        outcomes: Arms, endpoints and horizons of the cohort.
        weights: Tensors for the parts whose config names `weights`, by key path.
        tell: Told what encoders did with weights that are not their own.

    Raises:
        SpecError: A modality has no encoder, or weights do not fit.
        PluginError: A component cannot be imported or made, or breaks its contract.
    """
    encoders = {name: _encoder(name, part, layouts[name]) for name, part in spec.modalities.items()}
    fusion = _fusion(spec, encoders)
    head = _required(spec.head, "head")
    heads = [cast(Head, head.make(fusion.dim, outcomes)) for _ in fusion.paths]
    for name, encoder in encoders.items():
        _adapt(encoder, spec.modalities[name].parts["encoder"], weights or {}, tell)
    _prepare(spec, fusion, heads, weights or {})
    model = Model(encoders, fusion, heads, outcomes, _soft_masks(spec, layouts, weights or {}))
    return model.train()  # what is frozen goes to evaluation mode: a new module is in training mode unasked


def build_segmenter(part: ResolvedPart, weights: Weights | None = None) -> Segmenter:
    """The segmenter that a modality's `roi` or a spec's `segmenter` names."""
    segmenter = cast(Segmenter, part.make())
    _load(segmenter, part, weights or {})
    return segmenter


def _encoder(name: str, part: ResolvedPart, layout: InputLayout) -> Encoder:
    inner = _required(part.parts.get("encoder"), f"modalities.{name}.encoder")
    encoder = cast(Encoder, inner.make(layout))
    if not isinstance(getattr(encoder, "dim", None), int) or not hasattr(encoder, "tokens"):
        raise PluginError(
            Finding(
                key=inner.path,
                what=f"the encoder `{inner.entry.qualified}` sets no `dim` (a whole number) or no `tokens`"
                " (a TokenLayout).",
                todo="Set both in its constructor; `mmcare plugin check` says what else the contract asks.",
            )
        )
    return encoder


def _soft_masks(spec: Spec, layouts: Mapping[str, InputLayout], weights: Weights) -> Mapping[str, SoftMask]:
    """The segmenters that the spec trains on with the model: those with `freeze: false` and something to learn."""
    masks = {}
    for name, part in spec.modalities.items():
        roi, layout = part.parts.get("roi"), layouts[name]
        if roi is None or not isinstance(layout, VolumeLayout) or cast(NetworkConfig, roi.config).freeze:
            continue
        segmenter = build_segmenter(roi, weights)
        if segmenter.learns:
            masks[name] = SoftMask(segmenter, layout)
    return masks


def _fusion(spec: Spec, encoders: Mapping[str, Encoder]) -> Fusion:
    layouts = {name: encoder.tokens for name, encoder in encoders.items()}
    dims = {name: encoder.dim for name, encoder in encoders.items()}
    if len(encoders) == 1 or spec.fusion is None:
        return SinglePath(FusionConfig(weights=None, freeze=False), layouts, dims)
    return cast(Fusion, spec.fusion.make(layouts, dims))


def _adapt(encoder: Encoder, part: ResolvedPart, weights: Weights, tell: Tell) -> None:
    """Load what an encoder starts from, after the encoder has fitted it to itself; freeze it where the spec does."""
    key = f"{part.path}.weights"
    if part.path in weights:
        try:
            adapted = encoder.adapt(weights[part.path])
        except SpecError as error:
            raise SpecError([finding.at(key=key) for finding in error.findings]) from error
        tell([finding.at(key=key) for finding in adapted.findings])
        weights = {part.path: adapted.tensors}
    _load(encoder, part, weights)


def _prepare(spec: Spec, fusion: Fusion, heads: list[Head], weights: Weights) -> None:
    """Load the weights that fusion and heads start from, and freeze what the spec freezes."""
    if spec.fusion is not None and not isinstance(fusion, SinglePath):
        _load(fusion, spec.fusion, weights)
    for head in heads:
        _load(head, _required(spec.head, "head"), weights)


def _load(module: nn.Module, part: ResolvedPart, weights: Weights) -> None:
    config = part.config
    if not isinstance(config, NetworkConfig):
        return
    if config.weights is not None:
        _load_tensors(module, part, weights[part.path])
    if config.freeze:
        module.requires_grad_(False)


def _load_tensors(module: nn.Module, part: ResolvedPart, tensors: Mapping[str, Tensor]) -> None:
    own = module.state_dict()
    wrong = [
        Finding(key=f"{part.path}.weights", what=f"{name}: expected {tuple(own[name].shape)}, found {tuple(t.shape)}.")
        for name, t in tensors.items()
        if name in own and own[name].shape != t.shape
    ]
    wrong += [
        Finding(key=f"{part.path}.weights", what=f"the tensor {name} is missing.")
        for name in own
        if name not in tensors
    ]
    if wrong:
        raise SpecError(wrong)
    with torch.no_grad():
        module.load_state_dict({name: tensors[name] for name in own})


def _required(part: ResolvedPart | None, path: str) -> ResolvedPart:
    if part is None:
        raise SpecError(
            Finding(
                key=path, what="is missing; a network needs it.", todo=f"Add `{path.split('.')[-1]}: {{use: NAME}}`."
            )
        )
    return part

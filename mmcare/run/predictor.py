"""What predicts: a trained network or a fitted baseline, behind one method."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from mmcare.components import (
    Baseline,
    Batch,
    EndpointPrognosis,
    InputLayout,
    OutcomeLayout,
    Prognosis,
    Representation,
    State,
    Tokens,
)
from mmcare.errors import Finding, RunError, cut
from mmcare.model import Model, build, full_precision
from mmcare.model.paths import average_members, side_by_side
from mmcare.run.json_file import RESTORE
from mmcare.run.store import read_fitted, read_tensors
from mmcare.spec import Spec

__all__ = [
    "BaselinePredictor",
    "EnsemblePredictor",
    "NetworkPredictor",
    "Predictor",
    "cat_prognoses",
    "load_predictor",
    "load_predictors",
    "load_weights",
    "make_baseline",
]


class Predictor(Protocol):
    """Says what a batch of patients can expect."""

    def prognosis(self, batch: Batch) -> Prognosis:
        """The prognosis under all arms."""


class NetworkPredictor:
    """A trained network, in eval mode and fp32."""

    def __init__(self, model: Model) -> None:
        self.model = model.eval()

    def prognosis(self, batch: Batch) -> Prognosis:
        """The prognosis under all arms, on the network's device."""
        device = next(self.model.parameters()).device
        with torch.no_grad(), full_precision():
            return self.model.predict(self.model(batch.to(device)))

    def representation(self, batch: Batch) -> Representation:
        """What the heads see: R, on the network's device."""
        device = next(self.model.parameters()).device
        with torch.no_grad(), full_precision():
            return self.model.represent(self.model.encode(batch.to(device)))

    def tokens(self, batch: Batch, name: str) -> Tokens:
        """What one modality's encoder makes of it, on the network's device; no other encoder runs."""
        alone = {name: batch.modalities[name]} if name in batch.modalities else {}
        device = next(self.model.parameters()).device
        with torch.no_grad(), full_precision():
            return self.model.encode(dataclasses.replace(batch, modalities=alone).to(device))[name]


class EnsemblePredictor:
    """Several networks, trained alike but for their seeds; the mean of their probabilities.

    How far they differ says how much the training wavers, not how sure a figure is: it is no interval.
    """

    def __init__(self, members: Sequence[NetworkPredictor]) -> None:
        self.members = tuple(members)

    def prognosis(self, batch: Batch) -> Prognosis:
        """The mean prognosis under all arms, on the CPU."""
        return average_members([_on_cpu(member.prognosis(batch)) for member in self.members])

    def representation(self, batch: Batch) -> Representation:
        """What the members' heads see, side by side, on the CPU."""
        return side_by_side([member.representation(batch) for member in self.members])


class BaselinePredictor:
    """A fitted baseline."""

    def __init__(self, baseline: Baseline[Any]) -> None:
        self.baseline = baseline

    def prognosis(self, batch: Batch) -> Prognosis:
        """The prognosis under all arms."""
        return self.baseline.predict(batch)


def load_predictors(
    spec: Spec, layouts: Mapping[str, InputLayout], outcomes: OutcomeLayout, members: Sequence[Path]
) -> Predictor:
    """The predictor of a run, of one member or of several.

    Raises:
        RunError: Files are damaged or do not fit the spec.
    """
    found = [load_predictor(spec, layouts, outcomes, member) for member in members]
    return found[0] if len(found) == 1 else EnsemblePredictor(cast("list[NetworkPredictor]", found))


def make_baseline(spec: Spec, layouts: Mapping[str, InputLayout], outcomes: OutcomeLayout) -> Baseline[Any]:
    """The unfitted baseline of a spec that describes one."""
    assert spec.baseline is not None, "a spec of kind baseline has one"
    return cast("Baseline[Any]", spec.baseline.make(layouts, outcomes))


def load_predictor(spec: Spec, layouts: Mapping[str, InputLayout], outcomes: OutcomeLayout, member: Path) -> Predictor:
    """The predictor whose fitted state stands in a member's folder.

    Raises:
        RunError: Its files are damaged or do not fit the spec.
    """
    if spec.baseline is not None:
        return BaselinePredictor(_restored(make_baseline(spec, layouts, outcomes), member))
    model = build(spec.without_weights(), layouts, outcomes)
    load_weights(model, member / "weights.safetensors")
    return NetworkPredictor(model)


def _restored(baseline: Baseline[Any], member: Path) -> Baseline[Any]:
    record = read_fitted(member, "state")
    try:
        baseline.restore(State(record.values, record.arrays))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        what = f"the baseline cannot be restored from it: {type(error).__name__}: {cut(str(error))}."
        raise RunError(Finding(file=member / "state.json", what=what, todo=RESTORE, code="state")) from error
    return baseline


def load_weights(model: torch.nn.Module, path: Path) -> None:
    """Put the tensors of a weights file into a network.

    Raises:
        RunError: A tensor is missing, too much, of another shape or type, or a weight is not finite; the first ten are
            named.
    """
    tensors = read_tensors(path)
    wrong = _differences(model.state_dict(), tensors)
    if wrong:
        todo = "The run's spec and weights do not belong together: restore both from a copy of the run."
        raise RunError([Finding(file=path, what=what, todo=todo, code="tensor") for what in wrong[:10]])
    try:
        model.load_state_dict(dict(tensors))
    except RuntimeError as error:  # a tensor that is sized when it is fitted has a size that cannot be
        reason = str(error).strip().splitlines()[-1].strip().rstrip(".")
        raise RunError(Finding(file=path, what=f"{cut(reason, 200)}.", todo=RESTORE, code="tensor")) from error
    wrong = list(_not_finite(model))
    if wrong:
        raise RunError([Finding(file=path, what=what, todo=RESTORE, code="not-finite") for what in wrong[:10]])


def _not_finite(model: torch.nn.Module) -> Iterator[str]:
    """A buffer may say "not known" by NaN; a weight may not."""
    for name, weight in model.named_parameters():
        if count := int((~weight.isfinite()).sum()):
            yield f"the tensor {name} holds {count:,} of {weight.numel():,} numbers that are not finite."


def _differences(own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    wrong = [f"the tensor {name} is missing." for name in own if name not in found]
    wrong += [f"the tensor {name} belongs to no part of the network." for name in found if name not in own]
    for name, tensor in own.items():
        if name in found and not _fits(tensor, found[name]):
            wrong.append(f"the tensor {name}: expected {_said(tensor)}, found {_said(found[name])}.")
    return wrong


def _fits(own: Tensor, found: Tensor) -> bool:
    # buffers that a head sizes when it is fitted are empty before
    return own.dtype == found.dtype and (own.shape == found.shape or own.numel() == 0)


def _said(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def _on_cpu(prognosis: Prognosis) -> Prognosis:
    def moved(values: Tensor | None) -> Tensor | None:
        return None if values is None else values.cpu()

    endpoints = {
        name: dataclasses.replace(
            endpoint,
            at_horizons=endpoint.at_horizons.cpu(),
            free=moved(endpoint.free),
            competing=moved(endpoint.competing),
            support_years=endpoint.support_years.cpu(),
            personal=endpoint.personal.cpu(),
        )
        for name, endpoint in prognosis.endpoints.items()
    }
    return Prognosis(prognosis.grid.cpu(), endpoints)


def cat_prognoses(parts: Sequence[Prognosis]) -> Prognosis:
    """The patients of several prognoses of one model, in order."""
    first = parts[0]
    endpoints = {name: _cat_endpoint([part.endpoints[name] for part in parts]) for name in first.endpoints}
    return Prognosis(first.grid, endpoints)


def _cat_endpoint(parts: Sequence[EndpointPrognosis]) -> EndpointPrognosis:
    first = parts[0]
    return EndpointPrognosis(
        horizons=first.horizons,
        at_horizons=torch.cat([p.at_horizons for p in parts]),
        free=None if first.free is None else torch.cat([p.free for p in parts if p.free is not None]),
        competing=None
        if first.competing is None
        else torch.cat([p.competing for p in parts if p.competing is not None]),
        support_years=first.support_years,
        monotone=first.monotone,
        personal=first.personal,
    )

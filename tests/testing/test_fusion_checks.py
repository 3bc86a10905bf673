"""Each check of a fusion fails for a fusion that breaks what it checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn

from mmcare.components import Fusion, Representation, Tokens, masked_mean
from mmcare.registry import FusionConfig

from .conftest import Run


class Good(Fusion[FusionConfig]):
    """The mean of the modalities' mean tokens, each through a layer of its own."""

    def __init__(self, config: FusionConfig, layouts: Mapping[str, Any], dims: Mapping[str, int]) -> None:
        super().__init__(config, layouts, dims)
        self.dim, self.paths = 5, ("joint",)
        self.layers = nn.ModuleDict({name: nn.Linear(dim, self.dim) for name, dim in dims.items()})

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        pooled = {name: masked_mean(t) for name, t in tokens.items()}
        there = torch.cat([t.mask for t in pooled.values()], 1)
        values = torch.cat([self.layers[name](t.values) for name, t in pooled.items()], 1)
        kept = torch.where(there[..., None], values, 0.0).sum(1, keepdim=True)
        return Representation(kept / there.sum(1).clamp(min=1)[:, None, None], there.any(1, keepdim=True))


BROKEN: dict[type, tuple[str, str]] = {}


def breaks(check: str, message: str) -> Callable[[type], type]:
    def note(cls: type) -> type:
        BROKEN[cls] = (check, message)
        return cls

    return note


@breaks("fusion: R (B, P, D), mask (B, P)", "expected (6, 1, 5), found (6, 5)")
class NoPaths(Good):
    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        r = super().forward(tokens)
        return Representation(r.values[:, 0], r.mask)


@breaks("fusion: R (B, P, D), mask (B, P)", "mask is (B, P) bool")
class MaskOfNumbers(Good):
    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        r = super().forward(tokens)
        return Representation(r.values, r.mask.float())


@breaks("fusion: what stands behind a mask changes nothing", "nan behind a mask changes R")
class ReadsBehindTheMask(Good):
    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        return super().forward({name: Tokens(t.values, torch.ones_like(t.mask)) for name, t in tokens.items()})


@breaks("fusion: a patient with one modality alone is finite", "R is not finite with")
class DividesByThoseAbsent(Good):
    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        r = super().forward(tokens)
        absent = torch.stack([~t.mask.any(1) for t in tokens.values()], 1).sum(1)
        return Representation(r.values / (2 - absent)[:, None, None], r.mask)


@breaks("fusion: a patient with one modality alone is finite", "alone has no path")
class WantsThemAll(Good):
    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        whole = torch.stack([t.mask.any(1) for t in tokens.values()], 1).all(1, keepdim=True)
        return Representation(super().forward(tokens).values, whole)


@breaks("fusion: batch mates change nothing in eval mode", "R depends on batch mates")
class CentresTheBatch(Good):
    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        r = super().forward(tokens)
        return Representation(r.values - r.values.mean(0), r.mask)


@breaks("fusion: a gradient reaches every parameter", "no gradient reaches layers.ct.weight")
class ForgetsTheCT(Good):
    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        return super().forward({name: t for name, t in tokens.items() if name != "ct"})


@breaks("fusion: R differs between patients", "of R's RMS; at least 0.1 is needed")
class DrownsThePatient(Good):
    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        r = super().forward(tokens)
        return Representation(r.values + 100.0, r.mask)


@breaks("fusion: recording changes nothing", "recording attention changes R")
class ChangedByRecording(Good):
    factor = 1.0

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        r = super().forward(tokens)
        return Representation(r.values * self.factor, r.mask)

    @contextmanager
    def recording(self) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        self.factor = 2.0
        yield {}
        self.factor = 1.0


@breaks("fusion: state dict loads into a new one", "Tensor-likes are not close")
class KeepsStateApart(Good):
    def __init__(self, config: FusionConfig, layouts: Mapping[str, Any], dims: Mapping[str, int]) -> None:
        super().__init__(config, layouts, dims)
        self.apart = torch.randn(self.dim)

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        r = super().forward(tokens)
        return Representation(r.values + self.apart, r.mask)


def test_a_good_fusion_passes_them_all(run: Run) -> None:
    ran = run("fusion", FusionConfig, Good)
    assert (ran.failed, ran.not_applicable) == ({}, {})


@pytest.mark.parametrize("cls", BROKEN, ids=lambda c: c.__name__)
def test_a_broken_fusion_fails_the_check_that_it_breaks(cls: type, run: Run) -> None:
    check, message = BROKEN[cls]
    ran = run("fusion", FusionConfig, cls, only=check)
    assert check in ran.failed and message in ran.failed[check]


def test_every_check_can_fail(run: Run) -> None:
    ids = run("fusion", FusionConfig, Good, only="none").all
    assert {name for name in ids if name.startswith("fusion: ")} == {check for check, _ in BROKEN.values()}

"""Each check of an encoder fails for an encoder that breaks what it checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from mmcare.components import Encoder, TableBatch, TableLayout, TokenLayout, Tokens, masked_mean
from mmcare.registry import EncoderConfig

from .conftest import Run


class Widths(EncoderConfig):
    """Keys of the encoder."""

    dim: int = Field(6, ge=1, description="Width of the tokens.")


class Good(Encoder[Widths]):
    """A token a feature."""

    def __init__(self, config: Widths, layout: Any) -> None:
        super().__init__(config, layout)
        assert isinstance(layout, TableLayout)
        names = tuple(feature.name for feature in layout.features)
        self.dim, self.tokens = config.dim, TokenLayout.pooled("row") if config.pooled else TokenLayout(names)
        self.weight = nn.Parameter(torch.randn(len(names), config.dim))
        self.bias = nn.Parameter(0.1 * torch.randn(config.dim))

    def forward(self, batch: TableBatch) -> Tokens:
        tokens = Tokens(
            torch.where(batch.measured, batch.values, 0.0)[..., None] * self.weight + self.bias, batch.measured
        )
        return masked_mean(tokens) if self.config.pooled else tokens


Broken = dict[type, tuple[str, str]]
BROKEN: Broken = {}


def breaks(check: str, message: str) -> Callable[[type], type]:
    def note(cls: type) -> type:
        BROKEN[cls] = (check, message)
        return cls

    return note


SHAPES = "encoder: tokens (b, N, D), mask (b, N) bool"


@breaks(SHAPES, "values: expected (6, 5, 6), found (5, 6, 6)")
class PatientsSecond(Good):
    def forward(self, batch: TableBatch) -> Tokens:
        tokens = super().forward(batch)
        return Tokens(tokens.values.transpose(0, 1), tokens.mask)


@breaks(SHAPES, "mask: expected bool, found torch.float32")
class MaskOfNumbers(Good):
    def forward(self, batch: TableBatch) -> Tokens:
        tokens = super().forward(batch)
        return Tokens(tokens.values, tokens.mask.float())


@breaks(SHAPES, "a patient who has the modality has at least one real token")
class NobodyHasTokens(Good):
    def forward(self, batch: TableBatch) -> Tokens:
        tokens = super().forward(batch)
        return Tokens(tokens.values, torch.zeros_like(tokens.mask))


@breaks(SHAPES, "real tokens are finite")
class NotNumbers(Good):
    def forward(self, batch: TableBatch) -> Tokens:
        tokens = super().forward(batch)
        return Tokens(tokens.values.log(), tokens.mask)


@breaks("encoder: pooled gives one token", "pooled: expected a layout of one token, found 5")
class NeverPooled(Good):
    def __init__(self, config: Widths, layout: Any) -> None:
        super().__init__(config.model_copy(update={"pooled": False}), layout)


@breaks("encoder: what was not measured changes nothing", "nan behind the mask changes tokens")
class ReadsBehindTheMask(Good):
    def forward(self, batch: TableBatch) -> Tokens:
        tokens = super().forward(batch)
        return Tokens(tokens.values + batch.values.sum(1)[:, None, None], tokens.mask)


@breaks("encoder: what was not measured changes nothing", "nan behind the mask changes the mask")
class MasksByValue(Good):
    def forward(self, batch: TableBatch) -> Tokens:
        return Tokens(super().forward(batch).values, batch.measured | batch.values.isnan())


@breaks("encoder: batch mates change nothing in eval mode", "a patient's tokens depend on batch mates")
class CentresTheBatch(Good):
    def forward(self, batch: TableBatch) -> Tokens:
        tokens = super().forward(batch)
        return Tokens(tokens.values - tokens.values.mean(0), tokens.mask)


@breaks("encoder: its batch is left as it was", "changed in place: values")
class ScalesInPlace(Good):
    def forward(self, batch: TableBatch) -> Tokens:
        batch.values.mul_(2.0)
        return super().forward(batch)


@breaks("encoder: a gradient reaches every parameter", "no gradient reaches unused")
class UnusedParameter(Good):
    def __init__(self, config: Widths, layout: Any) -> None:
        super().__init__(config, layout)
        self.unused = nn.Parameter(torch.ones(3))


@breaks("encoder: a gradient reaches every parameter", "no gradient reaches weight")
class Detached(Good):
    def forward(self, batch: TableBatch) -> Tokens:
        values = torch.where(batch.measured, batch.values, 0.0)[..., None] * self.weight.detach() + self.bias
        return Tokens(values, batch.measured)


@breaks("encoder: a gradient reaches every parameter", "a gradient of zero everywhere in weight")
class DeadWeight(Good):
    def forward(self, batch: TableBatch) -> Tokens:
        tokens = super().forward(batch)
        return Tokens(tokens.values * 0 + self.bias, tokens.mask)


@breaks("encoder: tokens differ between patients", "of the tokens' RMS; at least 0.1 is needed")
class DrownsThePatient(Good):
    def forward(self, batch: TableBatch) -> Tokens:
        tokens = super().forward(batch)
        return Tokens(tokens.values + 100.0, tokens.mask)


@breaks("encoder: state dict loads into a new one", "Tensor-likes are not close")
class KeepsStateApart(Good):
    def __init__(self, config: Widths, layout: Any) -> None:
        super().__init__(config, layout)
        self.apart = torch.randn(config.dim)

    def forward(self, batch: TableBatch) -> Tokens:
        tokens = super().forward(batch)
        return Tokens(tokens.values + self.apart, tokens.mask)


@breaks("encoder: builds on the meta device", "parameters that ignore the device they are made on: weight")
class AlwaysOnTheCPU(Good):
    def __init__(self, config: Widths, layout: Any) -> None:
        super().__init__(config, layout)
        self.weight = nn.Parameter(torch.randn(len(layout.features), config.dim, device="cpu"))


class Bare(EncoderConfig):
    dim: int = 6


class Forgetful(Widths):
    """Reads itself back with another value."""

    @model_validator(mode="after")
    def _one_more(self) -> Forgetful:
        object.__setattr__(self, "dim", self.dim + 1)
        return self


class NoEncoder(nn.Module):
    def __init__(self, config: Widths, layout: Any) -> None:
        super().__init__()


RECORDS = [
    ("config: every field has a description", Bare, Good, "config fields without a description: dim"),
    ("config: survives a round trip through JSON", Forgetful, Good, "came back as"),
    ("class: loads and keeps its contract", Widths, NoEncoder, "NoEncoder is no subclass of mmcare.components.Encoder"),
]


def test_a_good_encoder_passes_them_all(run: Run) -> None:
    ran = run("encoder", Widths, Good, takes="table")
    assert (ran.failed, ran.not_applicable) == ({}, {})


@pytest.mark.parametrize("cls", BROKEN, ids=lambda c: c.__name__)
def test_a_broken_encoder_fails_the_check_that_it_breaks(cls: type, run: Run) -> None:
    check, message = BROKEN[cls]
    ran = run("encoder", Widths, cls, only=check, takes="table")
    assert check in ran.failed and message in ran.failed[check]


@pytest.mark.parametrize(("check", "config", "cls", "message"), RECORDS, ids=[r[0] for r in RECORDS])
def test_a_broken_record_fails_the_check_that_it_breaks(
    check: str, config: type[EncoderConfig], cls: type, message: str, run: Run
) -> None:
    ran = run("encoder", config, cls, only=check, takes="table")
    assert check in ran.failed and message in ran.failed[check]


def test_every_check_can_fail(run: Run) -> None:
    tried = {check for check, _ in BROKEN.values()} | {record[0] for record in RECORDS}
    assert set(run("encoder", Widths, Good, only="none", takes="table").all) == tried


class NoParameters(Good):
    def __init__(self, config: Widths, layout: Any) -> None:
        super().__init__(config, layout)
        del self.weight, self.bias

    def forward(self, batch: TableBatch) -> Tokens:
        values: Tensor = torch.where(batch.measured, batch.values, 0.0)[..., None].expand(-1, -1, self.dim)
        tokens = Tokens(values, batch.measured)
        return masked_mean(tokens) if self.config.pooled else tokens


class Needing(EncoderConfig):
    dim: int = Field(description="Width of the tokens; there is no default.")


def test_what_does_not_apply_says_why(run: Run) -> None:
    ran = run("encoder", Widths, NoParameters, takes="table")
    assert not ran.failed and set(ran.not_applicable.values()) == {"it has no parameters"}
    ran = run("encoder", Needing, Good, takes="table")
    assert not ran.failed
    assert set(ran.not_applicable.values()) == {"the config needs dim: it has no defaults to check with"}

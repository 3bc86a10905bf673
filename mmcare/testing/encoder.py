"""Checks of encoders: shapes, masks, batch mates, gradients, spread, saving."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import torch
from torch import Tensor

from mmcare.components import Encoder, ModalityBatch, Tokens, masked_mean
from mmcare.registry import Entry
from mmcare.testing.assertions import assert_every_parameter_learns, assert_same_after_loading, no_dropout_difference
from mmcare.testing.examples import example_batch, example_layout, spoil
from mmcare.testing.not_applicable import NotApplicable
from mmcare.testing.record import default_config

__all__ = ["encoder_checks"]

_ROWS = 6
_LEAST_SPREAD = 0.1


def encoder_checks(entry: Entry) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the checks of an encoder."""
    yield "encoder: tokens (b, N, D), mask (b, N) bool", partial(_shapes, entry)
    yield "encoder: pooled gives one token", partial(_pooled, entry)
    yield "encoder: what was not measured changes nothing", partial(_behind_the_mask, entry)
    yield "encoder: batch mates change nothing in eval mode", partial(_batch_mates, entry)
    yield "encoder: its batch is left as it was", partial(_leaves_its_batch, entry)
    yield "encoder: a gradient reaches every parameter", partial(_gradients, entry)
    yield "encoder: tokens differ between patients", partial(_spread, entry)
    yield "encoder: state dict loads into a new one", partial(_saving, entry)
    yield "encoder: builds on the meta device", partial(_meta, entry)


def make(entry: Entry, pooled: bool = False) -> Encoder:  # type: ignore[type-arg]
    """The encoder on a small layout, from a fixed seed."""
    torch.manual_seed(0)
    config = default_config(entry).model_copy(update={"pooled": pooled})
    return cast(Encoder, entry.load()(config, example_layout(entry.component.takes or "")))  # type: ignore[type-arg]


def inputs(entry: Entry, rows: int = _ROWS) -> ModalityBatch:
    """Rows for it."""
    return example_batch(example_layout(entry.component.takes or ""), rows, torch.Generator().manual_seed(1))


def _tokens(entry: Entry, pooled: bool = False) -> tuple[Encoder, Tokens]:  # type: ignore[type-arg]
    encoder = make(entry, pooled).eval()
    with torch.no_grad():
        return encoder, encoder(inputs(entry))


def _shapes(entry: Entry) -> None:
    encoder, tokens = _tokens(entry)
    expected = (_ROWS, encoder.tokens.count, encoder.dim)
    assert tuple(tokens.values.shape) == expected, f"values: expected {expected}, found {tuple(tokens.values.shape)}"
    assert tuple(tokens.mask.shape) == expected[:2], f"mask: expected {expected[:2]}, found {tuple(tokens.mask.shape)}"
    assert tokens.mask.dtype == torch.bool, f"mask: expected bool, found {tokens.mask.dtype}"
    assert bool(tokens.mask.any(1).all()), "a patient who has the modality has at least one real token"
    assert bool(tokens.values[tokens.mask].isfinite().all()), "real tokens are finite"


def _pooled(entry: Entry) -> None:
    encoder, tokens = _tokens(entry, pooled=True)
    assert encoder.tokens.count == 1, f"pooled: expected a layout of one token, found {encoder.tokens.count}"
    assert tuple(tokens.values.shape) == (_ROWS, 1, encoder.dim), f"pooled: found {tuple(tokens.values.shape)}"


def _behind_the_mask(entry: Entry) -> None:
    encoder = make(entry).eval()
    batch = inputs(entry)
    with torch.no_grad():
        expected = encoder(batch)
        for value in (float("nan"), 1e6):
            found = encoder(spoil(batch, value))
            assert torch.equal(found.mask, expected.mask), f"{value} behind the mask changes the mask"
            torch.testing.assert_close(
                found.values[found.mask], expected.values[found.mask], msg=f"{value} behind the mask changes tokens"
            )


def _batch_mates(entry: Entry) -> None:
    encoder, together = _tokens(entry)
    with torch.no_grad():
        alone = encoder(inputs(entry).take(torch.tensor([2]), torch.tensor([0])))
    expected = together.take(torch.tensor([2]))
    torch.testing.assert_close(
        alone.values[alone.mask],
        expected.values[expected.mask],
        rtol=1e-4,
        atol=1e-5,
        msg=lambda m: f"a patient's tokens depend on batch mates: {m}",
    )


def _leaves_its_batch(entry: Entry) -> None:
    """Prepared crops stay in memory from epoch to epoch: what is changed in place stays changed."""
    batch, before = inputs(entry), inputs(entry)
    with torch.no_grad():
        make(entry).train()(batch)
    changed = [
        field.name
        for field in dataclasses.fields(batch)
        if isinstance(getattr(batch, field.name), Tensor)
        and not torch.equal(getattr(batch, field.name), getattr(before, field.name))
    ]
    assert not changed, f"changed in place: {', '.join(changed)}"


def _gradients(entry: Entry) -> None:
    encoder = make(entry).train()
    if not list(encoder.parameters()):
        raise NotApplicable("it has no parameters")

    def loss() -> Tensor:
        tokens = encoder(inputs(entry))
        weight = torch.randn(tokens.values.shape, generator=torch.Generator().manual_seed(2))
        return (torch.where(tokens.mask[..., None], tokens.values, 0) * weight).sum()

    assert_every_parameter_learns(encoder, loss)


def _spread(entry: Entry) -> None:
    """At the start the pooled tokens differ between patients, or a LayerNorm drowns the patient in a constant."""
    encoder = make(entry).train()
    with torch.no_grad(), no_dropout_difference(encoder):
        pooled = masked_mean(encoder(inputs(entry, 16))).values[:, 0]
    spread, size = pooled.std(0).square().mean().sqrt(), pooled.square().mean().sqrt()
    share = float(spread / size)
    assert share >= _LEAST_SPREAD, (
        f"SD over patients is {share:.3f} of the tokens' RMS; at least {_LEAST_SPREAD} is needed"
    )


def _saving(entry: Entry) -> None:
    encoder, _ = _tokens(entry)
    torch.manual_seed(99)
    again = type(encoder)(encoder.config, example_layout(entry.component.takes or ""))
    assert_same_after_loading(encoder, again, lambda m: cast(Tokens, m(inputs(entry))).values)


def _meta(entry: Entry) -> None:
    layout = example_layout(entry.component.takes or "")
    with torch.device("meta"):
        encoder = entry.load()(default_config(entry), layout)
    if not list(encoder.parameters()):
        raise NotApplicable("it has no parameters")
    real = [n for n, p in encoder.named_parameters() if p.device.type != "meta"]
    assert not real, f"parameters that ignore the device they are made on: {', '.join(real[:5])}"

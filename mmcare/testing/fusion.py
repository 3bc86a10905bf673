"""Checks of fusions: shapes, absent modalities, masks, batch mates, gradients, spread, recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import torch
from torch import Tensor

from mmcare.components import Fusion, Tokens
from mmcare.registry import Entry
from mmcare.testing.assertions import assert_every_parameter_learns, assert_same_after_loading
from mmcare.testing.examples import example_tokens
from mmcare.testing.record import default_config

__all__ = ["fusion_checks"]

_ROWS = 6


def fusion_checks(entry: Entry) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the checks of a fusion."""
    yield "fusion: R (B, P, D), mask (B, P)", partial(_shapes, entry)
    yield "fusion: what stands behind a mask changes nothing", partial(_behind_the_mask, entry)
    yield "fusion: a patient with one modality alone is finite", partial(_alone, entry)
    yield "fusion: batch mates change nothing in eval mode", partial(_batch_mates, entry)
    yield "fusion: a gradient reaches every parameter", partial(_gradients, entry)
    yield "fusion: R differs between patients", partial(_spread, entry)
    yield "fusion: recording changes nothing", partial(_recording, entry)
    yield "fusion: state dict loads into a new one", partial(_saving, entry)


def _make(entry: Entry, seed: int = 0) -> Fusion:  # type: ignore[type-arg]
    torch.manual_seed(seed)
    layouts, dims, _ = _example()
    fusion = cast(Fusion, entry.load()(default_config(entry), layouts, dims))  # type: ignore[type-arg]
    for parameter in fusion.parameters():  # what starts at 0 would hide what it does
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return fusion


def _example(rows: int = _ROWS):  # type: ignore[no-untyped-def]
    return example_tokens(rows, torch.Generator().manual_seed(1))


def _tokens(rows: int = _ROWS) -> dict[str, Tokens]:
    return _example(rows)[2]  # type: ignore[no-any-return]


def _shapes(entry: Entry) -> None:
    fusion = _make(entry).eval()
    with torch.no_grad():
        r = fusion(_tokens())
    expected = (_ROWS, len(fusion.paths), fusion.dim)
    assert tuple(r.values.shape) == expected, f"expected {expected}, found {tuple(r.values.shape)}"
    assert tuple(r.mask.shape) == expected[:2] and r.mask.dtype == torch.bool, "mask is (B, P) bool"
    assert bool(r.values[r.mask].isfinite().all()), "the representation is finite where a path is there"


def _behind_the_mask(entry: Entry) -> None:
    fusion = _make(entry).eval()
    with torch.no_grad():
        expected = fusion(_tokens())
        for value in (float("nan"), 1e6):
            spoilt = {k: Tokens(torch.where(t.mask[..., None], t.values, value), t.mask) for k, t in _tokens().items()}
            found = fusion(spoilt)
            torch.testing.assert_close(
                found.values[found.mask], expected.values[expected.mask], msg=f"{value} behind a mask changes R"
            )


def _alone(entry: Entry) -> None:
    fusion = _make(entry).eval()
    for name in _tokens():
        only = {k: t if k == name else Tokens(t.values, torch.zeros_like(t.mask)) for k, t in _tokens().items()}
        with torch.no_grad():
            r = fusion(only)
        there = _tokens()[name].mask.any(1)
        assert bool(r.values[r.mask].isfinite().all()), f"R is not finite with `{name}` alone"
        assert bool(r.mask.any(1)[there].all()), f"a patient with `{name}` alone has no path"


def _batch_mates(entry: Entry) -> None:
    fusion = _make(entry).eval()
    one = {name: tokens.take(torch.tensor([2])) for name, tokens in _tokens().items()}
    with torch.no_grad():
        together, alone = fusion(_tokens()), fusion(one)
    torch.testing.assert_close(
        alone.values[0], together.values[2], rtol=1e-4, atol=1e-5, msg=lambda m: f"R depends on batch mates: {m}"
    )


def _gradients(entry: Entry) -> None:
    fusion = _make(entry).train()
    tokens = _tokens()
    for name in ("ct", "clinical"):  # each modality is missing once, so that its learned stand-in is used
        mask = tokens[name].mask.clone()
        mask[3 if name == "ct" else 4] = False
        tokens[name] = Tokens(tokens[name].values, mask)

    def loss() -> Tensor:
        r = fusion(tokens)
        weight = torch.randn(r.values.shape, generator=torch.Generator().manual_seed(2))
        return (torch.where(r.mask[..., None], r.values, 0) * weight).sum()

    assert_every_parameter_learns(fusion, loss)


def _spread(entry: Entry) -> None:
    fusion = _make(entry).eval()
    with torch.no_grad():
        r = fusion(_tokens(16))
    for path in range(len(fusion.paths)):
        values = r.values[r.mask[:, path], path]
        share = float(values.std(0).square().mean().sqrt() / values.square().mean().sqrt())
        assert share >= 0.1, f"SD over patients is {share:.3f} of R's RMS; at least 0.1 is needed"


def _recording(entry: Entry) -> None:
    fusion = _make(entry).eval()
    with torch.no_grad():
        expected = fusion(_tokens())
        with fusion.recording():
            found = fusion(_tokens())
    torch.testing.assert_close(found.values, expected.values, msg="recording attention changes R")


def _saving(entry: Entry) -> None:
    fusion = _make(entry)
    assert_same_after_loading(fusion, _make(entry, seed=99), lambda m: m(_tokens()).values)

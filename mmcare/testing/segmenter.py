"""Checks of segmenters: the mask lies on the volume's grid; one that learns gives logits and a loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import numpy as np
import torch
from torch import Tensor

from mmcare.components import Absent, Segmenter
from mmcare.formats import Volume
from mmcare.registry import Entry
from mmcare.testing.assertions import assert_every_parameter_learns, assert_same_after_loading
from mmcare.testing.not_applicable import NotApplicable
from mmcare.testing.record import default_config

__all__ = ["segmenter_checks"]

_SIZE = 32  # voxels: four halvings leave 2, so that a norm over space still has something to average


def segmenter_checks(entry: Entry) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the checks of a segmenter."""
    yield "segmenter: the mask is bool and on the volume's grid", partial(_locates, entry)
    yield "segmenter: logits (B, 1, D, H, W)", partial(_shapes, entry)
    yield "segmenter: batch mates change nothing in eval mode", partial(_batch_mates, entry)
    yield "segmenter: a gradient of its loss reaches every parameter", partial(_gradients, entry)
    yield "segmenter: state dict loads into a new one", partial(_saving, entry)


def _make(entry: Entry, seed: int = 0) -> Segmenter:  # type: ignore[type-arg]
    torch.manual_seed(seed)
    return cast(Segmenter, entry.load()(default_config(entry)))  # type: ignore[type-arg]


def _learning(entry: Entry) -> Segmenter:  # type: ignore[type-arg]
    segmenter = _make(entry)
    if not list(segmenter.parameters()):
        raise NotApplicable("it has no parameters")
    return segmenter


def _volume() -> Volume:
    """A ball of soft tissue in lung, on a grid that is neither isotropic nor at the origin."""
    axes = [np.linspace(-1, 1, n) for n in (24, 20, 16)]
    ball = np.linalg.norm(np.meshgrid(*axes, indexing="ij"), axis=0) < 0.5
    values = np.where(ball, 40.0, -850.0).astype(np.float32)
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = (-20.0, 15.0, 7.0)
    return Volume(values, affine, ball)


def _locates(entry: Entry) -> None:
    volume = _volume()
    before = volume.values.copy()
    found = _make(entry).eval().locate(volume)
    assert np.array_equal(volume.values, before), "the volume itself was changed"
    if isinstance(found, Absent):
        assert found.reason.strip(), "an absent mask says why"
        return
    assert found.values.dtype == np.bool_, f"mask: expected bool, found {found.values.dtype}"
    assert found.values.shape == volume.shape, f"mask: expected {volume.shape}, found {found.values.shape}"
    assert np.allclose(found.affine, volume.affine), "the mask's affine is not the volume's"
    assert found.values.any(), "an empty mask is given as `Absent`, with the reason"


def _patches() -> tuple[Tensor, Tensor]:
    """Two patches in HU with their masks."""
    axis = torch.linspace(-1, 1, _SIZE)
    distance = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).norm(dim=0)
    mask = torch.stack([distance < 0.4, distance < 0.7])[:, None].float()
    noise = 40 * torch.randn(mask.shape, generator=torch.Generator().manual_seed(1))
    return torch.where(mask > 0, 40.0, -850.0) + noise, mask


def _shapes(entry: Entry) -> None:
    values, _ = _patches()
    with torch.no_grad():
        logits = _learning(entry).eval()(values)
    assert logits.shape == values.shape, f"expected {tuple(values.shape)}, found {tuple(logits.shape)}"
    assert bool(logits.isfinite().all()), "logits are finite"


def _batch_mates(entry: Entry) -> None:
    segmenter, (values, _) = _learning(entry).eval(), _patches()
    with torch.no_grad():
        together, alone = segmenter(values), segmenter(values[1:])
    torch.testing.assert_close(
        alone, together[1:], rtol=1e-3, atol=1e-4, msg=lambda m: f"logits depend on batch mates: {m}"
    )


def _gradients(entry: Entry) -> None:
    segmenter, (values, mask) = _learning(entry).train(), _patches()

    def loss() -> Tensor:
        found = segmenter.loss(segmenter(values), mask)
        assert found.ndim == 0 and bool(found.isfinite()), f"the loss is a finite scalar, found {found!r}"
        return found

    assert_every_parameter_learns(segmenter, loss)


def _saving(entry: Entry) -> None:
    values, _ = _patches()
    assert_same_after_loading(_learning(entry), _make(entry, seed=99), lambda m: cast(Tensor, m(values)))

"""Checks of heads: the prognosis is one, the loss is factual, the state survives."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import torch
from torch import Tensor

from mmcare.components import EndpointPrognosis, Head, Outcomes, Prognosis, split_labels
from mmcare.registry import Entry
from mmcare.testing.assertions import assert_every_parameter_learns, assert_same_after_loading, flat
from mmcare.testing.examples import example_outcome_layout, example_outcomes
from mmcare.testing.record import default_config

__all__ = ["assert_prognosis", "head_checks"]

_ROWS, _DIM = 240, 9


def head_checks(entry: Entry) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the checks of a head."""
    yield "head: the prognosis is finite, within [0, 1] and never rises", partial(_prognosis, entry)
    yield "head: the loss is factual", partial(_factual, entry)
    yield "head: an unknown time or arm adds nothing to the loss", partial(_unknown, entry)
    yield "head: without a patient the loss is 0", partial(_nobody, entry)
    yield "head: an arm without events in a batch gives a finite loss", partial(_no_events, entry)
    yield "head: a gradient reaches every parameter", partial(_gradients, entry)
    yield "head: risk (B, A, E) before finish", partial(_risk, entry)
    yield "head: state dict loads into a new one", partial(_saving, entry)


def assert_prognosis(prognosis: Prognosis, arms: int) -> None:
    """What holds for every prognosis: its shapes; within [0, 1], 1 at time 0, never rising where it says so."""
    grid = prognosis.grid
    assert float(grid[0]) == 0, "the grid starts at time 0"
    assert bool((grid.diff() > 0).all()), "the grid rises"
    for name, endpoint in prognosis.endpoints.items():
        size = (len(endpoint.at_horizons), arms)
        _assert_probabilities(f"{name}: at_horizons", endpoint.at_horizons, (*size, len(endpoint.horizons)))
        assert endpoint.support_years.shape == (arms,), f"{name}: support_years is (A,)"
        assert endpoint.personal.shape == (arms,), f"{name}: personal is (A,)"
        if endpoint.free is not None:
            _assert_probabilities(f"{name}: free", endpoint.free, (*size, len(grid)))
            _assert_curve(name, endpoint, endpoint.free)


def _assert_probabilities(what: str, values: Tensor, shape: tuple[int, ...]) -> None:
    assert tuple(values.shape) == shape, f"{what}: expected {shape}, found {tuple(values.shape)}"
    known = values[~values.isnan()]
    assert bool(((known >= 0) & (known <= 1)).all()), f"{what}: probabilities within [0, 1]"


def _assert_curve(name: str, endpoint: EndpointPrognosis, free: Tensor) -> None:
    start, steps = free[..., 0], free.diff(dim=-1)
    assert bool((start[~start.isnan()] == 1).all()), f"{name}: free is 1 at time 0"
    rises = bool((steps[~steps.isnan()] > 1e-6).any())
    assert not (endpoint.monotone and rises), f"{name}: says it is monotone, and rises"
    if endpoint.competing is not None:
        _assert_probabilities(f"{name}: competing", endpoint.competing, tuple(free.shape))
        spare = free - endpoint.competing
        assert bool((spare[~spare.isnan()] >= -1e-6).all()), f"{name}: more patients end otherwise than are event-free"


def _fitted(entry: Entry) -> tuple[Head, Tensor, Outcomes]:  # type: ignore[type-arg]
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    layout = example_outcome_layout()
    outcomes = example_outcomes(_ROWS, layout, generator)
    head = cast(Head, entry.load()(default_config(entry), _DIM, layout))  # type: ignore[type-arg]
    head.fit(outcomes)
    return head.eval(), torch.randn(_ROWS, _DIM, generator=generator), outcomes


def _finished(entry: Entry) -> tuple[Head, Tensor]:  # type: ignore[type-arg]
    head, r, outcomes = _fitted(entry)
    with torch.no_grad():
        head.finish(head(r), outcomes, split_labels(_ROWS - 60, 60))
    return head, r


def _prognosis(entry: Entry) -> None:
    head, r = _finished(entry)
    with torch.no_grad():
        prognosis = head.predict(head(r))
    assert_prognosis(prognosis, arms=2)
    first = next(iter(prognosis.endpoints.values()))
    assert bool(first.at_horizons[:, :, 0].isfinite().all()), "the first horizon is known"


def _factual(entry: Entry) -> None:
    head, r, outcomes = _fitted(entry)
    only = outcomes.take(outcomes.arm == 0)
    r = r[outcomes.arm == 0].requires_grad_()
    scores = head(r)
    for values in scores.by_endpoint.values():
        values.retain_grad()
    head.loss(scores, only).total.backward()
    for name, values in scores.by_endpoint.items():
        grad = values.grad
        assert grad is None or float(grad[:, 1].abs().max()) == 0, (
            f"{name}: patients of arm 0 train the scores of arm 1"
        )


def _unknown(entry: Entry) -> None:
    head, r, outcomes = _fitted(entry)
    time, arm = outcomes.time.clone(), outcomes.arm.clone()
    time[0], arm[1] = torch.nan, -1
    spoilt = Outcomes(arm=arm, time=time, event=outcomes.event)
    other = r.clone()
    other[:2] = 100.0
    with torch.no_grad():
        first, second = head.loss(head(r), spoilt).total, head.loss(head(other), spoilt).total
    assert bool(first.isfinite()), "the loss is finite where a time is unknown"
    torch.testing.assert_close(first, second, msg="a patient of unknown time or arm changes the loss")


def _nobody(entry: Entry) -> None:
    head, r, outcomes = _fitted(entry)
    nobody = torch.zeros(0, dtype=torch.int64)
    loss = head.loss(head(r[nobody]), outcomes.take(nobody)).total
    assert float(loss.detach()) == 0, f"the loss of no patient is {float(loss.detach())}"
    assert loss.requires_grad, "the loss of no patient keeps its graph"


def _no_events(entry: Entry) -> None:
    head, r, outcomes = _fitted(entry)
    event = torch.where(outcomes.arm[:, None] == 0, 0, outcomes.event)
    with torch.no_grad():
        loss = head.loss(head(r), dataclasses.replace(outcomes, event=event)).total
    assert bool(loss.isfinite()), "an arm without events makes the loss not finite"


def _gradients(entry: Entry) -> None:
    head, r, outcomes = _fitted(entry)
    head.train()
    assert_every_parameter_learns(head, lambda: head.loss(head(r), outcomes).total)


def _risk(entry: Entry) -> None:
    head, r, _ = _fitted(entry)
    with torch.no_grad():
        risk = head.risk(head(r))
    assert tuple(risk.shape) == (_ROWS, 2, 2), f"expected {(_ROWS, 2, 2)}, found {tuple(risk.shape)}"


def _saving(entry: Entry) -> None:
    head, r = _finished(entry)
    torch.manual_seed(99)
    again = entry.load()(default_config(entry), _DIM, example_outcome_layout())
    assert_same_after_loading(head, again, lambda m: flat(cast(Head, m).predict(m(r))))  # type: ignore[type-arg]

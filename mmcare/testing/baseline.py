"""Checks of baselines: the prognosis is one, nobody else's row or own outcome matters, the state survives."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import numpy as np
import torch

from mmcare.components import UNKNOWN_ARM, Baseline, Batch, Outcomes, State, split_labels
from mmcare.registry import Entry
from mmcare.testing.assertions import flat
from mmcare.testing.examples import example_batch, example_layout, example_outcome_layout, example_outcomes
from mmcare.testing.head import assert_prognosis
from mmcare.testing.record import default_config

__all__ = ["baseline_checks"]

_ROWS, _NAME = 240, "clinical"


def baseline_checks(entry: Entry) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the checks of a baseline, on a table."""
    yield "baseline: the prognosis is finite, within [0, 1] and never rises", partial(_prognosis, entry)
    yield "baseline: its own outcomes are not read at prediction", partial(_blind, entry)
    yield "baseline: batch mates change nothing", partial(_batch_mates, entry)
    yield "baseline: fits beside patients of unknown time or arm", partial(_unknown, entry)
    yield "baseline: state goes through JSON and arrays into a new one", partial(_saving, entry)


def _make(entry: Entry) -> Baseline:  # type: ignore[type-arg]
    layouts = {_NAME: example_layout("table")}
    return cast(Baseline, entry.load()(default_config(entry), layouts, example_outcome_layout()))  # type: ignore[type-arg]


def _batch(rows: int = _ROWS) -> Batch:
    generator = torch.Generator().manual_seed(1)
    table = example_batch(example_layout("table"), rows, generator)
    present = torch.ones(rows, 1, dtype=torch.bool)
    ids = tuple(f"P{row}" for row in range(rows))
    outcomes = example_outcomes(rows, example_outcome_layout(), generator)
    return Batch(modalities={_NAME: table}, present=present, names=(_NAME,), ids=ids, outcomes=outcomes)


def _fitted(entry: Entry, batch: Batch) -> Baseline:  # type: ignore[type-arg]
    baseline = _make(entry)
    baseline.fit(batch, split_labels(len(batch) - 60, 60))
    return baseline


def _prognosis(entry: Entry) -> None:
    batch = _batch()
    prognosis = _fitted(entry, batch).predict(batch)
    assert_prognosis(prognosis, arms=2)
    for name, endpoint in prognosis.endpoints.items():
        assert len(endpoint.at_horizons) == _ROWS, (
            f"{name}: expected {_ROWS} patients, found {len(endpoint.at_horizons)}"
        )
        assert bool(endpoint.at_horizons[:, :, 0].isfinite().all()), f"{name}: the first horizon is known"


def _blind(entry: Entry) -> None:
    batch = _batch()
    baseline = _fitted(entry, batch)
    without = baseline.predict(dataclasses.replace(batch, outcomes=None))
    torch.testing.assert_close(
        flat(without), flat(baseline.predict(batch)), equal_nan=True, msg="a patient's own outcome changes the figures"
    )


def _batch_mates(entry: Entry) -> None:
    batch = _batch()
    baseline = _fitted(entry, batch)
    one = batch.modalities[_NAME].take(torch.tensor([2]), torch.tensor([0]))
    alone = dataclasses.replace(
        batch, modalities={_NAME: one}, present=batch.present[:1], ids=batch.ids[2:3], outcomes=None
    )
    found, expected = baseline.predict(alone), baseline.predict(batch)
    for name, endpoint in expected.endpoints.items():
        torch.testing.assert_close(
            found.endpoints[name].at_horizons[0],
            endpoint.at_horizons[2],
            equal_nan=True,
            msg=f"{name}: figures depend on batch mates",
        )


def _unknown(entry: Entry) -> None:
    batch = _batch()
    assert batch.outcomes is not None
    time, arm = batch.outcomes.time.clone(), batch.outcomes.arm.clone()
    time[0], arm[1] = torch.nan, UNKNOWN_ARM
    spoilt = dataclasses.replace(batch, outcomes=Outcomes(arm=arm, time=time, event=batch.outcomes.event))
    figures = flat(_fitted(entry, spoilt).predict(batch))
    assert bool(figures[~flat(_fitted(entry, batch).predict(batch)).isnan()].isfinite().all()), (
        "a patient of unknown time or arm makes figures that are no numbers"
    )


def _saving(entry: Entry) -> None:
    batch = _batch()
    fitted, again = _fitted(entry, batch), _make(entry)
    again.restore(_carried(fitted.state()))
    torch.testing.assert_close(
        flat(again.predict(batch)), flat(fitted.predict(batch)), equal_nan=True, msg="the state loses something"
    )


def _carried(state: State) -> State:
    """The state as a run folder carries it: JSON, and arrays without pickle."""
    file = io.BytesIO()
    np.savez(file, **dict(state.arrays))  # type: ignore[arg-type]
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return State(json.loads(json.dumps(state.values)), {name: arrays[name] for name in arrays.files})

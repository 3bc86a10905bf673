"""The assembled model: absent modalities, lone rows, masks, batch mates, frozen parts, augmentation."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from mmcare.components import Batch, GraphBatch, Prognosis, TableBatch
from mmcare.inputs import Inputs
from mmcare.model import Model
from mmcare.training.module import augmented

EIGHT = slice(8)


@pytest.fixture
def batch(inputs: Inputs) -> Batch:
    return inputs.batch(inputs.patients[EIGHT])


def only(batch: Batch, **rows: list[int]) -> Batch:
    """The batch with a modality kept for these patients alone."""
    keep = torch.ones_like(batch.present)
    for name, kept in rows.items():
        keep[:, batch.names.index(name)] = False
        keep[kept, batch.names.index(name)] = True
    return batch.keep(keep)


def flat(prognosis: Prognosis) -> torch.Tensor:
    return torch.cat([endpoint.at_horizons.flatten(1) for endpoint in prognosis.endpoints.values()], dim=1)


def norms(model: Model, name: str) -> list[nn.modules.batchnorm._BatchNorm]:
    return [part for part in model.encoders[name].modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]


@pytest.mark.parametrize("name", ["ct", "clinical", "genomic"])
def test_the_encoder_of_an_absent_modality_is_not_run_and_learns_nothing(name: str, model: Model, batch: Batch) -> None:
    calls: list[str] = []
    for other, encoder in model.encoders.items():
        encoder.register_forward_hook(lambda *_, other=other: calls.append(other))
    left = only(batch, **{name: []})
    assert name not in left.modalities
    model.train()
    model.loss(model(left), left.outcomes).total.backward()
    assert sorted(calls) == sorted({"ct", "clinical", "genomic"} - {name})
    assert all(parameter.grad is None for parameter in model.encoders[name].parameters())
    others = [p for other, encoder in model.encoders.items() if other != name for p in encoder.parameters()]
    assert all(parameter.grad is not None for parameter in others)


@pytest.mark.parametrize("name", ["ct", "clinical"])
def test_a_lone_row_in_training_uses_running_statistics(name: str, model: Model, batch: Batch) -> None:
    model.train()
    model(batch)  # the statistics are no longer those of the start
    before = [(norm.running_mean.clone(), norm.num_batches_tracked.clone()) for norm in norms(model, name)]
    assert before, "the encoder has batch norms"
    lone = only(batch, **{name: [3]})
    assert len(lone.modalities[name]) == 1
    tokens = model.encode(lone)[name]
    for norm, (mean, tracked) in zip(norms(model, name), before, strict=True):
        assert torch.equal(norm.running_mean, mean) and torch.equal(norm.num_batches_tracked, tracked)
        assert norm.training
    for norm in norms(model, name):
        norm.eval()
    torch.testing.assert_close(tokens.values[3], model.encode(lone)[name].values[3])
    assert tokens.mask[3].any() and not tokens.mask[[0, 1, 2, 4, 5, 6, 7]].any()


def test_batch_mates_change_nothing_in_evaluation(model: Model, batch: Batch, inputs: Inputs) -> None:
    model.eval()
    with torch.no_grad():
        together = flat(model.predict(model(batch)))
        alone = [flat(model.predict(model(inputs.batch([patient])))) for patient in batch.ids]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


def with_nan_behind_masks(batch: Batch) -> Batch:
    """Every value that was not measured, NaN."""
    changed = dict(batch.modalities)
    for name, rows in batch.modalities.items():
        if isinstance(rows, TableBatch | GraphBatch):
            values = torch.where(rows.measured, rows.values, torch.nan)
            changed[name] = dataclasses.replace(rows, values=values)
    return dataclasses.replace(batch, modalities=changed)


def test_nan_behind_a_mask_changes_no_prediction_no_loss_and_no_gradient(model: Model, inputs: Inputs) -> None:
    batch = inputs.batch(inputs.patients)
    spoiled = with_nan_behind_masks(batch)
    assert any(bool(rows.values.isnan().any()) for rows in spoiled.modalities.values() if hasattr(rows, "measured"))
    results = []
    for seen in (batch, spoiled):
        model.eval()
        model.zero_grad()
        loss = model.loss(model(seen), seen.outcomes).total
        loss.backward()
        gradients = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        results.append((flat(model.predict(model(seen))).detach(), loss.detach(), gradients))
    for whole, with_nan in zip(*results, strict=True):
        assert torch.isfinite(with_nan).all()
        torch.testing.assert_close(whole, with_nan)


def test_a_frozen_part_stays_as_it_is_statistics_and_all(model: Model, batch: Batch) -> None:
    frozen = model.encoders["ct"].requires_grad_(False)
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    model.train()
    assert not frozen.training and model.encoders["clinical"].training
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 0.01)
    model.loss(model(batch), batch.outcomes).total.backward()
    optimizer.step()
    for name, value in frozen.state_dict().items():
        assert torch.equal(value, before[name]), name
    frozen.requires_grad_(True)
    assert model.train().encoders["ct"].training


def test_augmentation_is_seeded_a_row(inputs: Inputs, batch: Batch) -> None:
    def changed(seed: int) -> torch.Tensor:
        return augmented(batch, inputs, torch.Generator().manual_seed(seed)).modalities["ct"].values

    whole = batch.modalities["ct"].values.clone()
    assert torch.equal(changed(1), changed(1))
    assert not torch.equal(changed(1), changed(2))
    assert torch.equal(batch.modalities["ct"].values, whole), "the prepared samples are not changed"
    once = augmented(batch, inputs, torch.Generator().manual_seed(1))
    for name in ("clinical", "genomic"):
        assert once.modalities[name] is batch.modalities[name]


def test_a_row_is_augmented_whatever_its_batch_mates_are(inputs: Inputs) -> None:
    """The first rows of two batches draw the same generators."""
    few, many = (inputs.batch(inputs.patients[:n]) for n in (2, 6))
    one, other = (augmented(b, inputs, torch.Generator().manual_seed(5)).modalities["ct"].values for b in (few, many))
    assert torch.equal(one, other[: len(one)])

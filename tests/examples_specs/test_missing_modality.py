"""Missing modalities from the batch to the prognosis, under each fusion, with real encoders."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from mmcare.cache import Cache
from mmcare.cohort import Cohort
from mmcare.components import Batch, Prognosis, VolumeBatch
from mmcare.inputs import Inputs, read_inputs
from mmcare.model import Model, build
from mmcare.run import segmenters_of
from mmcare.spec import load_spec
from mmcare.testing.examples import spoil

DEMO = Path(__file__).parents[2] / "examples" / "demo.yaml"
FUSIONS = ("cross-attention", "concat", "weighted-sum", "late")


@pytest.fixture(scope="module")
def inputs(cohort: Cohort, cache: Cache) -> Inputs:
    spec = load_spec(DEMO, overrides=["modalities.ct.roi={use: mask}"])
    found = read_inputs(spec, cohort, cohort.outcome_layout(), segmenters=segmenters_of(spec), cache=cache)
    return found.fit(cohort.patients)


@pytest.fixture(params=FUSIONS)
def model(request: pytest.FixtureRequest, inputs: Inputs, cohort: Cohort) -> Model:
    spec = load_spec(DEMO, overrides=[f"fusion.use={request.param}", "modalities.ct.roi={use: mask}"])
    torch.manual_seed(0)
    model = build(spec, inputs.layouts, cohort.outcome_layout())
    model.fit(inputs.outcomes_of(cohort.patients))
    model.train()
    for _ in range(3):  # running statistics of batch norm that are not those of a new network
        with torch.no_grad():
            model(inputs.batch(cohort.patients))
    return model.eval()


@pytest.fixture
def batch(inputs: Inputs, cohort: Cohort) -> Batch:
    """Of ten patients the second lacks the CT, the third the table, the fourth the genome, the fifth all but the CT."""
    whole = inputs.batch(cohort.patients)
    keep = torch.ones_like(whole.present)
    keep[1, 0] = keep[2, 1] = keep[3, 2] = False
    keep[4, 1:] = False
    return whole.keep(keep)


def figures(prognosis: Prognosis) -> torch.Tensor:
    return torch.cat([endpoint.at_horizons.flatten(1) for endpoint in prognosis.endpoints.values()], dim=1)


def predicted(model: Model, batch: Batch) -> torch.Tensor:
    """Raw scores and the figures made of them: where an arm is not personal, figures alone would show no difference."""
    with torch.no_grad():
        scores = model(batch)
        raw = [
            torch.where(scores.mask[:, [path]], values.flatten(1), 0)
            for path, part in enumerate(scores.by_path)
            for values in part.by_endpoint.values()
        ]
        return torch.cat([*raw, figures(model.predict(scores))], dim=1)


@pytest.mark.parametrize("value", [float("nan"), 1e6])
def test_what_was_not_measured_never_matters(model: Model, batch: Batch, value: float) -> None:
    spoilt = {}
    for name, rows in batch.modalities.items():
        if isinstance(rows, VolumeBatch):  # outside the region there is air, whatever the scanner saw
            behind = torch.where(rows.mask > 0, rows.values, value)
            spoilt[name] = dataclasses.replace(rows, values=behind)
        else:
            spoilt[name] = spoil(rows, value)
    assert any(not torch.equal(spoilt[n].values, batch.modalities[n].values) for n in spoilt)
    found = predicted(model, dataclasses.replace(batch, modalities=spoilt))
    assert torch.equal(found.nan_to_num(-1), predicted(model, batch).nan_to_num(-1))


def test_batch_mates_change_nothing(model: Model, batch: Batch, inputs: Inputs) -> None:
    together = predicted(model, batch)
    for row in range(6):
        alone = inputs.batch([batch.ids[row]])
        found = predicted(model, alone.keep(batch.present[[row]]))
        torch.testing.assert_close(found[0], together[row], rtol=1e-4, atol=1e-5, equal_nan=True)


def test_an_absent_modality_leaves_its_encoder_alone(model: Model, batch: Batch) -> None:
    """Not run, no gradient, no batch statistics; the others learn."""
    keep = torch.ones_like(batch.present)
    keep[:, 0] = False
    without, runs = batch.keep(keep), []
    for name, encoder in model.encoders.items():
        encoder.register_forward_hook(lambda *_, name=name: runs.append(name))
    before = {key: value.clone() for key, value in model.encoders["ct"].state_dict().items()}
    model.train()
    model.zero_grad()
    model.loss(model(without), without.outcomes).total.backward()
    assert sorted(runs) == ["clinical", "genomic"]
    assert all(p.grad is None for p in model.encoders["ct"].parameters())
    assert all(torch.equal(value, before[key]) for key, value in model.encoders["ct"].state_dict().items())
    for name in ("clinical", "genomic"):
        assert any(p.grad is not None and bool((p.grad != 0).any()) for p in model.encoders[name].parameters())


def test_patients_who_lack_a_modality_add_nothing_to_its_encoder(model: Model, batch: Batch) -> None:
    """The encoder's gradient is that of the batch without them in it."""
    model.zero_grad()
    tokens = model.encode(batch)["ct"]
    tokens.values.retain_grad()
    absent = ~batch.present[:, 0]
    scores = model.scores(model.represent({**model.encode(batch), "ct": tokens}))
    model.loss(scores, batch.outcomes).total.backward()
    assert int(absent.sum()) == 1
    assert float(tokens.values.grad[absent].abs().max()) == 0
    assert float(tokens.values.grad[~absent].abs().max()) > 0


def test_a_single_present_row_trains_on_running_statistics(model: Model, batch: Batch) -> None:
    keep = torch.ones_like(batch.present)
    keep[1:, 1] = False
    one = batch.keep(keep)
    norms = [m for m in model.encoders["clinical"].modules() if isinstance(m, torch.nn.BatchNorm1d)]
    before = [norm.running_mean.clone() for norm in norms]
    model.train()
    loss = model.loss(model(one), one.outcomes).total
    loss.backward()
    assert norms and bool(loss.isfinite())
    assert all(torch.equal(norm.running_mean, old) for norm, old in zip(norms, before, strict=True))
    assert all(norm.training for norm in norms)
    model(batch)
    assert not any(torch.equal(norm.running_mean, old) for norm, old in zip(norms, before, strict=True))


def test_a_patient_without_any_modality_gets_no_figure_of_its_own(model: Model, batch: Batch) -> None:
    keep = torch.ones_like(batch.present)
    keep[0] = False
    nobody = batch.keep(keep)
    scores = model(nobody)
    assert not bool(scores.mask[0].any())
    loss = model.loss(scores, nobody.outcomes).total
    rest = torch.arange(1, len(batch))
    torch.testing.assert_close(loss, model.loss(scores.take(rest), nobody.outcomes.take(rest)).total)
    assert [e.name for e in model.outcomes.endpoints] == ["rfs", "os", "lc"]  # the spec does not model the first
    assert bool(model.risk(scores)[1:, :, 1:].isfinite().all())

"""The head as a whole: where it starts, where training leads, and what must change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcare.components import Endpoint, OutcomeLayout, Outcomes
from mmcare.survival import aalen_johansen
from mmcare_prognosis.dual_task import DualTask
from mmcare_prognosis.plugin import DualTaskConfig

MODELS = {
    "discrete": {"os": {"model": "discrete", "weight": 0.7}, "lc": {"weight": 0.3}},
    "cox": {"os": {"model": "cox", "weight": 0.7}, "lc": {"weight": 0.3}},
}


def make(layout: OutcomeLayout, dim: int = 8, seed: int = 0, **config) -> DualTask:
    torch.manual_seed(seed)
    return DualTask(DualTaskConfig(**config), dim, layout)


def repeated(outcomes: Outcomes, times: int) -> Outcomes:
    """Every patient several times: the same estimates, and too many events for intervals to be shared."""
    return outcomes.take(torch.arange(len(outcomes)).repeat(times))


@pytest.mark.parametrize("model", MODELS)
def test_it_starts_at_the_curve_of_each_arm(cohort, model: str) -> None:
    head, outcomes = make(cohort.layout, endpoints=MODELS[model]).eval(), cohort.outcomes
    head.fit(outcomes)
    with torch.no_grad():
        prognosis = head.predict(head(torch.randn(300, 8)))
    for column, endpoint in enumerate(cohort.layout.endpoints):
        found = prognosis.endpoints[endpoint.name]
        for arm in (0, 1):
            time, event = (x[outcomes.arm == arm, column].numpy() for x in (outcomes.time, outcomes.event))
            expected = 1 - aalen_johansen(time, event, 1).at(endpoint.horizons)
            mean = found.at_horizons[:, arm].mean(0).numpy()
            np.testing.assert_allclose(mean, expected, rtol=0, atol=0.02)
            if endpoint.competing:
                at = np.searchsorted(prognosis.grid.numpy(), endpoint.horizons)
                expected = aalen_johansen(time, event, 2).at(endpoint.horizons)
                np.testing.assert_allclose(found.competing[:, arm].mean(0)[at], expected, rtol=0, atol=0.02)


def test_trained_without_inputs_it_ends_at_the_hazards_of_r(cohort, trained) -> None:
    """h = d / (d + survived + sum of r), for both causes and arms, from a start elsewhere."""
    head, outcomes = make(cohort.layout, hidden=(), dropout=0.0).double(), repeated(cohort.outcomes, 6)
    head.fit(outcomes)
    nothing = torch.zeros(len(outcomes), 8, dtype=torch.float64)
    with torch.no_grad():
        for mlp in (mlp for mlps in head.mlps.values() for mlp in mlps):
            mlp[-1].bias.add_(torch.randn_like(mlp[-1].bias) * 0.5)
    trained(head, nothing, outcomes)
    with torch.no_grad():
        scores = head(nothing[:1])
        prognosis = head.predict(scores)
    for name, causes in (("os", ("h_event",)), ("lc", ("h_event", "h_competing"))):
        model = head.models[f"endpoint-{name}"]
        h = torch.cat([torch.zeros(1, 2, 1, 8), model.logits(scores.by_endpoint[name])], 2).softmax(2)
        for arm in (0, 1):
            expected = cohort.value(f"{name}.own.intercept_only")[f"arm{arm}"]
            for cause, key in enumerate(causes, start=1):
                events = np.array(expected[key])
                np.testing.assert_allclose(h[0, arm, cause, events > 0], events[events > 0], rtol=0, atol=1e-5)
            risk = 1 - prognosis.endpoints[name].at_horizons[0, arm]
            np.testing.assert_allclose(risk, expected["risk_at_horizons"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_the_total_is_the_weighted_sum_of_unweighted_parts(tied, model: str) -> None:
    head = make(tied.layout, endpoints=MODELS[model])
    head.fit(tied.outcomes)
    losses = head.loss(head(torch.randn(400, 8)), tied.outcomes)
    assert list(losses.parts) == ["os", "lc"]
    expected = 0.7 * losses.parts["os"] + 0.3 * losses.parts["lc"]
    torch.testing.assert_close(losses.total.detach(), expected)


@pytest.mark.parametrize("model", MODELS)
def test_patients_of_unknown_time_or_arm_are_as_good_as_absent(tied, model: str) -> None:
    head, r = make(tied.layout, endpoints=MODELS[model]).eval(), torch.randn(400, 8)
    head.fit(tied.outcomes)
    outcomes = tied.outcomes
    time, arm = outcomes.time.clone(), outcomes.arm.clone()
    time[:150], arm[150:200] = torch.nan, -1
    scores = head(r)
    found = head.loss(scores, Outcomes(arm=arm, time=time, event=outcomes.event))
    rest = torch.arange(200, 400)
    expected = head.loss(scores.take(rest), outcomes.take(rest))
    torch.testing.assert_close(found.total, expected.total)
    nobody = head.loss(scores, Outcomes(arm=torch.full_like(arm, -1), time=time, event=outcomes.event)).total
    assert nobody.item() == 0
    nobody.backward()


@pytest.mark.parametrize("model", MODELS)
def test_the_order_of_arms_never_matters(tied, model: str) -> None:
    outcomes = tied.outcomes
    turned = Outcomes(arm=1 - outcomes.arm, time=outcomes.time, event=outcomes.event)
    layout = OutcomeLayout(tied.layout.arms[::-1], tied.layout.endpoints)
    first, second = (make(x, endpoints=MODELS[model], dropout=0.0) for x in (tied.layout, layout))
    for name, mlps in first.mlps.items():
        for mlp, other in zip(mlps, reversed(second.mlps[name]), strict=True):
            other.load_state_dict(mlp.state_dict())
    first.fit(outcomes), second.fit(turned)
    r, split = torch.randn(400, 8), ("training",) * 320 + ("validation",) * 80
    with torch.no_grad():
        one, two = first(r), second(r)
        torch.testing.assert_close(second.loss(two, turned).total, first.loss(one, outcomes).total)
        first.finish(one, outcomes, split), second.finish(two, turned, split)
        for name, found in second.predict(two).endpoints.items():
            expected = first.predict(one).endpoints[name]
            torch.testing.assert_close(found.at_horizons, expected.at_horizons.flip(1), equal_nan=True)
            torch.testing.assert_close(found.support_years, expected.support_years.flip(0))


def test_autocast_changes_no_score_and_no_loss(tied) -> None:
    head, r = make(tied.layout, endpoints=MODELS["cox"]).eval(), torch.randn(400, 8)
    head.fit(tied.outcomes)
    plain = head.loss(head(r), tied.outcomes).total
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = head(r)
        cast = head.loss(scores, tied.outcomes).total
    assert scores.by_endpoint["os"].dtype == torch.float32
    assert torch.equal(cast, plain)


def test_an_arm_with_few_events_gets_its_curve_and_nothing_is_said_beyond_follow_up(tied) -> None:
    outcomes = tied.outcomes
    first = (outcomes.arm == 1).nonzero()[:, 0]
    keep = torch.cat([(outcomes.arm == 0).nonzero()[:, 0], first[outcomes.time[first, 0] < 4][:30]])
    outcomes = outcomes.take(keep)
    assert int((outcomes.event[outcomes.arm == 1, 0] == 1).sum()) < 20
    head = make(tied.layout).eval()
    head.fit(outcomes)
    with torch.no_grad():
        found = head.predict(head(torch.randn(50, 8))).endpoints["os"]
    time, event = (x[outcomes.arm == 1, 0].numpy() for x in (outcomes.time, outcomes.event))
    assert found.personal.tolist() == [True, False]
    assert float(found.support_years[1]) == time.max() < 4
    expected = 1 - aalen_johansen(time, event, 1).at([1.0, 3.0])
    np.testing.assert_allclose(found.at_horizons[:, 1, :2], np.tile(expected, (50, 1)), rtol=0, atol=1e-7)
    assert bool(found.at_horizons[:, 1, 2].isnan().all())
    assert float(found.at_horizons[:, 0, 0].std()) > 0


def test_one_endpoint_alone_and_arms_without_patients(tied) -> None:
    layout = OutcomeLayout(("a", "b", "c"), (Endpoint("rfs", (2.0, 7.0)),))
    outcomes = tied.outcomes
    outcomes = Outcomes(arm=outcomes.arm, time=outcomes.time[:, :1], event=outcomes.event[:, :1])
    for model in ("discrete", "cox"):
        head = make(layout, endpoints={"rfs": {"model": model}})
        head.fit(outcomes)
        head.finish(head(torch.randn(400, 8)), outcomes, ("training",) * 300 + ("validation",) * 100)
        prognosis = head.predict(head(torch.randn(3, 8)))
        assert prognosis.grid.tolist() == [0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 5, 7]
        found = prognosis.endpoints["rfs"]
        assert found.personal.tolist() == [True, True, False]
        assert bool(found.at_horizons[:, 2].isnan().all())
        assert found.free[:, :, 0].tolist() == [[1.0] * 3] * 3


def test_weights_from_elsewhere_are_kept(tied) -> None:
    head = make(tied.layout, weights="runs/other")
    before = {name: value.clone() for name, value in head.named_parameters()}
    head.fit(tied.outcomes)
    assert all(torch.equal(value, before[name]) for name, value in head.named_parameters())


def test_predictions_can_be_differentiated(tied) -> None:
    for endpoints in MODELS.values():
        head, r = make(tied.layout, endpoints=endpoints), torch.randn(4, 8, requires_grad=True)
        head.fit(tied.outcomes)
        prognosis = head.predict(head(r))
        sum(endpoint.at_horizons.nansum() for endpoint in prognosis.endpoints.values()).backward()
        assert bool((r.grad.abs().sum(1) > 0).all())


def test_arms_start_alike_but_for_their_curves(cohort) -> None:
    head = make(cohort.layout).eval()
    head.fit(cohort.outcomes)
    for mlps in head.mlps.values():
        first, second = (dict(mlp.named_parameters()) for mlp in mlps)
        assert [name for name in first if not torch.equal(first[name], second[name])] == [list(first)[-1]]


def test_shrinkage_is_the_squared_distance_from_the_mean_of_the_arms(tied) -> None:
    head = make(tied.layout, endpoints=MODELS["discrete"], hidden=(3,), arm_shrinkage=0.5)
    head.fit(tied.outcomes)
    for parameter in head.parameters():
        parameter.data.add_(torch.randn_like(parameter))
    expected = 0.0
    for mlps in head.mlps.values():
        one, other = ((mlp[0].weight, mlp[0].bias, mlp[-1].weight) for mlp in mlps)
        expected += sum(float(((a - b) ** 2).sum().detach()) / 2 for a, b in zip(one, other, strict=True))
    scores = head(torch.randn(400, 8))
    losses = head.loss(scores, tied.outcomes)
    assert float(losses.parts["arm-shrinkage"]) == pytest.approx(expected, rel=1e-5)
    without = 0.7 * losses.parts["os"] + 0.3 * losses.parts["lc"]
    torch.testing.assert_close(losses.total.detach(), without + 0.5 * losses.parts["arm-shrinkage"])
    assert list(head.eval().loss(scores, tied.outcomes).parts) == ["os", "lc"], "no part of a validation loss"


def test_shrunk_arms_learn_from_each_other(cohort, trained) -> None:
    """What only one arm's patients show moves the other arm's scores where arms are tied, and does not where not."""
    outcomes = repeated(cohort.outcomes, 2)
    other = torch.where(outcomes.arm == 0, 1.0, 0.0)
    x = torch.randn(len(outcomes), 8, dtype=torch.float64) * other[:, None]  # all zero in arm 1
    moved = []
    for weight in (0.0, 10.0):
        head = make(cohort.layout, hidden=(), dropout=0.0, arm_shrinkage=weight).double()
        head.fit(outcomes)
        before = head.mlps["endpoint-os"][1][-1].weight.detach().clone()
        trained(head, x, outcomes)
        moved.append(float((head.mlps["endpoint-os"][1][-1].weight.detach() - before).abs().max()))
    assert moved[0] < 1e-6 < 0.05 < moved[1]


def test_endpoints_may_be_called_anything() -> None:
    """Names that torch refuses, and names that escape to one another, each have a head of their own."""
    names = ("os", "pfs.v2", "pfs%2Ev2", ".", "training", "lc [local] / %")
    layout = OutcomeLayout(("sbrt", "surgery"), tuple(Endpoint(name, (1.0,)) for name in names))
    endpoints = {name: {"model": "discrete", "weight": 1 / len(names)} for name in names}
    head = make(layout, endpoints=endpoints, hidden=())
    assert set(head(torch.randn(2, 8)).by_endpoint) == set(names)
    assert len(head.mlps) == len(names)
    other = make(layout, endpoints=endpoints, hidden=(), seed=1)
    other.load_state_dict(head.state_dict())
    r = torch.randn(3, 8)
    for name, values in head.eval()(r).by_endpoint.items():
        torch.testing.assert_close(other.eval()(r).by_endpoint[name], values)


def test_plain_names_stand_in_the_weights_as_they_are(cohort) -> None:
    head = make(cohort.layout, endpoints=MODELS["discrete"], hidden=())
    assert "mlps.endpoint-os.0.0.weight" in head.state_dict()

"""Eq. 16-18 written out in loops over patients, arms and horizons, beside the head; double precision."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from mmcare.components import Outcomes
from mmcare_prognosis.dual_task import DualTask
from mmcare_prognosis.plugin import DualTaskConfig

PAPER = {"os": {"model": "cox", "weight": 0.7}, "lc": {"model": "bce", "weight": 0.3}}
HORIZONS, BATCH = (1.0, 3.0, 5.0), 16


def make(cohort, **endpoints) -> DualTask:
    torch.manual_seed(0)
    head = DualTask(DualTaskConfig(endpoints=endpoints, hidden=(5, 4)), 6, cohort.layout).double().eval()
    head.fit(cohort.outcomes)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return head


def mlp_of(mlp: nn.Sequential, r: Tensor) -> list[float]:
    """Linear, GELU, linear, GELU, linear, number by number."""
    x = r.tolist()
    layers = [layer for layer in mlp if isinstance(layer, nn.Linear)]
    for place, layer in enumerate(layers):
        bias = [0.0] * len(layer.weight) if layer.bias is None else layer.bias.tolist()
        x = [
            sum(w * v for w, v in zip(row, x, strict=True)) + b
            for row, b in zip(layer.weight.tolist(), bias, strict=True)
        ]
        if place + 1 < len(layers):
            x = [v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x]
    return x


def uncensored_before(time: Tensor, event: Tensor, until: float) -> float:
    """G(until-) of one arm: product over censoring times, events before censorings of the same time."""
    g = 1.0
    for u in sorted({float(t) for t, e in zip(time, event, strict=True) if e == 0 and t < until}):
        at_risk = int((time >= u).sum()) - int(((time == u) & (event != 0)).sum())
        g *= 1 - int(((time == u) & (event == 0)).sum()) / at_risk
    return g


def test_an_mlp_and_a_sigmoid_an_arm_and_endpoint(tied) -> None:
    """Eq. 16-17: y_a = sigmoid(MLP_a(R)); what is predicted is the probability to be free of the event."""
    head = make(tied, os={"model": "sigmoid"}, lc={"model": "bce"})
    r = torch.randn(5, 6, dtype=torch.float64)
    with torch.no_grad():
        found = head.predict(head(r)).endpoints
    for name in ("os", "lc"):
        for row in range(5):
            for arm in (0, 1):
                raw = mlp_of(head.mlps[f"endpoint-{name}"][arm], r[row])
                expected = [1 - 1 / (1 + math.exp(-value)) for value in raw]
                assert found[name].at_horizons[row, arm].tolist() == pytest.approx(expected, abs=1e-12)


def cox_by_hand(score: list[float], batch: Outcomes) -> float:
    """Minus Efron's partial log-likelihood, stratified by arm; patients of unknown arm or time are in no risk set."""
    total = 0.0
    for arm in (0, 1):
        of = [i for i in range(len(batch)) if batch.arm[i] == arm and not batch.time[i, 0].isnan()]
        for u in {float(batch.time[i, 0]) for i in of if batch.event[i, 0] == 1}:
            tied = [i for i in of if float(batch.time[i, 0]) == u and batch.event[i, 0] == 1]
            at_risk = sum(math.exp(score[i]) for i in of if float(batch.time[i, 0]) >= u)
            deaths = sum(math.exp(score[i]) for i in tied)
            for rank, i in enumerate(tied):
                total -= score[i] - math.log(at_risk - rank / len(tied) * deaths)
    return total


def bce_by_hand(logits: list[list[float]], batch: Outcomes, whole: Outcomes) -> float:
    """Sum of w * cross-entropy over the number of patients, mean over horizons; w from the training set."""
    rows = [i for i in range(len(batch)) if batch.arm[i] >= 0 and not batch.time[i, 1].isnan()]
    total = 0.0
    for i in rows:
        time, event = float(batch.time[i, 1]), int(batch.event[i, 1])
        of = whole.arm == batch.arm[i]
        for place, horizon in enumerate(HORIZONS):
            if event == 0 and time < horizon:
                continue  # censored before: nobody knows, the others' weights stand in
            g = uncensored_before(whole.time[of, 1], whole.event[of, 1], min(time, horizon))
            p = 1 / (1 + math.exp(-logits[i][place]))
            failed = event == 1 and time <= horizon
            total -= math.log(p if failed else 1 - p) / max(g, 0.05)
    return total / len(rows) / len(HORIZONS)


def test_the_loss_is_seven_tenths_cox_and_three_tenths_cross_entropy(tied) -> None:
    """Eq. 18, summed over arms: each patient under the arm received; Cox over the events expected in the batch."""
    head, whole = make(tied, **PAPER), tied.outcomes
    picked = whole.take(torch.arange(3, 400, 25)[:BATCH])
    time, arm = picked.time.clone(), picked.arm.clone()
    time[2, 0], time[5, 1], arm[7] = torch.nan, torch.nan, -1  # the mask: what is not known adds nothing
    batch = Outcomes(arm=arm, time=time, event=picked.event)
    r = torch.randn(BATCH, 6, dtype=torch.float64)
    losses = head.loss(head(r), batch)

    eta = [mlp_of(head.mlps["endpoint-os"][max(int(a), 0)], r[i])[0] for i, a in enumerate(arm)]
    logits = [mlp_of(head.mlps["endpoint-lc"][max(int(a), 0)], r[i]) for i, a in enumerate(arm)]
    expected_events = float((whole.event[:, 0] == 1).double().mean()) * (BATCH - 2)
    cox = cox_by_hand(eta, batch) / expected_events
    bce = bce_by_hand(logits, batch, whole)
    assert float(losses.parts["os"]) == pytest.approx(cox, abs=1e-10)
    assert float(losses.parts["lc"]) == pytest.approx(bce, abs=1e-10)
    assert float(losses.total) == pytest.approx(0.7 * cox + 0.3 * bce, abs=1e-10)


def test_the_loss_of_both_arms_is_the_sum_of_each_arms_own(tied) -> None:
    """Nothing crosses from arm to arm, and a patient's other arm gets no gradient."""
    head, outcomes = make(tied, **PAPER), tied.outcomes.take(torch.arange(40))
    r = torch.randn(40, 6, dtype=torch.float64)
    scores = head(r)
    for values in scores.by_endpoint.values():
        values.retain_grad()
    whole = head.loss(scores, outcomes).total
    whole.backward()
    parts = [float(head.loss(head(r[outcomes.arm == a]), outcomes.take(outcomes.arm == a)).total) for a in (0, 1)]
    counts = [int((outcomes.arm == a).sum()) for a in (0, 1)]
    assert float(whole) == pytest.approx(sum(p * n for p, n in zip(parts, counts, strict=True)) / 40, abs=1e-10)
    for values in scores.by_endpoint.values():
        assert float(values.grad[torch.arange(40), 1 - outcomes.arm].abs().max()) == 0

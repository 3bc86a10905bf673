"""Survival and local control of one patient agree, or the penalty says by how much not."""

from __future__ import annotations

import logging

import pytest
import torch

from mmcare.components import EndpointPrognosis, Prognosis
from mmcare.errors import SpecError
from mmcare_prognosis.agreement import disagreement, share_disagreeing
from mmcare_prognosis.dual_task import DualTask
from mmcare_prognosis.plugin import AgreementConfig, DualTaskConfig


def test_only_what_lies_outside_the_bounds_counts() -> None:
    # F_LF = 0.2 and F_D = 0.3: survival lies between 0.5 and 0.7
    survival = torch.tensor([0.5, 0.6, 0.7, 0.45, 0.9])
    found = disagreement(survival, torch.full((5,), 0.8), torch.full((5,), 0.3))
    torch.testing.assert_close(found, torch.tensor([0.0, 0.0, 0.0, 0.05, 0.2]))


def prognosis(free: list[float], local: list[float], competing: list[float] | None) -> EndpointPrognosis | Prognosis:
    def endpoint(values: list[float], other: list[float] | None) -> EndpointPrognosis:
        curve = torch.tensor(values)[None, None]
        return EndpointPrognosis(
            horizons=(1.0,),
            at_horizons=curve[..., 1:2],
            free=curve,
            competing=None if other is None else torch.tensor(other)[None, None],
            support_years=torch.tensor([5.0]),
            monotone=True,
            personal=torch.tensor([True]),
        )

    return Prognosis(torch.arange(4.0), {"os": endpoint(free, None), "lc": endpoint(local, competing)})


def test_the_share_leaves_out_time_zero_and_what_is_not_known() -> None:
    nan = float("nan")
    found = prognosis([1, 0.9, 0.4, nan], [1, 0.95, 0.9, nan], [0, 0.08, 0.2, nan])
    assert share_disagreeing(found, "os", "lc") == 0.5  # 0.9 lies in [0.87, 0.92]; 0.4 is below 0.7


def test_the_penalty_pulls_two_endpoints_together_and_the_share_is_said(tied, caplog) -> None:
    torch.manual_seed(0)
    r = torch.randn(400, 8)
    shares = []
    for agreement in (None, {"survival": "os", "local": "lc", "weight": 20.0}):
        torch.manual_seed(1)
        head = DualTask(DualTaskConfig(agreement=agreement, dropout=0.0), 8, tied.layout)
        head.fit(tied.outcomes)
        optimizer = torch.optim.Adam(head.parameters(), 1e-2)
        for _ in range(60):
            optimizer.zero_grad()
            losses = head.loss(head(r), tied.outcomes)
            losses.total.backward()
            optimizer.step()
        with torch.no_grad(), caplog.at_level(logging.INFO):
            head.finish(head(r), tied.outcomes, ("training",) * 300 + ("validation",) * 100)
            shares.append(share_disagreeing(head.predict(head(r)), "os", "lc"))
    assert list(losses.parts) == ["os", "lc", "agreement"]
    assert shares[1] < 0.5 * shares[0]
    said = (
        f"os and lc contradict each other by more than 0.01 in {100 * shares[1]:.1f} % of all figures after training."
    )
    assert caplog.messages == [said]


def test_the_penalty_needs_the_right_models(tied) -> None:
    config = DualTaskConfig(endpoints={"os": {"model": "cox"}}, agreement=AgreementConfig())
    with pytest.raises(SpecError) as caught:
        DualTask(config, 8, tied.layout)
    todo = "Name an endpoint of the head that is modelled so, or leave `agreement` out."
    assert str(caught.value) == (
        f"head.agreement.survival: `os` has cox, the penalty needs discrete. {todo}\n"
        f"head.agreement.local: `lc` has no model, the penalty needs competing-risk. {todo}"
    )

"""The utility of an arm: a weighted sum, or why there is none."""

from __future__ import annotations

import pytest
import torch

from mmcare.components import Endpoint, EndpointPrognosis, OutcomeLayout, Prognosis
from mmcare.decision import utilities
from mmcare.run import Prediction
from mmcare.spec import DecisionConfig

FORMULA = "0.7 os + 0.3 lc at 3 years"


def endpoint(values: list[list[float]], horizons: tuple[float, ...], personal: list[bool]) -> EndpointPrognosis:
    """One patient's values, (A, H)."""
    return EndpointPrognosis(
        horizons=horizons,
        at_horizons=torch.tensor([values], dtype=torch.float64),
        free=None,
        competing=None,
        support_years=torch.full((2,), 5.0),
        monotone=True,
        personal=torch.tensor(personal),
    )


def prediction(**changed: EndpointPrognosis | None) -> Prediction:
    endpoints = {
        "os": endpoint([[0.9, 0.6], [0.95, 0.8]], (1.0, 3.0), [True, True]),
        "lc": endpoint([[0.97, 0.9], [0.99, 0.85]], (1.0, 3.0), [True, True]),
        **changed,
    }
    kept = {name: found for name, found in endpoints.items() if found is not None}
    layout = OutcomeLayout(("sbrt", "surgery"), tuple(Endpoint(name, e.horizons) for name, e in kept.items()))
    return Prediction(("P1",), Prognosis(torch.tensor([0.0, 1.0, 3.0]), kept), layout, {"P1": {}})


def test_the_weighted_sum_of_both_endpoints_at_three_years() -> None:
    sbrt, surgery = utilities(prediction(), DecisionConfig())
    assert (sbrt.arm, sbrt.value) == ("sbrt", pytest.approx(0.7 * 0.6 + 0.3 * 0.9))
    assert (surgery.arm, surgery.value) == ("surgery", pytest.approx(0.7 * 0.8 + 0.3 * 0.85))
    assert (sbrt.patient, sbrt.horizon, sbrt.formula, sbrt.personal, sbrt.reason) == ("P1", 3.0, FORMULA, True, "")


def test_other_weights_at_another_horizon() -> None:
    found = utilities(prediction(), DecisionConfig(utility={"os": 1.0}, horizon=1))
    assert [u.value for u in found] == pytest.approx([0.9, 0.95])
    assert found[0].formula == "1 os at 1 year"


def test_a_part_that_the_run_does_not_predict() -> None:
    for changed in ({"lc": None}, {"lc": endpoint([[0.97], [0.99]], (1.0,), [True, True])}):
        found = utilities(prediction(**changed), DecisionConfig())
        assert [(u.arm, u.value, u.reason) for u in found] == [
            ("sbrt", None, "the run does not predict lc at 3 years"),
            ("surgery", None, "the run does not predict lc at 3 years"),
        ]
    neither = utilities(
        prediction(os=None, lc=None, rfs=endpoint([[0.9], [0.8]], (3.0,), [True, True])), DecisionConfig()
    )
    assert {u.reason for u in neither} == {"the run does not predict os and lc at 3 years"}


def test_a_part_that_is_not_known_of_this_arm() -> None:
    unknown = endpoint([[0.97, float("nan")], [0.99, 0.85]], (1.0, 3.0), [True, True])
    sbrt, surgery = utilities(prediction(lc=unknown), DecisionConfig())
    assert (sbrt.value, sbrt.reason) == (None, "lc at 3 years is not known")
    assert surgery.value is not None


def test_a_part_that_is_the_arms_average() -> None:
    average = endpoint([[0.97, 0.9], [0.99, 0.85]], (1.0, 3.0), [False, True])
    sbrt, surgery = utilities(prediction(lc=average), DecisionConfig())
    assert (sbrt.personal, sbrt.reason) == (False, "arm average in its part of lc")
    assert sbrt.value == pytest.approx(0.7 * 0.6 + 0.3 * 0.9)
    assert (surgery.personal, surgery.reason) == (True, "")

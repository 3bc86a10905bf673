"""Why an output cannot be explained: each reason by its own words."""

from __future__ import annotations

import math

import pytest
import torch

from mmcare.components import Endpoint, EndpointPrognosis, OutcomeLayout, Prognosis
from mmcare.explain import Target
from mmcare.explain.targets import why_not

OUTCOMES = OutcomeLayout(("sbrt", "surgery"), (Endpoint("os", (1.0, 3.0)), Endpoint("lc", (1.0, 3.0), competing=True)))
NAN = math.nan


def prognosis(
    values: list[list[float]], ends: tuple[float, float] = (5.0, 5.0), personal: tuple[bool, bool] = (True, True)
) -> Prognosis:
    """Of one patient, of `os` alone: a row an arm, a column a horizon."""
    os = EndpointPrognosis(
        horizons=(1.0, 3.0),
        at_horizons=torch.tensor([values]),
        free=None,
        competing=None,
        support_years=torch.tensor(ends, dtype=torch.float64),
        monotone=True,
        personal=torch.tensor(personal),
    )
    return Prognosis(torch.tensor([0.0, 1, 3]), {"os": os})


def test_what_is_known_has_no_reason() -> None:
    for target in (Target("os", 1.0, "sbrt"), Target("os", 3.0, "surgery", "sbrt")):
        assert why_not(prognosis([[0.9, 0.8], [0.7, 0.6]]), target, OUTCOMES) == ""


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (Target("os", 3.0, "sbrt"), ""),
        (Target("os", 3.0, "surgery"), "under surgery at 2.4 years"),
        (Target("os", 3.0, "surgery", "sbrt"), "under surgery at 2.4 years"),
    ],
)
def test_follow_up_is_named_where_it_ends_too_early(target: Target, reason: str) -> None:
    found = why_not(prognosis([[0.9, 0.8], [0.7, NAN]], ends=(5.0, 2.4)), target, OUTCOMES)
    assert found == (f"{target.key} is not known: the training patients' follow-up ends {reason}" if reason else "")


def test_both_arms_are_named_where_both_end_too_early() -> None:
    found = why_not(prognosis([[0.9, NAN], [0.7, NAN]], (2.0, 2.4)), Target("os", 3.0, "surgery", "sbrt"), OUTCOMES)
    assert found == (
        "os@3:surgery-sbrt is not known: the training patients' follow-up ends under surgery at 2.4 years"
        " and under sbrt at 2.0 years"
    )


def test_a_patient_of_whom_nothing_is_known_is_not_put_down_to_follow_up() -> None:
    found = why_not(prognosis([[NAN, NAN], [NAN, NAN]]), Target("os", 3.0, "sbrt"), OUTCOMES)
    assert found == "os@3:sbrt is not known: the patient has none of the inputs that the model reads"


def test_an_endpoint_that_the_head_does_not_model_is_named_alike_for_all_its_outputs() -> None:
    found = {why_not(prognosis([[0.9, 0.8], [0.7, 0.6]]), Target("lc", h, "sbrt"), OUTCOMES) for h in (1.0, 3.0)}
    assert found == {"the run does not predict `lc`: of it there is nothing to explain"}


def test_an_average_leaves_nothing_to_explain() -> None:
    found = why_not(prognosis([[0.9, 0.8], [0.7, 0.6]], personal=(False, True)), Target("os", 1.0, "sbrt"), OUTCOMES)
    assert found == "os@1:sbrt is the arm's average, the same for every patient: there is nothing to explain"

"""Which model each endpoint gets, and what is refused in words."""

from __future__ import annotations

import pytest

from mmcare.components import Endpoint, OutcomeLayout
from mmcare.errors import SpecError
from mmcare_prognosis.choice import Choice, chosen_endpoints
from mmcare_prognosis.plugin import DualTaskConfig, SingleTaskConfig

LAYOUT = OutcomeLayout(
    ("all",), (Endpoint("os", (3.0,)), Endpoint("lc", (3.0,), competing=True), Endpoint("rfs", (2.0,)))
)


def test_without_a_word_all_endpoints_get_the_model_that_fits() -> None:
    assert chosen_endpoints(DualTaskConfig(), LAYOUT) == {
        "os": Choice("discrete", 1.0),
        "lc": Choice("competing-risk", 1.0),
        "rfs": Choice("discrete", 1.0),
    }


def test_the_specs_order_and_weights_are_kept() -> None:
    config = DualTaskConfig(endpoints={"rfs": {"model": "cox", "weight": 0.3}, "os": {"weight": 0.7}})
    found = chosen_endpoints(config, LAYOUT)
    assert list(found.items()) == [("rfs", Choice("cox", 0.3)), ("os", Choice("discrete", 0.7))]


def test_everything_that_does_not_fit_is_said_at_once() -> None:
    config = DualTaskConfig(
        endpoints={"lc": {"model": "cox"}, "os": {"model": "competing-risk"}, "rf": {}, "metastasis": {}}
    )
    with pytest.raises(SpecError) as caught:
        chosen_endpoints(config, LAYOUT)
    assert str(caught.value).splitlines() == [
        "head.endpoints.lc.model: `cox` does not fit `lc`: in this cohort another event can come before it. "
        "Write `model: competing-risk` or `model: bce`.",
        "head.endpoints.os.model: `competing-risk` does not fit `os`: in this cohort no other event comes before it. "
        "Write `model: discrete` or `model: cox` or `model: sigmoid` or `model: bce`.",
        "head.endpoints.rf: the cohort has no endpoint `rf`; it has: os, lc, rfs. Write `rfs`.",
        "head.endpoints.metastasis: the cohort has no endpoint `metastasis`; it has: os, lc, rfs. "
        "Name one of these, or leave `endpoints` out for all of them.",
    ]


def test_an_empty_list_of_endpoints_is_refused() -> None:
    with pytest.raises(ValueError, match="name at least one endpoint"):
        DualTaskConfig(endpoints={})


def test_a_single_task_takes_the_endpoint_named_or_the_first() -> None:
    assert chosen_endpoints(SingleTaskConfig(), LAYOUT) == {"os": Choice("discrete", 1.0)}
    found = chosen_endpoints(SingleTaskConfig(endpoint="lc", model="bce", ranking=0.1), LAYOUT)
    assert found == {"lc": Choice("bce", 1.0, 0.1)}


def test_what_a_single_task_cannot_do_is_said_under_its_own_keys() -> None:
    with pytest.raises(SpecError) as caught:
        chosen_endpoints(SingleTaskConfig(endpoint="lc", model="sigmoid"), LAYOUT)
    assert str(caught.value) == (
        "head.model: `sigmoid` does not fit `lc`: in this cohort another event can come before it. "
        "Write `model: competing-risk` or `model: bce`."
    )
    with pytest.raises(SpecError) as caught:
        chosen_endpoints(SingleTaskConfig(endpoint="metastasis"), LAYOUT)
    assert str(caught.value) == (
        "head.endpoint: the cohort has no endpoint `metastasis`; it has: os, lc, rfs. "
        "Name one of these, or leave `endpoint` out for the first."
    )

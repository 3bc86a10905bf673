"""Every step of the rule, on figures that can be checked by hand, and its whole words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmcare.cohort.confounders import Confounder
from mmcare.decision import Advice, ArmMean
from mmcare.decision.gate import Gate
from mmcare.decision.rule import Evidence, Rule, advise, quantile
from mmcare.spec import DecisionConfig

KNOWN = (
    Confounder("operability", (), ruled_out=True),
    Confounder("lung_function", ("fev1", "dlco")),
    Confounder("performance_status", ("ecog",)),
    Confounder("comorbidity", ("charlson",)),
    Confounder("frailty", (), ruled_out=True),
)
GATE = Gate(0.02, 0.8, 0.05, 0.0001, 0.0225, 0.0, 400)
RULE = Rule(
    arms=("sbrt", "surgery"),
    config=DecisionConfig(),
    confounders=KNOWN,
    gates={(1, 0): GATE},
    no_gates="",
    no_refits="",
    threshold=1.25,
    means=(ArmMean("sbrt", 0.74), ArmMean("surgery", 0.76)),
)


def refits(*centres: float, spread: float = 0.04, count: int = 50) -> np.ndarray:
    """(count, A): the first arm's utility swings by `spread` in standard deviation, the others stand still."""
    swing = np.where(np.arange(count) % 2 == 0, 1.0, -1.0) * spread * np.sqrt((count - 1) / count)
    found = np.tile(np.array(centres), (count, 1))
    found[:, 0] += swing
    return found


PATIENT = Evidence(
    patient="P1",
    utility=np.array([0.60, 0.80]),
    refits=refits(0.60, 0.80),
    propensity=np.array([0.35, 0.65]),
    distance=1.0,
    farthest="R",
    modalities="clinical, genomic",
    seen=(60, 200),
    unmeasured=(),
    unsupported=(),
)


def step(advice: Advice, name: str) -> tuple[bool, str]:
    return next((s.passed, s.words) for s in advice.steps if s.name == name)


def failed(advice: Advice) -> list[str]:
    return [s.name for s in advice.failed]


def test_all_steps_hold_and_surgery_is_advised() -> None:
    advice = advise(PATIENT, RULE)
    assert advice.arm == "surgery" and failed(advice) == []
    (contrast,) = advice.contrasts
    assert (contrast.arm, contrast.minus) == ("surgery", "sbrt")
    assert contrast.delta == pytest.approx(0.2)
    assert contrast.standard_error == pytest.approx(0.04)
    assert contrast.lower == pytest.approx(0.2 - 1.645 * 0.04)
    assert contrast.upper == pytest.approx(0.2 + 1.645 * 0.04)
    line = 0.02 + 0.8 * (0.2 - 0.05)
    assert contrast.bound == pytest.approx(line - 1.645 * np.sqrt(0.0001 + 0.15**2 * 0.0225))
    assert len(contrast.deltas) == 50
    assert (advice.mid, advice.horizon, dict(advice.weights)) == (0.03, 3, {"os": 0.7, "lc": 0.3})
    assert [s.name for s in advice.steps] == [
        "confounders", "gate", "difference", "bound", "overlap", "distribution", "pattern", "support"
    ]  # fmt: skip
    assert [s.words for s in advice.steps] == [
        "Known at the decision: lung function (fev1, dlco), performance status (ecog) and comorbidity (charlson). The "
        "cohort's dictionary states that nobody's arm depends on operability and frailty beyond that.",
        "Of 400 patients whom the predicting models had not seen, observed differences follow predicted ones with a "
        "slope of 0.80, 5.33 standard errors above 0; more than 1.645 are needed.",
        "surgery over sbrt: +0.200, at least +0.134; more than 0.03 matters.",
        "Patients with such a difference of surgery over sbrt gained at least +0.099; more than 0.03 matters.",
        "Of patients like this one received sbrt 35 % and surgery 65 %; each must lie between 10 and 90 %.",
        "This patient is 1.00 times as far from the training patients as is usual, by its inputs together, within the "
        "1.25 that 95 % of those keep to.",
        "Training patients with the same inputs (clinical, genomic): 60 under sbrt and 200 under surgery; 50 of each "
        "arm are needed.",
        "Follow-up and events of the training patients reach 3 years.",
    ]


def test_the_mirror_for_the_other_arm() -> None:
    """The same patient with the arms exchanged gets the other arm, by the same figures."""
    turned = replace(PATIENT, utility=PATIENT.utility[::-1], refits=PATIENT.refits[:, ::-1])
    rule = replace(RULE, gates={(1, 0): GATE.reversed()})
    advice, before = advise(turned, rule), advise(PATIENT, RULE)
    assert advice.arm == "sbrt"
    (contrast,), (other,) = advice.contrasts, before.contrasts
    assert (contrast.arm, contrast.minus) == ("sbrt", "surgery")
    for name in ("delta", "standard_error", "lower", "upper", "bound"):
        assert getattr(contrast, name) == pytest.approx(getattr(other, name)), name


def test_step_1_the_gate() -> None:
    """Slope over standard error must be more than 1.645: 0.8 / 0.49 = 1.63 is not, 0.8 / 0.48 = 1.67 is."""
    for error, passed in ((0.49, False), (0.48, True)):
        rule = replace(RULE, gates={(1, 0): replace(GATE, variance_slope=error**2)})
        assert step(advise(PATIENT, rule), "gate")[0] is passed
    negative = replace(RULE, gates={(1, 0): replace(GATE, slope=-0.8)})
    assert advise(PATIENT, negative).arm is None


def test_without_out_of_fold_differences_the_gate_counts_as_not_passed() -> None:
    rule = replace(RULE, gates={}, no_gates="Nobody looked.")
    advice = advise(PATIENT, rule)
    assert advice.arm is None and failed(advice) == ["gate", "bound"]
    assert step(advice, "gate") == (False, "Nobody looked. The gate counts as not passed.")
    assert step(advice, "bound")[1] == (
        "Patients with such a difference of surgery over sbrt gained an unknown amount: there is no gate."
    )
    assert advice.contrasts[0].bound is None and advice.means == RULE.means


def test_step_2_the_difference_less_1645_standard_errors() -> None:
    """0.2 - 1.645 * 0.103 = 0.0306 is more than 0.03, 0.2 - 1.645 * 0.104 = 0.0289 is not."""
    for spread, passed in ((0.103, True), (0.104, False)):
        patient = replace(PATIENT, refits=refits(0.6, 0.8, spread=spread))
        advice = advise(patient, RULE)
        assert step(advice, "difference")[0] is passed
        assert (advice.arm == "surgery") is passed


def test_step_3_the_lower_bound_of_the_gates_line() -> None:
    """At 0.2 the line is 0.14; with a standard error of 0.067 its bound is 0.0298, of 0.066 it is 0.0314."""
    for error, passed in ((0.066, True), (0.067, False)):
        gate = replace(GATE, variance_intercept=error**2, variance_slope=1e-9)
        advice = advise(PATIENT, replace(RULE, gates={(1, 0): gate}))
        assert step(advice, "bound")[0] is passed and step(advice, "gate")[0]
        assert (advice.arm == "surgery") is passed


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        ({"propensity": np.array([0.09, 0.91])}, "overlap",
         "Of patients like this one received sbrt 9 % and surgery 91 %; each must lie between 10 and 90 %."),
        ({"distance": 1.25, "farthest": "ct"}, "distribution",
         "This patient is 1.25 times as far from the training patients as is usual, by ct, beyond the 1.25 that 95 % "
         "of those keep to."),
        ({"distance": float("inf")}, "distribution",
         "No training patient had the same modalities to compare this patient with."),
        ({"seen": (49, 200)}, "pattern",
         "Training patients with the same inputs (clinical, genomic): 49 under sbrt and 200 under surgery; 50 of each "
         "arm are needed."),
        ({"unsupported": ("os under sbrt is known to 2.5 years, not to 3.",)}, "support",
         "os under sbrt is known to 2.5 years, not to 3."),
        ({"unmeasured": ("lung function",)}, "confounders", "Not known of this patient: lung function."),
    ],
)  # fmt: skip
def test_step_4_and_what_is_not_known_of_a_patient(change: dict, name: str, words: str) -> None:
    advice = advise(replace(PATIENT, **change), RULE)
    assert advice.arm is None and failed(advice) == [name]
    assert step(advice, name) == (False, words)


def test_the_edges_of_step_4() -> None:
    assert advise(replace(PATIENT, propensity=np.array([0.1, 0.9])), RULE).arm == "surgery"
    assert advise(replace(PATIENT, seen=(50, 50)), RULE).arm == "surgery"
    assert advise(replace(PATIENT, distance=1.2499), RULE).arm == "surgery"


def test_without_the_least_confounders_nothing_is_recommended() -> None:
    absent = replace(KNOWN[1], columns=())
    advice = advise(PATIENT, replace(RULE, confounders=(KNOWN[0], absent, *KNOWN[2:4], Confounder("frailty", ()))))
    assert advice.arm is None and failed(advice) == ["confounders"]
    assert step(advice, "confounders")[1] == (
        "The run has no input that measures lung function and frailty: it predicts, and recommends nothing."
    )


def test_fewer_than_50_refits_give_no_interval() -> None:
    advice = advise(replace(PATIENT, refits=refits(0.6, 0.8, count=49)), RULE)
    assert failed(advice) == ["difference"]
    assert step(advice, "difference")[1] == (
        "surgery over sbrt: +0.200, without an interval: fewer than 50 refits tell it."
    )
    none = advise(replace(PATIENT, refits=np.empty((0, 2))), replace(RULE, no_refits="none were asked for"))
    assert step(none, "difference")[1] == "surgery over sbrt: +0.200, without an interval: none were asked for."
    assert none.contrasts[0].standard_error is None and none.contrasts[0].deltas == ()


def test_refits_that_do_not_know_are_left_out() -> None:
    some = refits(0.6, 0.8, count=60)
    some[:5] = np.nan
    (contrast,) = advise(replace(PATIENT, refits=some), RULE).contrasts
    assert len(contrast.deltas) == 55 and contrast.standard_error is not None


def test_a_difference_that_is_not_known() -> None:
    advice = advise(replace(PATIENT, utility=np.array([np.nan, 0.8])), RULE)
    assert failed(advice) == ["difference", "bound"]
    assert step(advice, "difference")[1] == "The difference of surgery over sbrt is not known."
    (contrast,) = advice.contrasts
    assert (contrast.arm, contrast.delta, contrast.lower, contrast.bound) == ("surgery", None, None, None)


def test_with_three_arms_the_best_is_compared_with_each_other_at_a_divided_error_rate() -> None:
    assert (quantile(1), quantile(2), quantile(4)) == (1.645, 1.96, 2.241)
    rule = replace(RULE, arms=("a", "b", "c"), gates={(1, 0): GATE, (2, 0): GATE, (2, 1): GATE})
    patient = replace(
        PATIENT,
        utility=np.array([0.60, 0.80, 0.60]),
        refits=refits(0.60, 0.80, 0.60),
        propensity=np.array([0.3, 0.4, 0.3]),
        seen=(60, 60, 60),
    )
    advice = advise(patient, replace(rule, gates={(1, 0): GATE, (2, 0): GATE, (2, 1): GATE.reversed()}))
    assert [(c.arm, c.minus) for c in advice.contrasts] == [("b", "a"), ("b", "c")]
    assert advice.contrasts[0].lower == pytest.approx(0.2 - 1.96 * 0.04)
    assert advice.arm == "b"
    close = advise(replace(patient, utility=np.array([0.60, 0.80, 0.78])), rule)
    assert close.arm is None and "difference" in failed(close), "it leads one of the others only"
    shut = advise(patient, replace(rule, gates={(1, 0): GATE}))
    assert "gate" in failed(shut) and "Predicted differences are the same for all (b and c)" in step(shut, "gate")[1]

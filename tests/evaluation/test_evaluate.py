"""All figures of an endpoint: equal to R's, and nothing where support is thin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmcare.evaluation import (
    ALL_ARMS,
    Cell,
    Figure,
    Metrics,
    Scored,
    Setting,
    evaluate_endpoint,
    metric_tables,
)
from mmcare.survival import aalen_johansen, reverse_kaplan_meier, uno_concordance

from .conftest import Reference

ARMS = ("sbrt", "surgery")


def setting(scored: Scored, endpoint: str = "os", **changed: object) -> Setting:
    """The null is the arm's curve of the same patients, as in R's entries."""
    null = {c: aalen_johansen(scored.time[scored.arm == c], scored.event[scored.arm == c]) for c in (0, 1)}
    risks = {c: curve.at(scored.horizons).tolist() for c, curve in null.items()}
    return replace(Setting(endpoint, ARMS, (True, True), risks, draws=0), **changed)


def metrics(scored: Scored, chosen: Setting) -> Metrics:
    return Metrics(run="r", patients="p", bootstrap=chosen.draws, figures=evaluate_endpoint(scored, chosen))


def patients(time: list[float], event: list[int], **changed: object) -> Scored:
    """Patients of two arms in turn, whose risk by 3 years falls with their time."""
    n = len(time)
    risk = np.linspace(0.6, 0.1, n)[:, None]
    arm = np.arange(n) % 2
    return replace(Scored(risk, np.array(time), np.array(event), arm, (3.0,), False), **changed)


@pytest.mark.parametrize("endpoint", ["os", "lc"])
def test_every_figure_printed_is_that_of_r(reference: Reference, endpoint: str) -> None:
    scored = reference.scored(endpoint)
    found = metrics(scored, setting(scored, endpoint))
    for code, arm in enumerate(ARMS):
        for t in (1, 3, 5):

            def said(key: str, code: int = code, t: int = t) -> dict:
                return reference.value(f"{endpoint}.{key}")[f"arm{code}"][f"t{t}"]

            def value(metric: str, arm: str = arm, t: int = t) -> float | None:
                return found.figure(endpoint, arm, t, metric).value

            assert value("AUC") == pytest.approx(said("own.auc")["AUC"], rel=0, abs=1e-12)
            if endpoint == "lc":
                free = said("own.auc_event_free")["AUC"]
                assert value("AUC event-free") == pytest.approx(free, rel=0, abs=1e-12)
            assert value("Brier") == pytest.approx(said("own.brier")["brier"], rel=0, abs=1e-12)
            assert value("IPA") == pytest.approx(said("own.brier")["IPA"], rel=0, abs=1e-12)
            assert value("O/E") == pytest.approx(said("calibration_ratio")["O_over_E"], rel=0, abs=1e-10)
            counts = reference.value(f"{endpoint}.counts")[f"arm{code}"]
            place = (1, 3, 5).index(t)
            figure = found.figure(endpoint, arm, t, "C")
            assert figure.patients == sum(counts["codes"].values())
            beyond = [counts[key][place] for key in ("beyond", "censored_at_t", "event_at_t", "competing_at_t")]
            assert figure.at_risk == sum(beyond)
            assert figure.effective_patients == pytest.approx(said("own.identities")["ess"], abs=1e-9)


@pytest.mark.parametrize(("endpoint", "key"), [("os", "own.uno"), ("lc", "own.uno_dead_comparable")])
def test_concordance_is_that_of_r(reference: Reference, endpoint: str, key: str) -> None:
    """The column p_3 as the risk by 3 years."""
    scored = reference.scored(endpoint)
    found = metrics(scored, setting(scored, endpoint))
    said = reference.value(f"{endpoint}.{key}")["p_3"]["tau3"]
    for code, arm in enumerate(ARMS):
        assert found.figure(endpoint, arm, 3, "C").value == pytest.approx(said[f"arm{code}"]["C"], rel=0, abs=1e-12)
    summed, pooled = (found.figure(endpoint, ALL_ARMS, 3, name).value for name in ("C", "pooled C"))
    assert summed == pytest.approx(said["summed_over_arms"], rel=0, abs=1e-12)
    assert pooled == pytest.approx(said["pooled"]["C"], rel=0, abs=1e-12)


@pytest.mark.parametrize("endpoint", ["os", "lc"])
def test_calibration_of_a_head_is_that_of_r(reference: Reference, endpoint: str) -> None:
    scored = reference.head(endpoint)
    found = metrics(scored, setting(scored, endpoint))
    for code, arm in enumerate(ARMS):
        for t in (1, 3, 5):
            said = reference.value(f"{endpoint}.own.discrete_head")["calibration"][f"arm{code}"][f"t{t}"]
            z, chi2 = (found.figure(endpoint, arm, t, name) for name in ("z", "chi2"))
            assert (z.value, z.events) == (pytest.approx(said["z"], rel=0, abs=1e-10), said["O"])
            assert chi2.value == pytest.approx(said["chi2"], rel=0, abs=1e-10)
            assert (chi2.p, chi2.degrees) == (pytest.approx(said["p"], rel=0, abs=1e-10), said["df"])


def test_intervals_hold_the_value_and_are_the_same_for_the_same_seed(tied: Reference) -> None:
    scored = tied.scored("lc")
    first, again, other = (metrics(scored, setting(scored, "lc", draws=60, seed=seed)).figures for seed in (1, 1, 2))
    assert first == again
    assert first != other
    for figure in first:
        if figure.value is not None and figure.metric not in ("z", "chi2"):
            assert figure.lower is not None and figure.upper is not None
            assert figure.lower <= figure.value <= figure.upper, figure


def test_metrics_survive_json(tied: Reference) -> None:
    scored = tied.scored("os")
    found = metrics(scored, setting(scored, personal=(True, False), draws=20))
    assert Metrics.model_validate_json(found.model_dump_json()) == found
    assert '"value":null' in found.model_dump_json()


def test_an_arm_without_figures_of_its_own_ranks_nobody(tied: Reference) -> None:
    scored = tied.scored("os")
    found = metrics(scored, setting(scored, personal=(True, False)))
    for metric in ("C", "AUC", "slope"):
        figure = found.figure("os", "surgery", 3, metric)
        assert figure.value is None
        assert figure.reason == ("arm average: fewer than 20 training events in this arm, so patients are not ranked")
    assert found.figure("os", "surgery", 3, "Brier").value is not None
    assert found.figure("os", "surgery", 3, "O/E").value is not None
    alone, summed = found.figure("os", "sbrt", 3, "C"), found.figure("os", ALL_ARMS, 3, "C")
    assert (summed.value, summed.patients) == (alone.value, alone.patients)
    assert summed.reason == (
        "without surgery: arm average: fewer than 20 training events in this arm, so patients are not ranked"
    )


def test_no_arm_ranks_its_patients(tied: Reference) -> None:
    scored = tied.scored("os")
    figure = metrics(scored, setting(scored, personal=(False, False))).figure("os", ALL_ARMS, 3, "C")
    why = "arm average: fewer than 20 training events in this arm, so patients are not ranked"
    assert (figure.value, figure.patients) == (None, 0)
    assert figure.reason == f"sbrt: {why}; surgery: {why}"


def the_only(figures: tuple[Figure, ...], arm: str) -> str:
    """The one reason why an arm has no figure."""
    own = [figure for figure in figures if figure.arm == arm]
    assert own and all(figure.value is None for figure in own)
    (reason,) = {figure.reason for figure in own}
    return reason


def test_nothing_beyond_the_follow_up_of_the_patients_scored() -> None:
    scored = patients([1, 1.5, 2, 2.5], [1, 1, 0, 0])
    assert (
        the_only(evaluate_endpoint(scored, setting(scored)), "sbrt") == "follow-up of these patients ends at 2.0 years"
    )


def test_nothing_beyond_the_follow_up_of_training() -> None:
    scored = patients([1, 4, 2, 4], [1, 1, 0, 0])
    chosen = setting(scored, support_years=(2.8, 6.0))
    reason = the_only(evaluate_endpoint(scored, chosen), "sbrt")
    assert reason == "the training patients' follow-up ends at 2.8 years"


def test_nothing_without_an_event() -> None:
    scored = patients([1, 4, 4, 4], [0, 1, 1, 0])
    assert the_only(evaluate_endpoint(scored, setting(scored)), "sbrt") == "no event by this horizon"


def test_nothing_where_next_to_nobody_is_at_risk() -> None:
    scored = patients([1, 1, *[2.0] * 12, *[4.0] * 8], [1, 1, *[0] * 20])
    reason = the_only(evaluate_endpoint(scored, setting(scored)), "sbrt")
    assert reason == "fewer than 5 patients at risk at this horizon"


def test_nobody_is_ranked_by_a_few_events() -> None:
    """Four events of an arm: C, AUC and slope say nothing, the others do."""
    scored = patients([*[1.0, 2.0] * 4, *[4.0] * 12], [1] * 8 + [0] * 12)
    found = metrics(scored, setting(scored))
    for metric in ("C", "AUC", "slope"):
        figure = found.figure("os", "sbrt", 3, metric)
        assert (figure.events, figure.value, figure.reason) == (4, None, "fewer than 5 events by then")
    assert found.figure("os", "sbrt", 3, "O/E").value is not None
    summed = found.figure("os", ALL_ARMS, 3, "C")
    assert summed.reason == "sbrt: fewer than 5 events by then; surgery: fewer than 5 events by then"


def test_nothing_without_a_prediction() -> None:
    scored = patients([1, 4, 4, 4], [1, 1, 1, 0])
    scored.risk[:] = np.nan
    assert the_only(evaluate_endpoint(scored, setting(scored)), "sbrt") == "no patient has a prediction at this horizon"


def test_patients_without_a_prediction_are_counted() -> None:
    rng = np.random.default_rng(0)
    scored = patients(rng.uniform(1, 6, 80).tolist(), [1] * 80)
    scored.risk[[0, 2, 3]] = np.nan
    figure = metrics(scored, setting(scored)).figure("os", "sbrt", 3, "Brier")
    assert (figure.patients, figure.reason) == (38, "2 patients without a prediction at this horizon are left out")


def test_a_model_without_a_curve_has_no_expected_events() -> None:
    scored = patients([1, 2, 2.5, 2.8, *[4.0] * 10], [1, 1, 1, 1, *[0] * 10])
    figure = metrics(scored, setting(scored)).figure("os", "sbrt", 3, "z")
    assert (figure.value, figure.reason) == (None, "the model gives no curve in time")


def test_few_at_risk_take_the_censoring_of_training(tied: Reference) -> None:
    training = tied.scored("os")
    g = {c: reverse_kaplan_meier(training.time[training.arm == c], training.event[training.arm == c]) for c in (0, 1)}
    few = training.take(np.arange(60))
    found = metrics(few, setting(few, censoring=g)).figure("os", "sbrt", 3, "C")
    own = metrics(few, setting(few)).figure("os", "sbrt", 3, "C")
    r = few.take(few.arm == 0)
    expected = uno_concordance(r.risk[:, 1], r.time, r.event, 3.0, censoring={0: g[0]}).index
    assert found.value == expected != own.value
    assert found.reason == "censoring weights from the training patients: fewer than 30 at risk here"
    many = metrics(training, setting(training, censoring=g)).figure("os", "sbrt", 1, "C")
    assert (many.reason, many.at_risk >= 30) == ("", True)


def test_the_dead_are_comparable_where_death_competes(tied: Reference) -> None:
    scored = tied.scored("lc")
    alone = metrics(scored, setting(scored, "lc")).figure("lc", "sbrt", 3, "C").value
    as_censored = metrics(replace(scored, competing=False), setting(scored, "lc")).figure("lc", "sbrt", 3, "C").value
    assert alone != as_censored


def test_one_arm_has_no_row_for_all_arms(tied: Reference) -> None:
    scored = tied.arm("os", 0)
    risks = {0: aalen_johansen(scored.time, scored.event).at(scored.horizons).tolist()}
    figures = evaluate_endpoint(scored, Setting("os", ("sbrt",), (True,), risks, draws=0))
    assert {figure.arm for figure in figures} == {"sbrt"}


def test_calibration_points_stand_at_the_ratio(tied: Reference) -> None:
    scored = tied.scored("os")
    figure = metrics(scored, setting(scored)).figure("os", "sbrt", 3, "O/E")
    assert sum(point.patients for point in figure.points) == figure.patients
    said = tied.value("os.gnd")["arm0"]["t3"]
    assert [p.observed for p in figure.points] == pytest.approx(said["observed"], rel=0, abs=1e-12)


def test_an_unknown_figure() -> None:
    with pytest.raises(KeyError) as caught:
        Metrics(run="r", patients="p", bootstrap=0).figure("os", "sbrt", 3, "C")
    assert caught.value.args == (("os", "sbrt", 3, "C"),)


def test_tables_have_a_row_a_horizon_and_say_each_reason_once(tied: Reference) -> None:
    scored = tied.scored("os")
    found = metrics(scored, setting(scored, personal=(True, False), draws=50))
    page = metric_tables(found)
    assert [(t.endpoint, t.arm, t.patients) for t in page.arms] == [
        ("os", "sbrt", 195),
        ("os", "surgery", 205),
        ("os", "all arms", 195),
    ]
    sbrt, surgery, both = page.arms
    assert sbrt.metrics == ("C", "AUC", "Brier", "IPA", "O/E")
    assert both.metrics == ("C", "pooled C")
    figure, row = found.figure("os", "sbrt", 3, "C"), sbrt.rows[1]
    assert (row.year, row.events, row.at_risk, row.notes) == ("3", str(figure.events), str(figure.at_risk), "")
    assert row.cells[0] == Cell(f"{figure.value:.3f}", f"{figure.lower:.2f}-{figure.upper:.2f}")
    assert [row.cells[:2] for row in surgery.rows] == [(Cell("-", ""), Cell("-", ""))] * 3
    assert [row.notes for row in surgery.rows] == ["[1]"] * 3
    average = "arm average: fewer than 20 training events in this arm, so patients are not ranked"
    assert page.notes == (("[1]", f"C, AUC: {average}"), ("[2]", f"without surgery: {average}"))
    assert dict(page.definitions)["Brier"] == "Brier score at the horizon with censoring weights per arm"


def test_an_interval_that_reaches_below_zero_is_no_subtraction(tied: Reference) -> None:
    found = metrics(tied.scored("os"), setting(tied.scored("os")))
    figure = found.figure("os", "sbrt", 1, "IPA").model_copy(update={"value": 0.01, "lower": -0.2, "upper": 0.15})
    (table,) = metric_tables(found.model_copy(update={"figures": (figure,)})).arms
    assert table.rows[0].cells == (Cell("0.010", "-0.20 to 0.15"),)


def test_other_metrics_are_shown_on_request(tied: Reference) -> None:
    found = metrics(tied.scored("os"), setting(tied.scored("os")))
    assert {table.metrics for table in metric_tables(found, ["z"]).arms} == {("z",)}


def test_every_figure_names_its_definition_and_time(tied: Reference) -> None:
    scored = tied.scored("lc")
    found = metrics(scored, setting(scored, "lc"))
    assert found.figure("lc", "sbrt", 3, "C").definition == (
        "Uno's C, tau = 3 years, of the risk by then: events before tau, pairs within an arm, summed over arms; "
        "who died before counts as never failing"
    )
    assert all(figure.definition for figure in found.figures)

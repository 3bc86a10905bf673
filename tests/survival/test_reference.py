"""Every estimator equals R's value, on tied and on untied data."""

from __future__ import annotations

import numpy as np
import pytest

from mmcare.survival import (
    IntervalGrid,
    aalen_johansen,
    breslow_baseline,
    calibration_slope,
    censoring_weights,
    discrete_incidence,
    harrell_concordance,
    intercept_only,
    kaplan_meier,
    landmark_labels,
    nelson_aalen,
    reverse_kaplan_meier,
    uno_concordance,
)

from .conftest import Reference, load

HORIZONS = np.array([1.0, 3.0, 5.0])
GROUPS = ("all", "arm0", "arm1")
ENDPOINTS = ("os", "lc")


def close(found, expected, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("group", GROUPS)
def test_kaplan_meier_greenwood_and_bands(reference: Reference, endpoint: str, group: str) -> None:
    expected = reference.value(f"{endpoint}.km_any_loglog")[group]
    found = kaplan_meier(*reference.of(endpoint, group))
    close(found.curve.at(HORIZONS), expected["survival"])
    close(np.sqrt(found.variance.at(HORIZONS)), expected["se"])
    band = found.band(HORIZONS)
    close(band.lower, expected["lower"])
    close(band.upper, expected["upper"])


@pytest.mark.parametrize("group", GROUPS)
def test_nelson_aalen(reference: Reference, group: str) -> None:
    close(nelson_aalen(*reference.of("os", group)).at(HORIZONS), reference.value("os.nelson_aalen")[group]["cumhaz"])


@pytest.mark.parametrize("group", GROUPS)
def test_nelson_aalen_of_one_cause(reference: Reference, group: str) -> None:
    time, event = reference.of("lc", group)
    close(nelson_aalen(time, event == 1).at(HORIZONS), reference.value("lc.nelson_aalen")[group]["cumhaz"])


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("group", GROUPS)
def test_reverse_kaplan_meier_takes_events_first(reference: Reference, endpoint: str, group: str) -> None:
    expected = reference.value(f"{endpoint}.reverse_km")[group]
    g = reverse_kaplan_meier(*reference.of(endpoint, group))
    close(g.at(HORIZONS), expected["events_first_at_t"])
    close(g.at(HORIZONS, left=True), expected["events_first_before_t"])
    if reference.name == "cohort":
        assert np.abs(g.at(HORIZONS) - expected["censorings_first_at_t"]).max() > 1e-4


@pytest.mark.parametrize("group", GROUPS)
def test_aalen_johansen(reference: Reference, group: str) -> None:
    expected = reference.value("lc.aalen_johansen")[group]
    time, event = reference.of("lc", group)
    close(aalen_johansen(time, event, 1).at(HORIZONS), expected["failure"])
    close(aalen_johansen(time, event, 2).at(HORIZONS), expected["death"])
    second = reference.value("lc.cuminc")[group]
    close(aalen_johansen(time, event, 1).at(HORIZONS), [second["failure"][t] for t in ("1", "3", "5")])
    close(aalen_johansen(time, event, 2).at(HORIZONS), [second["death"][t] for t in ("1", "3", "5")])
    naive = reference.value("lc.naive_1_minus_km")[group]
    close(1 - kaplan_meier(time, event == 1).curve.at(HORIZONS), naive)
    assert (np.array(naive) > np.array(expected["failure"]) + 0.002).all(), "it is no cumulative incidence"


def test_aalen_johansen_by_hand() -> None:
    """Fourteen patients with whole-number times, at every one of them."""
    entries = load("cohort").entries
    data, expected = (entries[f"small_finegray.{key}"]["value"] for key in ("data", "aalen_johansen"))
    for cause, name in ((1, "failure"), (2, "death")):
        close(aalen_johansen(data["time"], data["event"], cause).at(expected["time"]), expected[name])


@pytest.mark.parametrize("tau", [1, 3, 5])
@pytest.mark.parametrize("score", ["score_good", "score_noisy"])
@pytest.mark.parametrize("group", GROUPS)
def test_uno_agrees_with_survival_where_no_times_are_tied(group: str, score: str, tau: int) -> None:
    """A second opinion, of one endpoint without competing events: at tied times its rule at tau is another."""
    untied = load("cohort_untied")
    expected = untied.value("os.uno_survival")[score][f"tau{tau}"][group]["C"]
    close(uno_concordance(untied.column(score, group), *untied.of("os", group), tau).index, expected)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_weights_and_their_identities(reference: Reference, endpoint: str) -> None:
    time, event = reference.of(endpoint)
    arm = reference.column("arm").astype(int)
    expected = reference.value(f"{endpoint}.own.weights")
    identities = reference.value(f"{endpoint}.own.identities")
    for horizon in (1, 3, 5):
        found = censoring_weights(time, event, horizon, arm, least=0.0)
        close(found.weight, expected[f"t{horizon}"])
        label = landmark_labels(time, event, horizon).label
        for code in (0, 1):
            of, said = arm == code, identities[f"arm{code}"][f"t{horizon}"]
            assert abs(found.weight[of].sum() - of.sum()) < 1e-10
            close((found.weight * label)[of].mean(), said["aj"])
            alone = censoring_weights(time[of], event[of], horizon, least=0.0)
            close(alone.effective_size, said["ess"], 1e-9)


def test_clipping_is_counted() -> None:
    time = np.arange(1.0, 101)
    event = np.zeros(100, int)
    event[-1] = 1
    found = censoring_weights(time, event, 200.0)
    assert found.weight.max() == pytest.approx(1 / 0.05)
    assert found.share_clipped == 1.0


@pytest.mark.parametrize("score", ["score_good", "score_noisy"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_harrell(reference: Reference, endpoint: str, score: str) -> None:
    expected = reference.value(f"{endpoint}.harrell")[score]
    for group in GROUPS:
        time, event = reference.of(endpoint, group)
        close(harrell_concordance(reference.column(score, group), time, event == 1), expected[group]["C"])
    time, event = reference.of(endpoint)
    found = harrell_concordance(reference.column(score), time, event == 1, reference.column("arm"))
    close(found, expected["stratified_by_arm"]["C"])


@pytest.mark.parametrize("tau", [1, 3, 5])
@pytest.mark.parametrize("score", ["score_good", "score_noisy"])
@pytest.mark.parametrize(("key", "endpoint"), [("own.uno", "os"), ("own.uno", "lc"), ("own.uno_dead_comparable", "lc")])
def test_uno(reference: Reference, key: str, endpoint: str, score: str, tau: int) -> None:
    expected = reference.value(f"{endpoint}.{key}")[score][f"tau{tau}"]
    dead = key.endswith("dead_comparable")
    for group in ("arm0", "arm1"):
        time, event = reference.of(endpoint, group)
        found = uno_concordance(reference.column(score, group), time, event, tau, competing=dead)
        np.testing.assert_allclose(found.numerator, expected[group]["numerator"], rtol=1e-12)
        np.testing.assert_allclose(found.denominator, expected[group]["denominator"], rtol=1e-12)
        close(found.index, expected[group]["C"])
    time, event = reference.of(endpoint)
    arm, risk = reference.column("arm").astype(int), reference.column(score)
    close(uno_concordance(risk, time, event, tau, arm, competing=dead).index, expected["summed_over_arms"])
    close(uno_concordance(risk, time, event, tau, arm, competing=dead, pooled=True).index, expected["pooled"]["C"])


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_slope_and_baseline(reference: Reference, endpoint: str) -> None:
    expected = reference.value(f"{endpoint}.eta_to_survival")
    time, event = reference.of(endpoint)
    eta, arm = reference.column("score_good"), reference.column("arm").astype(int)
    slope = calibration_slope(eta, time, event, arm)
    close(slope.raw, expected["efron"]["gamma"], 1e-6)
    for gamma, values in ((expected["efron"]["gamma"], expected["efron"]["H0"]), (1.0, expected["gamma_1_H0"])):
        for code, curve in enumerate(breslow_baseline(eta, time, event, arm, gamma, arms=2)):
            assert curve is not None
            close(curve.at(HORIZONS), values[f"arm{code}"], 1e-6)


def test_breslow_of_a_constant_score_is_nelson_aalen(reference: Reference) -> None:
    time, event = reference.of("os")
    (curve,) = breslow_baseline(np.zeros(len(time)), time, event, np.zeros(len(time), int), 1.0, arms=1)
    assert curve is not None
    close(curve.values, nelson_aalen(time, event).values)


def test_slope_without_events_or_signal() -> None:
    time, arm = np.arange(1.0, 11), np.zeros(10, int)
    none = calibration_slope(np.arange(10.0), time, np.zeros(10), arm)
    assert (none.gamma, none.reason) == (1.0, "no event among the validation patients: the slope is left at 1")
    flat = calibration_slope(np.ones(10), time, np.ones(10), arm)
    assert flat.gamma == 0.0
    assert calibration_slope(np.arange(10.0), time, np.ones(10), arm).gamma == 0.0  # a score that points the wrong way
    assert calibration_slope(-np.arange(10.0), time, np.ones(10), arm).gamma == 1.0  # one that separates


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("group", ["arm0", "arm1"])
def test_intercept_only(reference: Reference, endpoint: str, group: str) -> None:
    expected = reference.value(f"{endpoint}.own.intercept_only")[group]
    grid, causes = IntervalGrid.of_horizons(HORIZONS), 2 if endpoint == "lc" else 1
    found = intercept_only(*reference.of(endpoint, group), grid, HORIZONS, causes, least=1)
    close(found.hazards[0], expected["h_event"], 1e-10)
    if causes == 2:
        close(found.hazards[1], expected["h_competing"], 1e-10)
    close(incidence(found.hazards, grid), expected["risk_at_horizons"], 1e-10)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("group", ["arm0", "arm1"])
def test_intercept_only_that_shares_keeps_the_risk_at_horizons(reference: Reference, endpoint: str, group: str) -> None:
    expected = reference.value(f"{endpoint}.own.intercept_only")[group]["risk_at_horizons"]
    grid, causes = IntervalGrid.of_horizons(HORIZONS), 2 if endpoint == "lc" else 1
    found = intercept_only(*reference.of(endpoint, group), grid, HORIZONS, causes)
    assert any(len(np.unique(row)) < grid.count for row in found.groups)
    close(incidence(found.hazards, grid), expected, 0.01)


def incidence(hazards: np.ndarray, grid: IntervalGrid) -> np.ndarray:
    """F(t) of the first cause at the horizons."""
    return np.array([discrete_incidence(hazards[None], grid, t)[0, 0] for t in HORIZONS])


def test_intercept_only_without_sharing_is_the_closed_form(reference: Reference) -> None:
    grid = IntervalGrid(np.array([0.0, 1.0, 3.0, 5.0]))
    for group in ("arm0", "arm1"):
        time, event = reference.of("os", group)
        found = intercept_only(time, event, grid, HORIZONS)
        for k, (start, end) in enumerate(zip(grid.edges, grid.edges[1:], strict=False)):
            inside = (time > start) & (time <= end)
            d = (inside & (event == 1)).sum()
            r = ((time - start) / (end - start))[inside & (event == 0)].sum()
            close(found.hazards[0, k], d / (d + (time > end).sum() + r), 1e-10)

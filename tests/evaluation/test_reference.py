"""Every metric equals R's value, on tied and on untied data."""

from __future__ import annotations

import numpy as np
import pytest

from mmcare.evaluation import (
    auc,
    brier,
    calibration_points,
    event_calibration,
    greenwood_nam_dagostino,
    observed_over_expected,
    threshold,
)

from .conftest import Reference

ENDPOINTS = ("os", "lc")
HORIZONS = ((0, 1.0), (1, 3.0), (2, 5.0))
CODES = (0, 1)


def close(found, expected, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(("place", "t"), HORIZONS)
@pytest.mark.parametrize("code", CODES)
class TestPerArm:
    def test_auc(self, reference: Reference, endpoint: str, place: int, t: float, code: int) -> None:
        r = reference.arm(endpoint, code)
        expected = reference.value(f"{endpoint}.own.auc")[f"arm{code}"][f"t{t:g}"]
        close(auc(r.risk[:, place], r.time, r.event, t), expected["AUC"])

    def test_auc_against_the_event_free_only(
        self, reference: Reference, endpoint: str, place: int, t: float, code: int
    ) -> None:
        r = reference.arm(endpoint, code)
        key = f"{endpoint}.own.auc" if endpoint == "os" else "lc.own.auc_event_free"  # nobody dies first in os
        found = auc(r.risk[:, place], r.time, r.event, t, dead_as_controls=False)
        close(found, reference.value(key)[f"arm{code}"][f"t{t:g}"]["AUC"])

    def test_brier_and_ipa(self, reference: Reference, endpoint: str, place: int, t: float, code: int) -> None:
        r = reference.arm(endpoint, code)
        expected = reference.value(f"{endpoint}.own.brier")[f"arm{code}"][f"t{t:g}"]
        found = brier(r.risk[:, place], r.time, r.event, t)
        close([found.score, found.null, found.ipa], [expected["brier"], expected["null"], expected["IPA"]])
        again = brier(r.risk[:, place], r.time, r.event, t, expected["null_risk"])
        close(again.null, expected["null"])

    def test_threshold(self, reference: Reference, endpoint: str, place: int, t: float, code: int) -> None:
        r = reference.arm(endpoint, code)
        expected = reference.value(f"{endpoint}.own.threshold")[f"arm{code}"][f"t{t:g}"]
        found = threshold(r.risk[:, place], r.time, r.event, t, 0.4 if endpoint == "os" else 0.2)
        close(
            [found.sensitivity, found.specificity, found.accuracy, found.accuracy_of_nobody],
            [expected[name] for name in ("sensitivity", "specificity", "accuracy", "nobody")],
        )

    def test_observed_over_expected(self, reference: Reference, endpoint: str, place: int, t: float, code: int) -> None:
        r = reference.arm(endpoint, code)
        expected = reference.value(f"{endpoint}.calibration_ratio")[f"arm{code}"][f"t{t:g}"]
        close(observed_over_expected(r.risk[:, place], r.time, r.event, t), expected["O_over_E"], 1e-10)

    def test_events_against_those_expected(
        self, reference: Reference, endpoint: str, place: int, t: float, code: int
    ) -> None:
        """From the curves at the grid's edges, as a prognosis gives them."""
        head = reference.head(endpoint)
        r = head.take(head.arm == code)
        expected = reference.value(f"{endpoint}.own.discrete_head")["calibration"][f"arm{code}"][f"t{t:g}"]
        found = event_calibration(r.risk[:, place], r.expected[:, place], r.time, r.event, t)
        assert found.observed == expected["O"]
        assert found.groups.degrees == expected["df"]
        close([found.expected, found.z], [expected["E"], expected["z"]], 1e-10)
        close([found.groups.value, found.groups.p], [expected["chi2"], expected["p"]], 1e-10)


@pytest.mark.parametrize(("place", "t"), HORIZONS)
@pytest.mark.parametrize("code", CODES)
def test_greenwood_nam_dagostino(reference: Reference, place: int, t: float, code: int) -> None:
    r = reference.arm("os", code)
    expected = reference.value("os.gnd")[f"arm{code}"][f"t{t:g}"]
    found = greenwood_nam_dagostino(r.risk[:, place], r.time, r.event, t)
    close(found.value, expected["chi2"], 1e-10)
    close(found.p, expected["p_df5"], 1e-10)
    if min(expected["events"]) >= 5 and sum(expected["events"]) >= 25:
        points = calibration_points(r.risk[:, place], r.time, r.event, t)
        close([p.observed for p in points], expected["observed"], 1e-12)
        close([p.predicted for p in points], expected["expected"], 1e-12)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("code", CODES)
def test_risk_regression_agrees_where_no_times_are_tied(endpoint: str, code: int) -> None:
    """riskRegression's Score: an independent implementation; with ties its rule at t differs from ours."""
    from .conftest import load

    untied = load("cohort_untied")
    r, said = untied.arm(endpoint, code), untied.value(f"{endpoint}.score")[f"arm{code}"]["model"]
    for place, t in HORIZONS:
        found = brier(r.risk[:, place], r.time, r.event, t)
        close(auc(r.risk[:, place], r.time, r.event, t), said["auc"]["AUC"][place])
        close([found.score, found.ipa], [said["brier"]["Brier"][place], said["brier"]["IPA"][place]])

"""Every pair and every patient by itself, as STATISTICS states it, against the vectorised code; ties everywhere."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcare.survival import (
    breslow_baseline,
    calibration_slope,
    censoring_weights,
    harrell_concordance,
    reverse_kaplan_meier,
    uno_concordance,
)

PATIENT = st.tuples(st.integers(1, 10), st.sampled_from([0, 1, 2]), st.integers(0, 1), st.integers(0, 4))
SAMPLES = st.lists(PATIENT, min_size=2, max_size=25).map(lambda rows: np.array(rows, dtype=float))
LEAST = 0.05


def g_before(time: np.ndarray, event: np.ndarray, u: float) -> float:
    """G(u-): the product over earlier times of one minus censored over at risk without those who have an event."""
    found = 1.0
    for v in sorted(set(time[time < u])):
        at_risk, events = (time >= v).sum(), ((time == v) & (event != 0)).sum()
        censored = ((time == v) & (event == 0)).sum()
        if censored:
            found *= 1 - censored / (at_risk - events)
    return found


def uno_loop(sample: np.ndarray, tau: float, *, competing: bool, pooled: bool) -> tuple[float, float]:
    time, event, arm, risk = sample.T

    def g(i: int, u: float) -> float:
        own = arm == arm[i]
        return max(g_before(time[own], event[own], u), LEAST)

    agree = total = 0.0
    for i in range(len(time)):
        for j in range(len(time)):
            if event[i] != 1 or time[i] >= tau or (arm[i] != arm[j] and not pooled):
                continue
            if time[j] > time[i] or (time[j] == time[i] and event[j] == 0):
                weight = 1 / (g(i, time[i]) * g(j, time[i]))
            elif competing and event[j] == 2 and time[j] <= time[i]:
                weight = 1 / (g(i, time[i]) * g(j, time[j]))
            else:
                continue
            total += weight
            agree += weight * ((risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j]))
    return agree, total


@settings(max_examples=150, deadline=None)
@given(SAMPLES, st.integers(2, 11), st.booleans(), st.booleans())
def test_uno_pair_by_pair(sample: np.ndarray, tau: int, competing: bool, pooled: bool) -> None:
    time, event, arm, risk = sample.T
    found = uno_concordance(risk, time, event, tau, arm, competing=competing, pooled=pooled)
    agree, total = uno_loop(sample, tau, competing=competing, pooled=pooled)
    assert math.isclose(found.numerator, agree, rel_tol=1e-12, abs_tol=1e-12)
    assert math.isclose(found.denominator, total, rel_tol=1e-12, abs_tol=1e-12)


@settings(max_examples=100, deadline=None)
@given(SAMPLES)
def test_harrell_pair_by_pair(sample: np.ndarray) -> None:
    time, event, arm, risk = sample.T
    agree = total = 0.0
    for i in range(len(time)):
        for j in range(len(time)):
            later = time[j] > time[i] or (time[j] == time[i] and event[j] != 1)
            if event[i] == 1 and arm[i] == arm[j] and later:
                total += 1
                agree += (risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j])
    found = harrell_concordance(risk, time, event == 1, arm)
    assert (math.isnan(found) and not total) or math.isclose(found, agree / total, rel_tol=1e-12)


@settings(max_examples=100, deadline=None)
@given(SAMPLES, st.integers(1, 10))
def test_weights_patient_by_patient(sample: np.ndarray, horizon: int) -> None:
    time, event, arm, _ = sample.T
    found = censoring_weights(time, event, horizon, arm).weight
    for i in range(len(time)):
        own = arm == arm[i]
        known = time[i] > horizon or event[i] != 0 or time[i] == horizon
        expected = 1 / max(g_before(time[own], event[own], min(time[i], horizon)), LEAST) if known else 0.0
        assert math.isclose(found[i], expected, rel_tol=1e-12)


@settings(max_examples=100, deadline=None)
@given(SAMPLES)
def test_censoring_curve_time_by_time(sample: np.ndarray) -> None:
    time, event = sample[:, 0], sample[:, 1]
    curve = reverse_kaplan_meier(time, event)
    for u in np.unique(time):
        assert math.isclose(float(curve.at(u, left=True)), g_before(time, event, u), rel_tol=1e-12)


@settings(max_examples=100, deadline=None)
@given(SAMPLES, st.floats(0, 1))
def test_breslow_event_by_event_and_blind_to_a_constant(sample: np.ndarray, slope: float) -> None:
    """A constant added to all scores changes no survival: the baseline takes it back."""
    time, event, arm, eta = sample.T
    for code, curve in enumerate(breslow_baseline(eta, time, event, arm, slope, arms=2)):
        of = arm == code
        if curve is None:
            assert not of.any()
            continue
        for u in np.unique(time[of]):
            terms = [
                ((time == v) & (event == 1) & of).sum() / np.exp(slope * eta[of & (time >= v)]).sum()
                for v in np.unique(time[of & (time <= u)])
            ]
            assert math.isclose(float(curve.at(u)), sum(terms), rel_tol=1e-12)
    shifted = breslow_baseline(eta + 7.0, time, event, arm, slope, arms=2)
    for one, other in zip(breslow_baseline(eta, time, event, arm, slope, arms=2), shifted, strict=True):
        if one is not None and other is not None:
            np.testing.assert_allclose(other.values * np.exp(7.0 * slope), one.values, rtol=1e-10)


@settings(max_examples=60, deadline=None)
@given(SAMPLES, st.floats(-3, 3))
def test_the_slope_is_blind_to_a_constant_of_each_arm(sample: np.ndarray, shift: float) -> None:
    time, event, arm, eta = sample.T
    one = calibration_slope(eta, time, event, arm)
    other = calibration_slope(eta + shift * arm, time, event, arm)
    assert math.isclose(one.gamma, other.gamma, abs_tol=1e-6)

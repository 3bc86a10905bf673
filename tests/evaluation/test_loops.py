"""AUC, Brier and the ratio, patient by patient and pair by pair, against the vectorised code; ties everywhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcare.evaluation import auc, brier, event_calibration, observed_over_expected
from mmcare.survival import aalen_johansen, censoring_weights

PATIENT = st.tuples(st.integers(1, 10), st.sampled_from([0, 1, 2]), st.integers(1, 5))
SAMPLES = st.lists(PATIENT, min_size=2, max_size=25).map(lambda rows: np.array(rows, dtype=float))


def columns(sample: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """time, event, risk."""
    return sample[:, 0], sample[:, 1].astype(int), sample[:, 2] / 10


@settings(max_examples=150, deadline=None)
@given(SAMPLES, st.integers(1, 10), st.booleans())
def test_auc_pair_by_pair(sample: np.ndarray, t: int, dead_as_controls: bool) -> None:
    """Cases failed by t; controls are all known not to have, the dead among them or left out."""
    time, event, risk = columns(sample)
    w = censoring_weights(time, event, t).weight
    agree = total = 0.0
    for i in range(len(time)):
        for j in range(len(time)):
            case = event[i] == 1 and time[i] <= t
            failed, dead = event[j] == 1 and time[j] <= t, event[j] == 2 and time[j] <= t
            if not case or failed or (dead and not dead_as_controls):
                continue
            total += w[i] * w[j]  # 0 where j was lost before t
            agree += w[i] * w[j] * ((risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j]))
    found = auc(risk, time, event, t, dead_as_controls=dead_as_controls)
    assert (math.isnan(found) and not total) or math.isclose(found, agree / total, rel_tol=1e-12)


@settings(max_examples=100, deadline=None)
@given(SAMPLES, st.integers(1, 10))
def test_brier_patient_by_patient_and_an_ipa_of_zero_for_the_curve_itself(sample: np.ndarray, t: int) -> None:
    time, event, risk = columns(sample)
    if time.max() < t:
        return
    w = censoring_weights(time, event, t).weight
    expected = sum(w[i] * ((event[i] == 1 and time[i] <= t) - risk[i]) ** 2 for i in range(len(time))) / len(time)
    assert math.isclose(brier(risk, time, event, t).score, expected, rel_tol=1e-12)
    curve = float(aalen_johansen(time, event).at(t))
    itself = brier(np.full(len(time), curve), time, event, t)
    assert itself.null == 0 or itself.ipa == pytest.approx(0, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(SAMPLES, st.integers(1, 10))
def test_the_ratio_is_one_for_the_curve_itself(sample: np.ndarray, t: int) -> None:
    time, event, _ = columns(sample)
    if time.max() < t or not float(aalen_johansen(time, event).at(t)):
        return
    curve = np.full(len(time), float(aalen_johansen(time, event).at(t)))
    assert observed_over_expected(curve, time, event, t) == pytest.approx(1, abs=1e-12)
    assert observed_over_expected(curve / 2, time, event, t) == pytest.approx(2, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(SAMPLES, st.integers(1, 10))
def test_events_expected_group_by_group(sample: np.ndarray, t: int) -> None:
    """g = max(1, min(10, floor(E / 5))); by rising risk, then place; group = ceiling(g * cumulative E / E)."""
    time, event, risk = columns(sample)
    expected = 3 * risk * np.minimum(time, t)
    found = event_calibration(risk, expected, time, event, t)
    total = expected.sum()
    g = max(1, min(10, math.floor(total / 5)))
    observed_in, expected_in, cumulative = [0.0] * g, [0.0] * g, 0.0
    for i in sorted(range(len(risk)), key=lambda i: (risk[i], i)):
        cumulative += expected[i]
        group = max(1, min(g, math.ceil(round(g * cumulative / total, 9)))) - 1
        observed_in[group] += event[i] == 1 and time[i] <= t
        expected_in[group] += expected[i]
    held = [(o, e) for o, e in zip(observed_in, expected_in, strict=True) if e]
    assert found.groups.value == pytest.approx(sum((o - e) ** 2 / e for o, e in held), rel=1e-9)
    assert (found.groups.degrees, found.observed) == (len(held), sum(observed_in))
    assert found.z == pytest.approx((sum(observed_in) - total) / math.sqrt(total), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(SAMPLES, st.integers(2, 10))
def test_a_rising_change_of_the_scale_ranks_the_same(sample: np.ndarray, t: int) -> None:
    time, event, risk = columns(sample)
    one, other = auc(risk, time, event, t), auc(np.exp(3 * risk), time, event, t)
    assert (math.isnan(one) and math.isnan(other)) or one == other
    reverse = auc(-risk, time, event, t)
    assert math.isnan(one) or one + reverse == pytest.approx(1, abs=1e-12)

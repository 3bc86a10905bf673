"""Local failure with death competing, the truth known: what each head and each shortcut makes of 3-year risk.

Hazards a year: failure 0.06, death 0.12, censoring 0.15. F(3) = 0.06 / 0.18 (1 - exp(-0.54)) = 0.139.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from mmcare.components import Endpoint, OutcomeLayout, Outcomes
from mmcare_prognosis.dual_task import DualTask
from mmcare_prognosis.plugin import DualTaskConfig, ModelName

TRUTH = 0.06 / 0.18 * (1 - np.exp(-0.54))
PATIENTS = 40_000
TOLERANCE = 0.008  # over three standard errors: sqrt(0.139 * 0.861 * 1.7 / 40,000) = 0.0023, 1.7 for the censoring
LAYOUT = OutcomeLayout(("all",), (Endpoint("lc", (1.0, 3.0), competing=True),))

Outcome = tuple[np.ndarray, np.ndarray]


def simulated() -> Outcome:
    generator = np.random.default_rng(2024)
    failure, death, censored = (generator.exponential(1 / rate, PATIENTS) for rate in (0.06, 0.12, 0.15))
    first = np.minimum(failure, death)
    event = np.where(censored < first, 0, np.where(failure < death, 1, 2))
    return np.minimum(first, censored), event


def trained_risk(trained: Callable[..., DualTask], model: ModelName, time: np.ndarray, event: np.ndarray) -> float:
    """Mean 3-year risk that a head predicts after training on covariates that say nothing."""
    outcomes = Outcomes(
        arm=torch.zeros(len(time), dtype=torch.long),
        time=torch.tensor(time)[:, None],
        event=torch.tensor(event)[:, None],
    )
    torch.manual_seed(0)
    head = DualTask(DualTaskConfig(endpoints={"lc": {"model": model}}, hidden=(), dropout=0.0), 2, LAYOUT).double()
    head.fit(outcomes)
    with torch.no_grad():  # not where it would stay anyway
        head.mlps["endpoint-lc"][0][-1].bias.add_(0.7)
    r = torch.randn(len(time), 2, dtype=torch.float64)
    trained(head, r, outcomes)
    with torch.no_grad():
        return float(1 - head.predict(head(r)).endpoints["lc"].at_horizons[:, 0, 1].mean())


@pytest.mark.parametrize("model", ["bce", "competing-risk"])
def test_the_heads_recover_the_incidence(trained, model: ModelName) -> None:
    assert trained_risk(trained, model, *simulated()) == pytest.approx(TRUTH, abs=TOLERANCE)


def without_the_censored(time: np.ndarray, event: np.ndarray) -> Outcome:
    known = (time >= 3) | (event != 0)
    return time[known], event[known]


def the_censored_as_controls(time: np.ndarray, event: np.ndarray) -> Outcome:
    return np.where(event == 0, 3.5, time), event


def death_as_censoring(time: np.ndarray, event: np.ndarray) -> Outcome:
    return time, np.where(event == 2, 0, event)


def without_the_censored_and_the_dead(time: np.ndarray, event: np.ndarray) -> Outcome:
    known = (time >= 3) | (event == 1)
    return time[known], event[known]


@pytest.mark.parametrize(
    ("shortcut", "ends_at"),
    [
        (without_the_censored, 0.159),
        (the_censored_as_controls, 0.114),
        (death_as_censoring, 0.165),
        (without_the_censored_and_the_dead, 0.235),
    ],
)
def test_each_shortcut_misses_it(trained, shortcut: Callable[..., Outcome], ends_at: float) -> None:
    found = trained_risk(trained, "bce", *shortcut(*simulated()))
    assert found == pytest.approx(ends_at, abs=TOLERANCE)
    assert abs(found - TRUTH) > 2 * TOLERANCE

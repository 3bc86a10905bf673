"""Bootstrap refits: their spread against a closed form, and what they are made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcare.components import Endpoint, OutcomeLayout, Outcomes, Representation, split_labels
from mmcare.decision.refits import Stored, draws, predict_heads, refit
from mmcare.survival import kaplan_meier
from mmcare_prognosis.dual_task import DualTask
from mmcare_prognosis.plugin import DualTaskConfig

LAYOUT = OutcomeLayout(("a", "b"), (Endpoint("os", (1.0, 3.0)),))
TRAINING, VALIDATION = 420, 90


def stored(r: torch.Tensor, hazard: np.ndarray, seed: int = 0) -> Stored:
    """Patients in two arms with exponential times, followed for 2 to 6 years."""
    n = len(r)
    rng = np.random.default_rng(seed)
    arm = np.arange(n) % 2
    death, end = rng.exponential(1 / hazard), rng.uniform(2, 6, n)
    outcomes = Outcomes(
        arm=torch.from_numpy(arm),
        time=torch.from_numpy(np.minimum(death, end))[:, None],
        event=torch.from_numpy((death <= end).astype(np.int64))[:, None],
    )
    mask = torch.ones(n, 1, dtype=torch.bool)
    return Stored(Representation(r[:, None], mask), outcomes, split_labels(TRAINING, n - TRAINING))


def heads(dim: int, hidden: tuple[int, ...] = ()) -> list[DualTask]:
    return [DualTask(DualTaskConfig(hidden=hidden, dropout=0.0), dim, LAYOUT)]


def differences(data: Stored, at: Representation, number: int, hidden: tuple[int, ...] = ()) -> np.ndarray:
    """(number, n) S_b(3) - S_a(3) of each refit."""
    found = []
    for k, drawn in enumerate(draws(data, number, seed=1)):
        trained = refit(lambda: heads(data.r.values.shape[-1], hidden), data.take(drawn), seed=k)
        survival = predict_heads(trained, at).endpoints["os"].at_horizons[..., 1]
        found.append((survival[:, 1] - survival[:, 0]).numpy())
    return np.array(found)


@pytest.mark.slow
def test_without_a_signal_the_spread_is_greenwoods() -> None:
    """R is 0 for all, so that a refit is the arms' curves of its draw; those of KM differ by Greenwood's variance."""
    n = TRAINING + VALIDATION
    data = stored(torch.zeros(n, 4), np.full(n, 0.2))
    one = Representation(torch.zeros(1, 1, 4), torch.ones(1, 1, dtype=torch.bool))
    found = differences(data, one, 120)[:, 0]
    time, event = data.outcomes.time[:TRAINING, 0].numpy(), data.outcomes.event[:TRAINING, 0].numpy()
    variance, survival = 0.0, []
    for arm in (0, 1):
        own = data.outcomes.arm[:TRAINING].numpy() == arm
        curve = kaplan_meier(time[own], event[own])
        survival.append(float(curve.curve.at(3.0)))
        variance += float(curve.variance.at(3.0))
    assert found.mean() == pytest.approx(survival[1] - survival[0], abs=0.015)
    # 120 draws tell a standard deviation to 6.5 %; twice that, and 5 % for steps of the optimiser and for intervals
    assert found.std(ddof=1) == pytest.approx(np.sqrt(variance), rel=0.18)


def test_a_signal_is_found_again_and_patients_far_out_are_less_sure() -> None:
    n = TRAINING + VALIDATION
    rng = np.random.default_rng(3)
    x = torch.from_numpy(rng.normal(size=(n, 1))).float()
    arm = np.arange(n) % 2
    data = stored(x, 0.2 * np.exp(np.where(arm == 1, -0.7, 0.7) * x[:, 0].numpy()))
    at = Representation(torch.tensor([[[-2.0]], [[0.0]], [[2.0]]]), torch.ones(3, 1, dtype=torch.bool))
    found = differences(data, at, 30, hidden=(16,))
    low, middle, high = found.mean(0)
    assert low < -0.1 < middle < 0.1 < high, "arm b is worse for small x, better for large"
    spread = found.std(0, ddof=1)
    assert spread[1] < spread[0] and spread[1] < spread[2]


def test_draws_keep_the_size_of_each_arm_and_split_and_depend_on_seed_and_number_alone() -> None:
    n = TRAINING + VALIDATION
    data = stored(torch.zeros(n, 2), np.full(n, 0.2))
    three = list(draws(data, 3, seed=5))
    for drawn in three:
        taken = data.take(drawn)
        assert taken.split.count("training") == TRAINING and taken.split.count("validation") == VALIDATION
        assert torch.equal(taken.outcomes.arm.bincount(), data.outcomes.arm.bincount())
        assert len(drawn.unique()) < 0.7 * n, "some are drawn twice, about a third not at all"
    assert torch.equal(next(draws(data, 1, seed=5)), three[0])
    assert not torch.equal(three[0], three[1]) and not torch.equal(next(draws(data, 1, seed=6)), three[0])


def test_the_same_draw_and_seed_give_the_same_heads_and_leave_torchs_generator_alone() -> None:
    n = TRAINING + VALIDATION
    data = stored(torch.randn(n, 3, generator=torch.Generator().manual_seed(0)), np.full(n, 0.2))
    torch.manual_seed(9)
    expected = torch.rand(1)
    torch.manual_seed(9)
    first, second = (refit(lambda: heads(3, (8,)), data, seed=4) for _ in range(2))
    assert torch.equal(torch.rand(1), expected)
    for name, value in first[0].state_dict().items():
        assert torch.equal(value.nan_to_num(), second[0].state_dict()[name].nan_to_num()), name
    assert not first[0].training


def test_a_patient_without_a_path_adds_nothing_to_its_head() -> None:
    n = TRAINING + VALIDATION
    data = stored(torch.randn(n, 3, generator=torch.Generator().manual_seed(0)), np.full(n, 0.2))
    mask = torch.ones(n, 2, dtype=torch.bool)
    mask[::3, 1] = False
    values = data.r.values.repeat(1, 2, 1)
    spoilt = values.clone()
    spoilt[::3, 1] = 1e6
    for own in (values, spoilt):
        both = Stored(Representation(own, mask), data.outcomes, data.split)
        trained = refit(lambda: [*heads(3), *heads(3)], both, seed=0)
        found = predict_heads(trained, Representation(values, mask)).endpoints["os"].at_horizons
        if own is values:
            expected = found
    assert torch.equal(found.nan_to_num(), expected.nan_to_num())

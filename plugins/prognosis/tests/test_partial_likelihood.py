"""Cox's partial likelihood against R, a loop over events, and its written-out gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mmcare_prognosis.partial_likelihood import efron_log_likelihood


def by_hand(eta: np.ndarray, time: np.ndarray, event: np.ndarray, strata: np.ndarray) -> tuple[float, np.ndarray]:
    """Efron's log-likelihood and its gradient with respect to eta, event time by event time."""
    total, gradient = 0.0, np.zeros(len(eta))
    for stratum in np.unique(strata):
        for u in np.unique(time[(event == 1) & (strata == stratum)]):
            risk = (time >= u) & (strata == stratum)
            tied = (time == u) & (event == 1) & (strata == stratum)
            d = int(tied.sum())
            total += eta[tied].sum()
            gradient += tied
            for rank in range(d):
                weight = np.exp(eta) * (risk - rank / d * tied)
                total -= math.log(weight.sum())
                gradient -= weight / weight.sum()
    return total, gradient


def draw(seed: int, rows: int = 80):
    generator = np.random.default_rng(seed)
    time = np.ceil(generator.exponential(6, rows))  # many ties
    return generator.normal(0, 1.5, rows), time, generator.integers(0, 3, rows), generator.integers(0, 3, rows)


def test_r_gives_the_same_value_and_score(cohort) -> None:
    names = ("age10", "size", "ecog", "copd")
    x, outcomes = cohort.tensor(*names), cohort.outcomes
    for point in cohort.value("os.cox_efron_stratified")["at_given_points"]:
        beta = torch.tensor(point["beta"], dtype=torch.float64, requires_grad=True)
        value = efron_log_likelihood(x @ beta, outcomes.time[:, 0], outcomes.event[:, 0], outcomes.arm)
        value.backward()
        assert value.item() == pytest.approx(point["loglik"], abs=1e-9)
        np.testing.assert_allclose(beta.grad, [point["score"][name] for name in names], rtol=0, atol=1e-8)


def test_twelve_patients_with_ties(tied) -> None:
    data = tied.entries["small_cox.data"]["value"]
    columns = {key: torch.tensor(data[key], dtype=torch.float64) for key in data}
    x = torch.stack([columns["x"], columns["z"]], 1)
    for point in tied.entries["small_cox.efron.stratified"]["value"]["at_given_points"]:
        eta = x @ torch.tensor(point["beta"], dtype=torch.float64)
        value = efron_log_likelihood(eta, columns["time"], columns["event"], columns["arm"])
        assert float(value) == pytest.approx(point["loglik"], abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_value_and_gradient_are_the_written_out_ones(seed: int) -> None:
    eta, time, event, strata = draw(seed)
    tensor = torch.tensor(eta, requires_grad=True)
    value = efron_log_likelihood(tensor, *(torch.tensor(x) for x in (time, event, strata)))
    value.backward()
    expected, gradient = by_hand(eta, time, event, strata)
    assert value.item() == pytest.approx(expected, abs=1e-10)
    np.testing.assert_allclose(tensor.grad, gradient, rtol=0, atol=1e-11)


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_autograd_of_the_written_out_likelihood(seed: int) -> None:
    eta, time, event, strata = (torch.tensor(x) for x in draw(seed, rows=40))
    mine, other = (eta.clone().requires_grad_() for _ in range(2))
    efron_log_likelihood(mine, time, event, strata).backward()
    total = torch.zeros((), dtype=torch.float64)
    for i in range(40):
        if event[i] != 1:
            continue
        mates = [j for j in range(40) if strata[j] == strata[i]]
        tied = [j for j in mates if time[j] == time[i] and event[j] == 1]
        at_risk = sum(torch.exp(other[j]) for j in mates if time[j] >= time[i])
        fraction = tied.index(i) / len(tied)
        total = total + other[i] - torch.log(at_risk - fraction * sum(torch.exp(other[j]) for j in tied))
    total.backward()
    torch.testing.assert_close(mine.grad, other.grad, rtol=0, atol=1e-11)


def test_a_constant_in_each_stratum_changes_nothing() -> None:
    eta, time, event, strata = (torch.tensor(x) for x in draw(9))
    shifted = eta + torch.tensor([5.0, -300.0, 600.0])[strata]
    expected = float(efron_log_likelihood(eta, time, event, strata))
    assert float(efron_log_likelihood(shifted, time, event, strata)) == pytest.approx(expected, abs=1e-9)


def test_without_an_event_it_is_zero_and_keeps_its_graph() -> None:
    eta = torch.randn(5, requires_grad=True)
    value = efron_log_likelihood(eta, torch.arange(5.0), torch.zeros(5, dtype=torch.long), torch.zeros(5))
    value.backward()
    assert value.item() == 0
    assert eta.grad.abs().max() == 0


def test_ten_thousand_tied_patients() -> None:
    generator = torch.Generator().manual_seed(0)
    eta = torch.randn(10_000, generator=generator)
    time = torch.randint(1, 4, (10_000,), generator=generator).double()
    event = torch.ones(10_000, dtype=torch.long)
    value = efron_log_likelihood(eta, time, event, torch.zeros(10_000))
    expected = when_all_die(eta.double().numpy(), time.numpy())
    assert float(value) == pytest.approx(expected, rel=1e-10)


def when_all_die(eta: np.ndarray, time: np.ndarray) -> float:
    """The value where everyone has the event."""
    total = 0.0
    for u in np.unique(time):
        tied, d = time == u, int((time == u).sum())
        at_risk, deaths = np.exp(eta[time >= u]).sum(), np.exp(eta[tied]).sum()
        total += eta[tied].sum() - np.log(at_risk - np.arange(d) / d * deaths).sum()
    return total

"""The arm's curve for everyone where an arm has too few events, and nothing beyond follow-up."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcare.components import EndpointPrognosis, Outcomes, Prognosis, arm_curves, with_arm_curves
from mmcare.survival import IntervalGrid

GRID = IntervalGrid.of_horizons((1.0, 3.0))


def outcomes(rows: int = 120, few: int = 19) -> Outcomes:
    """Arm 0 with many events of both codes, arm 1 with `few` of code 1, arm 2 empty; some rows not known."""
    generator = np.random.default_rng(2)
    time, event = np.round(generator.exponential(3, rows) + 0.1, 1), generator.integers(0, 3, rows)
    arm = generator.integers(0, 2, rows)
    first = np.flatnonzero(arm == 1)
    time[first], event[first] = np.minimum(time[first], 2.5), 0
    event[first[:few]] = 1
    arm[-1], time[-2] = -1, np.nan
    return Outcomes(arm=torch.tensor(arm), time=torch.tensor(time)[:, None], event=torch.tensor(event)[:, None])


def incidence_by_hand(time: np.ndarray, event: np.ndarray, cause: int, at: float) -> float:
    free, total = 1.0, 0.0
    for u in np.unique(time[event > 0]):
        if u > at:
            break
        n = (time >= u).sum()
        total += free * ((time == u) & (event == cause)).sum() / n
        free *= 1 - ((time == u) & (event > 0)).sum() / n
    return total


def test_curves_are_aalen_johansens_of_the_patients_known() -> None:
    data = outcomes()
    found = arm_curves(data, 0, 3, GRID)
    known = data.known(0).numpy()
    for arm in (0, 1):
        of = known & (data.arm.numpy() == arm)
        time, event = data.time[:, 0].numpy()[of], data.event[:, 0].numpy()[of]
        assert float(found.support_years[arm]) == time.max()
        assert int(found.events[arm]) == (event == 1).sum()
        for place, edge in enumerate(GRID.edges):
            if edge <= time.max():
                assert float(found.free[arm, place]) == pytest.approx(
                    1 - incidence_by_hand(time, event, 1, edge), abs=1e-12
                )
                expected = incidence_by_hand(time, event, 2, edge)
                assert float(found.competing[arm, place]) == pytest.approx(expected, abs=1e-12)
            else:
                assert bool(found.free[arm, place].isnan())
    assert found.personal.tolist() == [True, False, False]
    assert arm_curves(outcomes(few=20), 0, 3, GRID).personal.tolist() == [True, True, False]


def test_an_arm_without_patients_knows_only_time_zero() -> None:
    found = arm_curves(outcomes(), 0, 3, GRID)
    assert float(found.support_years[2]) == 0
    assert (float(found.free[2, 0]), float(found.competing[2, 0])) == (1, 0)
    assert bool(found.free[2, 1:].isnan().all())


def test_what_is_not_personal_is_the_arms_and_what_is_beyond_is_nothing() -> None:
    curves = arm_curves(outcomes(), 0, 3, GRID)
    free = torch.linspace(1, 0.2, len(GRID.edges)).repeat(4, 3, 1) ** torch.arange(1.0, 5)[:, None, None]
    own = EndpointPrognosis(
        horizons=(1.0, 3.0),
        at_horizons=free[..., [3, 6]],
        free=free,
        competing=(1 - free) / 2,
        support_years=torch.zeros(3),
        monotone=True,
        personal=torch.ones(3, dtype=torch.bool),
    )
    found = with_arm_curves(Prognosis(torch.tensor(GRID.edges), {"lc": own}), {"lc": curves}).endpoints["lc"]
    torch.testing.assert_close(found.at_horizons[:, 0], free[:, 0][:, [3, 6]])
    assert bool((found.at_horizons[:, 1, 0] == float(curves.free[1, 3].float())).all())
    assert bool((found.competing[:, 1, 3] == float(curves.competing[1, 3].float())).all())
    assert bool(found.at_horizons[:, 1, 1].isnan().all())  # follow-up of arm 1 ends at 2.5 years
    assert bool(found.free[:, 2, 1:].isnan().all())
    assert found.personal.tolist() == [True, False, False]
    assert found.support_years.tolist() == curves.support_years.tolist()

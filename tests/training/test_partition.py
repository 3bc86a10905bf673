"""Batches partition the epoch and spread arms and events."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcare.components import Outcomes
from mmcare.training import EpochPartition, strata_of


@pytest.mark.parametrize(("n", "size"), [(100, 16), (97, 16), (16, 16), (17, 16), (5, 16), (33, 1)])
def test_every_patient_once_in_batches_of_nearly_one_size(n: int, size: int) -> None:
    partition = EpochPartition(np.arange(n) % 3, size, seed=1)
    for epoch in range(3):
        partition.set_epoch(epoch)
        batches = list(partition)
        assert sorted(i for batch in batches for i in batch) == list(range(n))
        assert len(batches) == len(partition) == -(-n // size)
        sizes = {len(batch) for batch in batches}
        assert max(sizes) - min(sizes) <= 1
        assert max(sizes) <= size


def test_the_epoch_and_the_seed_decide_the_order() -> None:
    def order(seed: int, epoch: int) -> list[list[int]]:
        partition = EpochPartition(np.arange(50) % 2, 8, seed)
        partition.set_epoch(epoch)
        return list(partition)

    assert order(0, 3) == order(0, 3)
    assert order(0, 3) != order(0, 4)
    assert order(0, 3) != order(1, 3)


@pytest.mark.parametrize("seed", range(5))
def test_each_stratum_is_spread_evenly(seed: int) -> None:
    """A stratum of s patients in k batches has floor(s/k) to ceil(s/k) + 1 in each."""
    strata = np.repeat([0, 1, 2], [120, 48, 9])
    batches = list(EpochPartition(strata, 16, seed))
    for stratum, count in zip(*np.unique(strata, return_counts=True), strict=True):
        found = [int((strata[batch] == stratum).sum()) for batch in batches]
        share = count / len(batches)
        assert max(found) <= np.ceil(share) + 1
        assert min(found) >= np.floor(share) - 1


def test_a_stratum_is_an_arm_with_the_codes_of_all_endpoints() -> None:
    outcomes = Outcomes(
        arm=torch.tensor([0, 0, 1, 1, 0]),
        time=torch.ones(5, 2, dtype=torch.float64),
        event=torch.tensor([[0, 0], [1, 2], [1, 2], [0, 0], [0, 0]]),
    )
    strata = strata_of(outcomes)
    assert strata[0] == strata[4]
    assert len(set(strata.tolist())) == 4

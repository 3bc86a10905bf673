"""Batches as a partition of the epoch that spreads arms and events."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Sampler

from mmcare.components import Outcomes

__all__ = ["EpochPartition", "strata_of"]


def strata_of(outcomes: Outcomes) -> npt.NDArray[np.int64]:
    """(B,) stratum of each patient: the arm received and the event codes of all endpoints."""
    columns = torch.cat([outcomes.arm[:, None], outcomes.event], dim=1).cpu().numpy()
    return np.unique(columns, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


class EpochPartition(Sampler[list[int]]):
    """Every patient exactly once an epoch, in ceil(n / batch_size) batches whose sizes differ by at most one.

    Within a stratum the order is a seeded permutation; strata are spread evenly over the epoch. Nobody is over- or
    undersampled: a model of absolute risk would be wrong by that, while its concordance would not show it.

    Args:
        strata: (n,) stratum of each patient.
        batch_size: Largest number of patients in a batch.
        seed: With the epoch, decides the order.
    """

    def __init__(self, strata: npt.NDArray[np.int64], batch_size: int, seed: int) -> None:
        self.strata, self.batch_size, self.seed = strata, batch_size, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; the trainer calls this."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.strata) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        order = self._order(np.random.default_rng([self.seed, self.epoch]))
        for batch in np.array_split(order, len(self)):
            yield batch.tolist()

    def _order(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """The k-th of a stratum's n stands at the share (k + u) / n of the epoch, u drawn once a stratum."""
        share = np.empty(len(self.strata))
        for stratum in np.unique(self.strata):
            members = rng.permutation(np.flatnonzero(self.strata == stratum))
            share[members] = (np.arange(len(members)) + rng.random()) / len(members)
        return np.argsort(share, kind="stable")

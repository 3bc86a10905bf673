"""Training of a segmenter: patches of volumes with masks drawn by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.utils.data import Dataset, Sampler

from mmcare.components import Segmenter
from mmcare.inputs import SegmenterVolumes
from mmcare.spec import TrainingConfig
from mmcare.training.loaders import loader
from mmcare.training.module import seed_of
from mmcare.training.optimizer import optimizer_of
from mmcare.training.partition import EpochPartition
from mmcare.training.train import Loop, Trained, run_epochs

__all__ = ["train_segmenter"]

Patches = tuple[Tensor, Tensor]
Plan = list[tuple[int, int]]
"""Places of patients, each with the seed of its patches."""


def train_segmenter(
    segmenter: Segmenter[Any],
    volumes: SegmenterVolumes,
    training: tuple[str, ...],
    validation: tuple[str, ...],
    config: TrainingConfig,
    loop: Loop,
) -> Trained:
    """Train a segmenter; afterwards it holds the best epoch's weights, in eval mode, on the CPU.

    A step sees patches of `batch_size` patients; each patient once an epoch.

    Args:
        segmenter: The network.
        volumes: Where its patients' volumes come from.
        training: Training patients.
        validation: Validation patients, whose patches are the same in every epoch.
        config: The spec's `training`.
        loop: How.
    """
    plans = PatchPlan(len(training), config.batch_size, config.seed)
    return run_epochs(
        SegmentationModule(segmenter, config),
        loader(PatchBatches(volumes, training), plans, config),
        loader(PatchBatches(volumes, validation), _fixed(len(validation), config), config) if validation else None,
        config,
        loop,
    )


class SegmentationModule(lightning.LightningModule):
    """Steps of a segmenter: its own loss on patches.

    Args:
        segmenter: The network.
        config: The spec's `training`.
    """

    def __init__(self, segmenter: Segmenter[Any], config: TrainingConfig) -> None:
        super().__init__()
        self.model, self.config = segmenter, config

    def training_step(self, patches: Patches, index: int) -> Tensor:
        """The segmenter's loss."""
        values, mask = patches
        loss = self.model.loss(self.model(values), mask)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(values))
        return loss

    def validation_step(self, patches: Patches, index: int) -> None:
        """Loss and Dice of patches that stay the same."""
        values, mask = patches
        logits = self.model(values)
        self.log("val_loss", self.model.loss(logits, mask), prog_bar=True, batch_size=len(values))
        found = logits > 0
        overlap = 2 * (found * mask).sum() / (found.sum() + mask.sum()).clamp(min=1)
        self.log("val_dice", overlap, prog_bar=True, batch_size=len(values))

    def configure_optimizers(self) -> Optimizer:
        """The optimiser that the spec asks for."""
        return optimizer_of(self.model, self.config)


class PatchPlan(Sampler[Plan]):
    """Every patient once an epoch, with a seed of (seed, epoch, patient): the same patches in a resumed run.

    Args:
        n: Number of patients.
        batch_size: Largest number of patients in a step.
        seed: With the epoch, decides order and patches.
    """

    def __init__(self, n: int, batch_size: int, seed: int) -> None:
        self.partition = EpochPartition(np.zeros(n, dtype=np.int64), batch_size, seed)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; the trainer calls this."""
        self.partition.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.partition)

    def __iter__(self) -> Iterator[Plan]:
        seed, epoch = self.partition.seed, self.partition.epoch
        for places in self.partition:
            yield [(place, seed_of(seed, epoch, place)) for place in places]


class PatchBatches(Dataset[Patches]):
    """Patches of the patients that a plan names, side by side."""

    def __init__(self, volumes: SegmenterVolumes, patients: tuple[str, ...]) -> None:
        self.volumes, self.patients = volumes, patients

    def __getitem__(self, plan: Plan) -> Patches:  # type: ignore[override]
        drawn = [self._draw(place, seed) for place, seed in plan]
        return torch.cat([values for values, _ in drawn]), torch.cat([mask for _, mask in drawn])

    def __len__(self) -> int:
        return len(self.patients)

    def _draw(self, place: int, seed: int) -> Patches:
        volume = self.volumes.volume(self.patients[place])
        return self.volumes.segmenter.draw(volume, torch.Generator().manual_seed(seed))


def _fixed(n: int, config: TrainingConfig) -> list[Plan]:
    """The validation patients in order, each with a seed that no epoch changes."""
    plan = [(place, seed_of(config.seed, place)) for place in range(n)]
    return [plan[start : start + config.batch_size] for start in range(0, n, config.batch_size)]

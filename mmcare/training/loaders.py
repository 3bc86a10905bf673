"""Batches of patients: a partition of the epoch for training, in order for validation."""

from __future__ import annotations

import signal
import warnings
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from mmcare.components import Batch
from mmcare.inputs import Inputs
from mmcare.spec import TrainingConfig
from mmcare.training.partition import EpochPartition, strata_of

__all__ = ["PatientBatches", "loader", "training_loader", "validation_loader"]

_LEAST_AT_ONCE = 64


class PatientBatches(Dataset[Batch]):
    """Batches of the patients whose places are asked for."""

    def __init__(self, inputs: Inputs, patients: tuple[str, ...]) -> None:
        self.inputs, self.patients = inputs, patients

    def __getitem__(self, places: list[int]) -> Batch:  # type: ignore[override]
        return self.inputs.batch([self.patients[place] for place in places])

    def __len__(self) -> int:
        return len(self.patients)


def training_loader(inputs: Inputs, patients: tuple[str, ...], config: TrainingConfig) -> DataLoader[Batch]:
    """Every training patient once an epoch."""
    partition = EpochPartition(strata_of(inputs.outcomes_of(patients)), config.batch_size, config.seed)
    return loader(PatientBatches(inputs, patients), partition, config)


def validation_loader(inputs: Inputs, patients: tuple[str, ...], config: TrainingConfig) -> DataLoader[Batch]:
    """The validation patients in order; nothing is learned there, so batches are larger."""
    size = max(config.batch_size, _LEAST_AT_ONCE)
    places = list(range(len(patients)))
    batches = [places[start : start + size] for start in places[::size]]
    return loader(PatientBatches(inputs, patients), batches, config)


def loader(dataset: Dataset[Any], batches: Sampler[Any] | list[Any], config: TrainingConfig) -> DataLoader[Any]:
    """A loader that asks `dataset` for each of `batches`, in the spec's worker processes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create")  # ours names the setting
        return DataLoader(
            dataset,
            batch_size=None,
            sampler=batches,
            num_workers=config.workers,
            persistent_workers=config.workers > 0,
            worker_init_fn=_leave_interrupts_to_the_main_process if config.workers else None,
            generator=torch.Generator().manual_seed(config.seed),
        )


def _leave_interrupts_to_the_main_process(worker: int) -> None:
    """Ctrl-C in a terminal reaches every process; a worker that died of it would break the step to be finished."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

"""Training of a network: Lightning's Trainer, put together from the spec."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch.utils.data import DataLoader, Dataset

from mmcare.components import Batch, split_labels
from mmcare.errors import Finding, SpecError
from mmcare.inputs import Inputs
from mmcare.model import Model, PathScores
from mmcare.spec import TrainingConfig
from mmcare.training.callbacks import (
    BestWeights,
    EpochSeed,
    FinishOnInterrupt,
    PlainProgress,
    ResumeCheckpoint,
    Tell,
)
from mmcare.training.module import PrognosisModule
from mmcare.training.partition import EpochPartition, strata_of

__all__ = ["Trained", "choose_device", "finish", "score", "train"]


@dataclass(frozen=True, slots=True)
class Trained:
    """What training did: the device it took, epochs run, the epoch whose weights were kept."""

    device: str
    precision: str
    epochs: int
    best_epoch: int


class PatientBatches(Dataset[Batch]):
    """Batches of the patients whose places are asked for."""

    def __init__(self, inputs: Inputs, patients: tuple[str, ...]) -> None:
        self.inputs, self.patients = inputs, patients

    def __getitem__(self, places: list[int]) -> Batch:  # type: ignore[override]
        return self.inputs.batch([self.patients[place] for place in places])

    def __len__(self) -> int:
        return len(self.patients)


def train(
    model: Model,
    inputs: Inputs,
    training: tuple[str, ...],
    validation: tuple[str, ...],
    config: TrainingConfig,
    folder: Path,
    *,
    command: str = "",
    tell: Tell = print,
    fast: bool = False,
    terminal: bool = False,
) -> Trained:
    """Train a network; afterwards it holds the best epoch's weights, in eval mode, on the CPU.

    Goes on from the last finished epoch where `folder/resume` holds a checkpoint.

    Args:
        model: The network; its heads are fitted here on the training outcomes.
        inputs: Fitted inputs.
        training: Training patients.
        validation: Validation patients.
        config: The spec's `training`.
        folder: The run folder; logs go to `logs`, what only resuming needs to `resume`.
        command: The command that goes on after Ctrl-C.
        tell: Where lines of progress go.
        fast: Two batches an epoch, one epoch (`--dry-run`).
        terminal: Whether a moving progress bar can be shown.
    """
    device = choose_device(config)
    precision = _precision(config, device)
    model.fit(inputs.outcomes_of(training))
    resume = folder / "resume"
    resume.mkdir(parents=True, exist_ok=True)
    best = _best(config, resume)
    checkpoint = ResumeCheckpoint(resume, best)
    callbacks: list[Callback] = [EpochSeed(config.seed), best, FinishOnInterrupt(command)]
    callbacks += _early_stopping(config)
    callbacks += [_bar() if terminal else PlainProgress(tell), checkpoint]
    # checkpoints are our own and hold no code: weights_only refuses anything else
    with _quiet():
        trainer = _trainer(config, folder, device, precision, callbacks, fast, terminal)
        trainer.fit(
            PrognosisModule(model, config, inputs),
            _training_loader(inputs, training, config),
            _loader(inputs, validation, config),
            ckpt_path=str(checkpoint.path) if checkpoint.path.exists() else None,
            weights_only=True,
        )
    epochs = trainer.current_epoch
    model.cpu().load_state_dict(best.load())
    model.eval()
    return Trained(device, precision, epochs, best.epoch)


def score(model: Model, inputs: Inputs, patients: tuple[str, ...], batch_size: int = 64) -> PathScores:
    """Scores of patients in eval mode, in fp32."""
    model.eval()
    parts = []
    with torch.no_grad():
        for start in range(0, len(patients), batch_size):
            parts.append(model(inputs.batch(patients[start : start + batch_size], with_outcomes=False)))
    return PathScores.cat(parts)


def finish(model: Model, inputs: Inputs, training: tuple[str, ...], validation: tuple[str, ...]) -> None:
    """Recalibrate the heads on training and validation patients, after the last step; the only place for that."""
    patients = (*training, *validation)
    labels = split_labels(len(training), len(validation))
    with torch.no_grad():
        model.finish(score(model, inputs, patients), inputs.outcomes_of(patients), labels)


def choose_device(config: TrainingConfig) -> str:
    """The device that `training.device` means here.

    Raises:
        SpecError: `cuda` was asked for and there is none.
    """
    if config.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if config.device == "cuda" and not torch.cuda.is_available():
        raise SpecError(
            Finding(
                key="training.device",
                what="`cuda` was asked for, and this machine has no CUDA device that torch can use.",
                todo="Write `device: auto` or `device: cpu`; `mmcare doctor` says what torch sees.",
            )
        )
    return config.device


def _precision(config: TrainingConfig, device: str) -> str:
    if config.precision == "auto":
        return "bf16-mixed" if device == "cuda" else "32-true"
    return "bf16-mixed" if config.precision == "bf16" else "32-true"


def _best(config: TrainingConfig, resume: Path) -> BestWeights:
    monitor = {"loss": "val_loss", "c_index": "val_c_index"}.get(config.early_stopping.metric)
    return BestWeights(resume, monitor, larger_is_better=monitor == "val_c_index")


def _early_stopping(config: TrainingConfig) -> list[Callback]:
    if config.early_stopping.metric == "none":
        return []
    by_c = config.early_stopping.metric == "c_index"
    monitor, mode = ("val_c_index", "max") if by_c else ("val_loss", "min")
    return [EarlyStopping(monitor, patience=config.early_stopping.patience, mode=mode)]


def _bar() -> Callback:
    from lightning.pytorch.callbacks import RichProgressBar

    return RichProgressBar(leave=False)


def _trainer(
    config: TrainingConfig,
    folder: Path,
    device: str,
    precision: str,
    callbacks: list[Callback],
    fast: bool,
    terminal: bool,
) -> lightning.Trainer:
    logs = folder / "logs"
    return lightning.Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        precision=precision,  # type: ignore[arg-type]
        max_epochs=1 if fast else config.max_epochs,
        limit_train_batches=2 if fast else None,
        limit_val_batches=2 if fast else None,
        accumulate_grad_batches=config.accumulate,
        gradient_clip_val=config.clip_gradient_norm,
        num_sanity_val_steps=0,
        callbacks=callbacks,
        logger=[CSVLogger(logs, name="csv"), TensorBoardLogger(logs, name="tensorboard")],
        log_every_n_steps=10,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=terminal,
        use_distributed_sampler=False,
    )


def _training_loader(inputs: Inputs, patients: tuple[str, ...], config: TrainingConfig) -> DataLoader[Batch]:
    partition = EpochPartition(strata_of(inputs.outcomes_of(patients)), config.batch_size, config.seed)
    return _loader(inputs, patients, config, partition)


def _loader(
    inputs: Inputs, patients: tuple[str, ...], config: TrainingConfig, sampler: EpochPartition | None = None
) -> DataLoader[Batch]:
    size = max(config.batch_size, 64)
    in_order = [list(range(start, min(start + size, len(patients)))) for start in range(0, len(patients), size)]
    return DataLoader(
        PatientBatches(inputs, patients),
        batch_size=None,
        sampler=sampler if sampler is not None else in_order,
        num_workers=config.workers,
        generator=torch.Generator().manual_seed(config.seed),
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's advice about workers and log steps is not for our users."""
    loggers = [logging.getLogger(name) for name in _LOUD]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", message=".*num_workers.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


_LOUD = ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "lightning.fabric")

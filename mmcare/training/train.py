"""Training of a network: Lightning's Trainer, put together from the spec."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import lightning
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import nn
from torch.utils.data import DataLoader

from mmcare.inputs import Inputs, Progress
from mmcare.model import Model
from mmcare.spec import TrainingConfig
from mmcare.training.average import AveragedWeights
from mmcare.training.best import BestWeights
from mmcare.training.callbacks import EpochSeed, FiniteLoss, ShowProgress, Tell
from mmcare.training.checkpoint import ResumeCheckpoint, WholeFiles
from mmcare.training.device import Place
from mmcare.training.interrupt import FinishTheStep
from mmcare.training.loaders import training_loader, validation_loader
from mmcare.training.module import PrognosisModule
from mmcare.training.optimizer import Schedule
from mmcare.training.resumable import checkpoint_to_go_on_from
from mmcare.training.trouble import in_words

__all__ = ["Loop", "Trained", "run_epochs", "train"]


@dataclass(frozen=True, slots=True)
class Loop:
    """How a network is trained, beyond what the spec says.

    Attributes:
        folder: The run folder; logs go to `logs`, what only resuming needs to `resume`.
        place: Device and precision.
        command: The command that goes on after Ctrl-C.
        tell: Where lines of progress go.
        progress: Told how far an epoch is.
        dry: Two batches of training and of validation, one epoch.
    """

    folder: Path
    place: Place
    command: str
    tell: Tell
    progress: Progress | None = None
    dry: bool = False


@dataclass(frozen=True, slots=True)
class Trained:
    """What training did: where, epochs run, the epoch whose weights were kept (from 0)."""

    place: Place
    epochs: int
    best_epoch: int


def train(
    model: Model,
    inputs: Inputs,
    training: tuple[str, ...],
    validation: tuple[str, ...],
    config: TrainingConfig,
    loop: Loop,
) -> Trained:
    """Train a network; afterwards it holds the best epoch's weights, in eval mode, on the CPU.

    Goes on from the last finished epoch where `folder/resume` holds a checkpoint.

    Args:
        model: The network; its heads are fitted here on the training outcomes.
        inputs: Fitted inputs.
        training: Training patients.
        validation: Validation patients; there may be none where nothing stops early.
        config: The spec's `training`.
        loop: How.

    Raises:
        Interrupted: Ctrl-C.
        RunError: The loss is no number any more, or memory or disk is at its end.
    """
    model.fit(inputs.outcomes_of(training))
    return run_epochs(
        PrognosisModule(model, config, inputs),
        training_loader(inputs, training, config),
        validation_loader(inputs, validation, config) if validation else None,
        config,
        loop,
    )


def run_epochs(
    module: lightning.LightningModule,
    batches: DataLoader[Any],
    validation: DataLoader[Any] | None,
    config: TrainingConfig,
    loop: Loop,
) -> Trained:
    """Run the epochs of a module whose network is `module.model`; afterwards that holds the best epoch's weights.

    The network is then in eval mode, on the CPU. Goes on from the last finished epoch where `folder/resume` holds a
    checkpoint.

    Args:
        module: Steps and optimiser.
        batches: Training batches; `set_epoch` of their sampler is called.
        validation: Batches of validation; none where nothing stops early.
        config: The spec's `training`.
        loop: How.

    Raises:
        Interrupted: Ctrl-C.
        RunError: As `train`; or the checkpoint to go on from is damaged.
    """
    average = AveragedWeights(config.average_weights)
    best = BestWeights(loop.folder / "resume", config.early_stopping, average)
    checkpoint = ResumeCheckpoint(loop.folder / "resume", best)
    guard = FinishTheStep(checkpoint, loop.command, loop.tell)
    last = checkpoint_to_go_on_from(checkpoint, module)
    # in this order: what an epoch changes, then the checkpoint that holds it, then the end that was asked for
    callbacks: list[Callback] = [EpochSeed(config.seed), FiniteLoss(), average, best, Schedule(config)]
    callbacks += [ShowProgress(loop.tell, loop.progress), checkpoint, guard]
    with guard, in_words(config, loop.folder, loop.place.device, loop.command), _quiet():
        trainer = _trainer(config, loop, callbacks)
        trainer.fit(
            module,
            batches,
            validation,
            ckpt_path=str(last) if last is not None else None,
            weights_only=True,  # checkpoints are our own and hold no code: anything else is refused
        )
    network = cast(nn.Module, module.model)
    network.cpu().load_state_dict(best.load())
    network.eval()
    return Trained(loop.place, trainer.current_epoch, best.epoch)


def _trainer(config: TrainingConfig, loop: Loop, callbacks: list[Callback]) -> lightning.Trainer:
    logs = loop.folder / "logs"
    return lightning.Trainer(
        accelerator="gpu" if loop.place.device == "cuda" else "cpu",
        devices=1,
        precision="bf16-mixed" if loop.place.precision == "bf16" else "32-true",
        max_epochs=1 if loop.dry else config.max_epochs,
        limit_train_batches=2 if loop.dry else None,
        limit_val_batches=2 if loop.dry else None,
        accumulate_grad_batches=config.accumulate,
        gradient_clip_val=config.clip_gradient_norm,
        num_sanity_val_steps=0,
        callbacks=callbacks,
        plugins=[WholeFiles()],
        logger=[CSVLogger(logs, name="csv"), TensorBoardLogger(logs, name="tensorboard")],
        log_every_n_steps=10,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        use_distributed_sampler=False,
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

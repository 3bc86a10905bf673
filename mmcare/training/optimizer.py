"""The optimiser and the learning-rate schedule that a spec asks for."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import nn
from torch.optim import Optimizer, lr_scheduler

from mmcare.spec import TrainingConfig

__all__ = ["Schedule", "optimizer_of"]

_OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def optimizer_of(model: nn.Module, config: TrainingConfig) -> Optimizer:
    """The optimiser over the trainable parameters."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    fused = bool(trainable) and trainable[0].device.type == "cuda"
    return _OPTIMIZERS[config.optimizer](  # type: ignore[call-arg]
        trainable, lr=config.lr, weight_decay=config.weight_decay, fused=fused
    )


class Schedule(Callback):
    """Steps the learning rate once an epoch, before the epoch's checkpoint is saved.

    Not by Lightning's own schedule: that one steps after the epoch's callbacks, so that a checkpoint of the epoch would
    hold the rate of the epoch before.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self._scheduler: lr_scheduler.LRScheduler | lr_scheduler.ReduceLROnPlateau | None = None
        self._restored: dict[str, Any] | None = None

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Make the schedule of the optimiser, as far as it was."""
        self._scheduler = _scheduler(trainer.optimizers[0], self.config)
        if self._scheduler is not None and self._restored is not None:
            self._scheduler.load_state_dict(self._restored)

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Log the rate of the epoch, then choose the next one's."""
        module.log("lr", trainer.optimizers[0].param_groups[0]["lr"])
        match self._scheduler:
            case lr_scheduler.ReduceLROnPlateau():
                self._scheduler.step(trainer.callback_metrics.get("val_loss", trainer.callback_metrics["train_loss"]))
            case lr_scheduler.LRScheduler():
                self._scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """For the resume checkpoint."""
        return self._scheduler.state_dict() if self._scheduler is not None else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From the resume checkpoint."""
        self._restored = state


def _scheduler(
    optimizer: Optimizer, config: TrainingConfig
) -> lr_scheduler.LRScheduler | lr_scheduler.ReduceLROnPlateau | None:
    match config.scheduler:
        case "cosine":
            return lr_scheduler.CosineAnnealingLR(optimizer, config.max_epochs)
        case "plateau":
            return lr_scheduler.ReduceLROnPlateau(optimizer, patience=max(1, config.early_stopping.patience // 2))
    return None

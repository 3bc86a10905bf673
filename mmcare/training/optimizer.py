"""The optimiser and the learning-rate schedule that a spec asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.optim import Optimizer, lr_scheduler

from mmcare.spec import TrainingConfig

if TYPE_CHECKING:
    from lightning.pytorch.utilities.types import OptimizerLRScheduler

__all__ = ["optimizers"]

_OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def optimizers(model: nn.Module, config: TrainingConfig) -> OptimizerLRScheduler:
    """The optimiser over the trainable parameters, and a schedule stepped once an epoch where one is asked for."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    fused = bool(trainable) and trainable[0].device.type == "cuda"
    optimizer = _OPTIMIZERS[config.optimizer](  # type: ignore[call-arg]
        trainable, lr=config.lr, weight_decay=config.weight_decay, fused=fused
    )
    if config.scheduler == "cosine":
        schedule = lr_scheduler.CosineAnnealingLR(optimizer, config.max_epochs)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule}}
    if config.scheduler == "plateau":
        plateau = lr_scheduler.ReduceLROnPlateau(optimizer, patience=max(1, config.early_stopping.patience // 2))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"}}
    return optimizer

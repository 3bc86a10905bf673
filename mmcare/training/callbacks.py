"""What happens around the epochs: seeds, a loss that is a number, lines of progress."""

from __future__ import annotations

from collections.abc import Callable

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from mmcare.errors import Finding, RunError
from mmcare.inputs import Progress

__all__ = ["NOT_FINITE", "EpochSeed", "FiniteLoss", "ShowProgress", "Tell"]

Tell = Callable[[str], None]
NOT_FINITE = "Lower `training.lr`, set `training.clip_gradient_norm`, or look at the inputs of these patients."


class EpochSeed(Callback):
    """Seeds each epoch from (seed, epoch), so that a resumed run draws what the unbroken one would have drawn."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Seed torch's generators."""
        torch.manual_seed((self.seed << 20) + trainer.current_epoch)


class FiniteLoss(Callback):
    """Ends training whose losses are no numbers any more, before such weights are kept."""

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Look at the losses of the epoch: looking at each step would make a GPU wait."""
        for name, said in (("train_loss", "training"), ("val_loss", "validation")):
            value = trainer.callback_metrics.get(name)
            if value is not None and not bool(torch.isfinite(value)):
                what = f"the {said} loss is not finite in epoch {trainer.current_epoch + 1}."
                raise RunError(Finding(what=what, todo=NOT_FINITE, code="loss-not-finite"))


class ShowProgress(Callback):
    """A line an epoch, and how far the epoch is.

    Args:
        tell: Where the line goes.
        progress: Told (epoch, batches done, batches in all).
    """

    def __init__(self, tell: Tell, progress: Progress | None) -> None:
        self.tell, self.progress = tell, progress

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:  # type: ignore[no-untyped-def]
        """Say how far the epoch is."""
        if self.progress is not None:
            self.progress(_epoch(trainer), batch_idx + 1, int(trainer.num_training_batches))

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Say the losses and the concordance index."""
        values = trainer.callback_metrics
        shown = [f"{name.replace('_', ' ')} {float(values[name]):.4f}" for name in _SHOWN if name in values]
        self.tell("  ".join([_epoch(trainer), *shown]))


def _epoch(trainer: lightning.Trainer) -> str:
    return f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"


_SHOWN = ("train_loss", "val_loss", "val_c_index", "val_dice")

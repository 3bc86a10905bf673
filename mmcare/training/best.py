"""The best epoch: its weights are kept, and training ends when none better came for long."""

from __future__ import annotations

from pathlib import Path

import lightning
import safetensors.torch
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from mmcare.formats.atomic import write_bytes
from mmcare.spec import EarlyStopping
from mmcare.training.average import AveragedWeights

__all__ = ["BestWeights", "weights_bytes"]

_MONITORS: dict[str, tuple[str | None, float]] = {
    "loss": ("val_loss", -1.0),
    "c_index": ("val_c_index", 1.0),
    "none": (None, 0.0),
}


def weights_bytes(module: torch.nn.Module, **metadata: str) -> bytes:
    """All parameters and buffers of a module as the bytes of a safetensors file."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    return safetensors.torch.save(tensors, metadata=metadata or None)


class BestWeights(Callback):
    """Keeps the weights of the best epoch in a file beside the resume checkpoint, and stops by the spec's patience.

    Not Lightning's EarlyStopping: that one looks at an epoch only after all other callbacks, so that a checkpoint of
    the epoch would not know of it, and a run resumed after it had stopped would train on.

    Args:
        folder: Where the file goes.
        stopping: The spec's `early_stopping`; with the metric `none`, the last epoch's weights are kept.
        average: Whose network is the one to keep.
    """

    def __init__(self, folder: Path, stopping: EarlyStopping, average: AveragedWeights) -> None:
        self.folder, self.patience, self.average = folder, stopping.patience, average
        self.monitor, self.sign = _MONITORS[stopping.metric]
        self.best = float("-inf")
        self.epoch = -1

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """A run resumed after its last epoch trains no more."""
        self._stop_if_due(trainer, trainer.current_epoch - 1)

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Write the weights where they are the best so far."""
        value = self.sign * float(trainer.callback_metrics[self.monitor]) if self.monitor else 0.0
        if self.monitor is None or value > self.best:
            self.best, self.epoch = value, trainer.current_epoch
            write_bytes(self.path, weights_bytes(self.average.network(module)))
        self._stop_if_due(trainer, trainer.current_epoch)

    @property
    def path(self) -> Path:
        """The file of the best epoch. Its name holds the epoch: a kill between two writes mixes nothing up."""
        return self.path_of(self.epoch)

    def path_of(self, epoch: int) -> Path:
        """The file of an epoch, counted from 0."""
        return self.folder / f"best-{epoch:04d}.safetensors"

    def forget_older(self) -> None:
        """Remove the files of epochs that are no longer the best."""
        for path in self.folder.glob("best-*.safetensors"):
            if path != self.path:
                path.unlink()

    def load(self) -> dict[str, Tensor]:
        """The best weights."""
        return safetensors.torch.load_file(self.path)

    def state_dict(self) -> dict[str, float]:
        """For the resume checkpoint."""
        return {"best": self.best, "epoch": self.epoch}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """From the resume checkpoint."""
        self.best, self.epoch = state["best"], int(state["epoch"])

    def _stop_if_due(self, trainer: lightning.Trainer, last: int) -> None:
        if self.monitor is not None and last - self.epoch >= self.patience:
            trainer.should_stop = True

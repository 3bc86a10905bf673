"""The best epoch: its weights are kept, and training ends when none better came for long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning
import safetensors.torch
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from mmcare.formats.atomic import write_bytes
from mmcare.spec import EarlyStopping
from mmcare.training.average import AveragedWeights

__all__ = ["BestWeights", "weights_bytes"]

_WHOLE = ""
_MONITORS: dict[str, tuple[str | None, float]] = {
    "loss": ("val_loss", -1.0),
    "c_index": ("val_c_index", 1.0),
    "none": (None, 0.0),
}


def weights_bytes(module: torch.nn.Module, **metadata: str) -> bytes:
    """All parameters and buffers of a module as the bytes of a safetensors file."""
    return safetensors.torch.save(_tensors(module), metadata=metadata or None)


def _tensors(module: torch.nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}


class BestWeights(Callback):
    """Keeps the weights of the best epoch in a file beside the resume checkpoint, and stops by the spec's patience.

    Not Lightning's EarlyStopping: that one looks at an epoch only after all other callbacks, so that a checkpoint of
    the epoch would not know of it, and a run resumed after it had stopped would train on.

    Parts of the network that are models of their own each keep the epoch at which they did best; training ends when
    none of them did better for long.

    Args:
        folder: Where the file goes.
        stopping: The spec's `early_stopping`; with the metric `none`, the last epoch's weights are kept.
        average: Whose network is the one to keep.
        apart: Names of the tensors of each part that is a model of its own; empty, the network is one.
    """

    def __init__(
        self,
        folder: Path,
        stopping: EarlyStopping,
        average: AveragedWeights,
        apart: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self.folder, self.patience, self.average, self.apart = folder, stopping.patience, average, apart or {}
        self.monitor, self.sign = _MONITORS[stopping.metric]
        self.best = dict.fromkeys(self.apart or [_WHOLE], float("-inf"))
        self.epoch = -1

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """A run resumed after its last epoch trains no more."""
        self._stop_if_due(trainer, trainer.current_epoch - 1)

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Write the weights where they are the best so far."""
        values = {part: self._value(trainer.callback_metrics, part) for part in self.best}
        better = [part for part, value in values.items() if self.monitor is None or value > self.best[part]]
        if better:
            tensors = self._with(better, _tensors(self.average.network(module)))
            self.best |= {part: values[part] for part in better}
            self.epoch = trainer.current_epoch
            write_bytes(self.path, safetensors.torch.save(tensors))
        self._stop_if_due(trainer, trainer.current_epoch)

    def _value(self, metrics: Mapping[str, Tensor], part: str) -> float:
        """How well a part does; one that no validation patient has goes with the whole."""
        if self.monitor is None:
            return 0.0
        return self.sign * float(metrics.get(f"{self.monitor}_{part}", metrics[self.monitor]))

    def _with(self, better: Sequence[str], now: dict[str, Tensor]) -> dict[str, Tensor]:
        """This epoch's tensors of the parts that did better, and the kept ones of the others."""
        if len(better) == len(self.best):
            return now
        return self.load() | {name: now[name] for part in better for name in self.apart[part]}

    @property
    def path(self) -> Path:
        """The file of the last epoch that was better. Its name holds it: a kill between two writes mixes nothing up."""
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

    def state_dict(self) -> dict[str, Any]:
        """For the resume checkpoint."""
        return {"best": dict(self.best), "epoch": self.epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From the resume checkpoint."""
        self.best, self.epoch = dict(state["best"]), int(state["epoch"])

    def _stop_if_due(self, trainer: lightning.Trainer, last: int) -> None:
        if self.monitor is not None and last - self.epoch >= self.patience:
            trainer.should_stop = True

"""What happens around the epochs: seeds, the best weights, the checkpoint to resume from, Ctrl-C, plain progress."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import lightning
import safetensors.torch
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from mmcare.errors import Finding, RunError
from mmcare.formats.atomic import write_bytes

__all__ = [
    "BestWeights",
    "EpochSeed",
    "FinishOnInterrupt",
    "PlainProgress",
    "ResumeCheckpoint",
    "Tell",
    "weights_bytes",
]

Tell = Callable[[str], None]


def weights_bytes(module: torch.nn.Module, **metadata: str) -> bytes:
    """All parameters and buffers of a module as the bytes of a safetensors file."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    return safetensors.torch.save(tensors, metadata=metadata or None)


class EpochSeed(Callback):
    """Seeds each epoch from (seed, epoch), so that a resumed run draws what the unbroken one would have drawn."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Seed torch's generators."""
        torch.manual_seed((self.seed << 20) + trainer.current_epoch)


class BestWeights(Callback):
    """Keeps the weights of the best epoch in a file beside the resume checkpoint.

    Args:
        folder: Where the file goes.
        monitor: Logged value; None keeps the last epoch's weights.
        larger_is_better: Direction of `monitor`.
    """

    def __init__(self, folder: Path, monitor: str | None, larger_is_better: bool) -> None:
        self.folder, self.monitor, self.sign = folder, monitor, 1.0 if larger_is_better else -1.0
        self.best = float("-inf")
        self.epoch = -1

    def on_validation_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Write the weights where they are the best so far."""
        value = self.sign * float(trainer.callback_metrics[self.monitor]) if self.monitor else 0.0
        if self.monitor is None or value > self.best:
            self.best, self.epoch = value, trainer.current_epoch
            write_bytes(self.path, weights_bytes(module.model))  # type: ignore[arg-type]

    @property
    def path(self) -> Path:
        """The file of the best epoch. Its name holds the epoch: a kill between two writes mixes nothing up."""
        return self.folder / f"best-{self.epoch:04d}.safetensors"

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


class ResumeCheckpoint(Callback):
    """Every epoch, all that going on needs, apart from the weights that are published; replaced whole."""

    def __init__(self, folder: Path, best: BestWeights) -> None:
        self.folder, self.best = folder, best

    @property
    def path(self) -> Path:
        """The checkpoint of the last finished epoch."""
        return self.folder / "last.ckpt"

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Save; runs after the other callbacks of the epoch's end (early stopping)."""
        beside = self.folder / ".last.ckpt.new"
        trainer.save_checkpoint(beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(self.path)
        self.best.forget_older()


class FinishOnInterrupt(Callback):
    """Ctrl-C lets the step finish, then stops with the command that goes on. A second one stops at once."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.asked = False
        self._before: object = None

    def setup(self, trainer: lightning.Trainer, module: lightning.LightningModule, stage: str) -> None:
        """Take the signal."""
        try:
            self._before = signal.signal(signal.SIGINT, self._ask)
        except ValueError:  # not in the main thread: Ctrl-C does not come here
            self._before = None

    def teardown(self, trainer: lightning.Trainer, module: lightning.LightningModule, stage: str) -> None:
        """Give the signal back."""
        self._restore()

    def on_exception(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, exception: BaseException
    ) -> None:
        """Give the signal back also when training fails."""
        self._restore()

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:  # type: ignore[no-untyped-def]
        """Stop here if asked to."""
        if self.asked:
            what = f"training was interrupted in epoch {trainer.current_epoch + 1}; every finished epoch is kept."
            raise RunError(Finding(what=what, todo=f"To go on: {self.command}", code="interrupted"))

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            self._restore()
            raise KeyboardInterrupt
        self.asked = True

    def _restore(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)  # type: ignore[arg-type]
            self._before = None


class PlainProgress(Callback):
    """A line an epoch."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Say the losses and the concordance index."""
        values = trainer.callback_metrics
        parts = [f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"]
        parts += [f"{name.replace('_', ' ')} {float(values[name]):.4f}" for name in _SHOWN if name in values]
        self.tell("  ".join(parts))


_SHOWN = ("train_loss", "val_loss", "val_c_index")

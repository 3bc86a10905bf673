"""What going on needs, kept every epoch apart from the weights that are published."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback

from mmcare.formats.atomic import write_bytes
from mmcare.training.best import BestWeights

__all__ = ["ResumeCheckpoint", "WholeFiles"]


class WholeFiles(TorchCheckpointIO):
    """Checkpoints are whole or absent, and a full disk is said in words."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write it by the one writer."""
        data = io.BytesIO()
        torch.save(checkpoint, data)
        write_bytes(Path(path), data.getvalue())


class ResumeCheckpoint(Callback):
    """Saves after every epoch; stands after all callbacks whose state an epoch changes.

    Args:
        folder: Where `last.ckpt` goes.
        best: Whose older files are removed once the checkpoint that named them is replaced.
    """

    def __init__(self, folder: Path, best: BestWeights) -> None:
        self.folder, self.best = folder, best
        self.finished = 0

    @property
    def path(self) -> Path:
        """The checkpoint of the last finished epoch."""
        return self.folder / "last.ckpt"

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Save."""
        self.finished = trainer.current_epoch + 1
        trainer.save_checkpoint(self.path)
        self.best.forget_older()

    def state_dict(self) -> dict[str, int]:
        """How many epochs are finished."""
        return {"finished": self.finished}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """From the checkpoint."""
        self.finished = state["finished"]

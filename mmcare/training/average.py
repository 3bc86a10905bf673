"""The average of the weights over the last steps: less moved by single batches than the weights themselves."""

from __future__ import annotations

from typing import Any, cast

import lightning
from lightning.pytorch.callbacks import Callback
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

__all__ = ["AveragedWeights"]


class AveragedWeights(Callback):
    """Keeps an exponential moving average of the network's weights, which is what is validated and kept.

    Training goes on from the weights themselves. Buffers, such as batch norm's statistics, are the network's own.

    Args:
        decay: What is left of the average after a step, in (0, 1); None, there is no average.

    Source: Polyak and Juditsky 1992, doi 10.1137/0330046, for averaging; `torch.optim.swa_utils` computes it.
    """

    def __init__(self, decay: float | None) -> None:
        self.decay = decay
        self._average: AveragedModel | None = None
        self._restored: dict[str, Any] | None = None
        self._steps = 0

    def network(self, module: lightning.LightningModule) -> nn.Module:
        """The averaged network; without an average the one that is trained."""
        return cast(nn.Module, module.model if self._average is None else self._average.module)

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Start from the network's weights, or from the average of the finished epochs."""
        if self.decay is not None:
            network = cast(nn.Module, module.model)
            self._average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(self.decay))
            if self._restored:
                self._average.load_state_dict(self._restored)
        self._steps = trainer.global_step

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:  # type: ignore[no-untyped-def]
        """Add the weights to the average, once an optimiser's step."""
        if self._average is not None and trainer.global_step > self._steps:
            self._steps = trainer.global_step
            self._average.update_parameters(module.model)

    def on_validation_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Validate the average."""
        self._exchange(module)

    def on_validation_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Train the weights themselves."""
        self._exchange(module)

    def state_dict(self) -> dict[str, Any]:
        """For the resume checkpoint."""
        return {} if self._average is None else self._average.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From the resume checkpoint."""
        self._restored = state

    def _exchange(self, module: lightning.LightningModule) -> None:
        """Swap values, not modules: optimiser and compiled code hold on to the network's own tensors."""
        if self._average is None:
            return
        for own, mean in zip(
            cast(nn.Module, module.model).parameters(), self._average.module.parameters(), strict=True
        ):
            held = own.data.clone()
            own.data.copy_(mean.data)
            mean.data.copy_(held)

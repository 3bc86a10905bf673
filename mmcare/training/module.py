"""The one Lightning module: a step, a validation in one loss call, an optimiser. Knows no part by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from mmcare.components import Batch, Losses, Modality, OutcomeLayout, Outcomes
from mmcare.errors import Finding, RunError, cut
from mmcare.inputs import Inputs
from mmcare.model import Model, PathScores
from mmcare.spec import TrainingConfig
from mmcare.survival import harrell_concordance
from mmcare.training.callbacks import NOT_FINITE
from mmcare.training.dropout import modalities_to_keep, rates_of
from mmcare.training.optimizer import optimizer_of

__all__ = ["PrognosisModule", "seed_of"]


class PrognosisModule(lightning.LightningModule):
    """Trains a `Model`.

    Args:
        model: The network, its heads fitted on the training outcomes.
        config: The spec's `training`.
        inputs: Whose modalities augment training batches.
    """

    def __init__(self, model: Model, config: TrainingConfig, inputs: Inputs) -> None:
        super().__init__()
        self.model, self.config, self.inputs = model, config, inputs
        self._scored: list[tuple[PathScores, Outcomes]] = []
        self._losses: list[tuple[Losses, int]] = []

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """The batch there; Lightning's own way looks into every id."""
        return batch.to(device)

    def on_train_epoch_start(self) -> None:
        """A new epoch's mean starts."""
        self._losses.clear()

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """The factual loss of a batch, some of its modalities withheld."""
        outcomes = _outcomes(batch)
        losses = self.model.loss(self.model(self._changed(batch, index)), outcomes)
        self._refuse_nan(losses.total, batch)
        self._losses.append((_detached(losses), len(batch)))
        if self.trainer.is_last_batch:
            self._log_training_losses()
        return losses.total

    def validation_step(self, batch: Batch, index: int) -> None:
        """Keep the scores: a loss of all rows at once comes at the end."""
        self._scored.append((self.model(batch), _outcomes(batch)))

    def on_validation_epoch_end(self) -> None:
        """Log the validation loss and the concordance index over all rows."""
        scores = PathScores.cat([scores for scores, _ in self._scored])
        outcomes = _cat([outcomes for _, outcomes in self._scored])
        self._scored.clear()
        losses = self.model.loss(scores, outcomes)
        self.log("val_loss", losses.total, prog_bar=True)
        for name, value in losses.parts.items():
            self.log(f"val_{name}", value)
        self.log("val_c_index", leading_concordance(self.model, scores, outcomes), prog_bar=True)

    def _log_training_losses(self) -> None:
        """The means over the epoch's patients, logged once: a log a step costs as much as a step of a small model."""
        weights = [size for _, size in self._losses]
        means = {"train_loss": _mean([losses.total for losses, _ in self._losses], weights)}
        for name in self._losses[-1][0].parts:
            there = [(losses.parts[name], size) for losses, size in self._losses if name in losses.parts]
            means[f"train_{name}"] = _mean([value for value, _ in there], [size for _, size in there])
        self.log_dict(means, on_step=False, on_epoch=True, batch_size=1)

    def configure_optimizers(self) -> Optimizer:
        """The optimiser that the spec asks for; `Schedule` changes its learning rate."""
        return optimizer_of(self.model, self.config)

    def _changed(self, batch: Batch, index: int) -> Batch:
        """The batch augmented, with some modalities withheld, from generators that (seed, epoch, batch) decide."""
        generator = torch.Generator().manual_seed(seed_of(self.config.seed, self.current_epoch, index))
        rates = rates_of(self.config.modality_dropout, batch.names)
        if bool((rates > 0).any()):
            batch = batch.keep(modalities_to_keep(batch.present, rates, generator))
        return augmented(batch, self.inputs, generator)

    def _refuse_nan(self, loss: Tensor, batch: Batch) -> None:
        if loss.device.type == "cpu" and not bool(torch.isfinite(loss)):
            where = f"in epoch {self.current_epoch + 1}, batch of patients {cut(', '.join(batch.ids))}."
            what = f"the training loss is not finite {where}"
            raise RunError(Finding(what=what, todo=NOT_FINITE, code="loss-not-finite"))


def augmented(batch: Batch, inputs: Inputs, generator: torch.Generator) -> Batch:
    """The batch with every modality's own augmentation, a generator a row."""
    changed = dict(batch.modalities)
    for name, rows in batch.modalities.items():
        if type(inputs.modalities[name]).augment is Modality.augment:
            continue  # changes nothing: generators are not worth making
        seeds = torch.randint(0, 2**62, (len(rows),), generator=generator).tolist()
        generators = [torch.Generator(device=rows.rows.device).manual_seed(seed) for seed in seeds]
        changed[name] = inputs.modalities[name].augment(rows, generators)
    return dataclasses.replace(batch, modalities=changed)


def leading_concordance(model: Model, scores: PathScores, outcomes: Outcomes) -> float:
    """Harrell's C of the head's first endpoint over pairs within an arm; 0.5 where no pair can be compared."""
    leading = leading_endpoint(model)
    known = (outcomes.arm >= 0) & ~outcomes.time[:, leading].isnan()
    if not bool(known.any()):
        return 0.5
    chosen = outcomes.take(known)
    risk = model.risk(scores)[known, chosen.arm, leading]
    c = harrell_concordance(
        risk.detach().double().cpu().numpy(),
        chosen.time[:, leading].cpu().numpy(),
        (chosen.event[:, leading] == 1).cpu().numpy(),
        arm=chosen.arm.cpu().numpy(),
    )
    return 0.5 if c != c else float(c)


def leading_endpoint(model: Model) -> int:
    """Column of the endpoint that the head names first, or of the cohort's first."""
    layout: OutcomeLayout = model.outcomes
    named = getattr(model.heads[0].config, "endpoints", None)
    return layout.index(next(iter(named))) if named else 0


def _detached(losses: Losses) -> Losses:
    return Losses(losses.total.detach(), {name: value.detach() for name, value in losses.parts.items()})


def _mean(values: Sequence[Tensor], weights: Sequence[int]) -> Tensor:
    """The mean of scalars by weight."""
    stacked = torch.stack(list(values)).double()
    return (stacked * stacked.new_tensor(weights)).sum() / sum(weights)


def _outcomes(batch: Batch) -> Outcomes:
    assert batch.outcomes is not None, "training batches carry outcomes"
    return batch.outcomes


def _cat(parts: list[Outcomes]) -> Outcomes:
    return Outcomes(
        arm=torch.cat([p.arm for p in parts]),
        time=torch.cat([p.time for p in parts]),
        event=torch.cat([p.event for p in parts]),
    )


def seed_of(*numbers: int) -> int:
    """One seed of several numbers, the same on every machine."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)

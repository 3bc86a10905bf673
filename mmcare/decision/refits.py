"""Bootstrap refits of the heads on stored representations: how much a difference would move with other patients.

The encoder is held fixed, and its own uncertainty is not in it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmcare.components import Head, Outcomes, Prognosis, Representation, Split
from mmcare.model import full_precision
from mmcare.model.paths import average

__all__ = ["LEARNING_RATE", "STEPS", "Stored", "draws", "predict_heads", "refit"]

STEPS = 30
"""Full-batch steps of a refit; the best by the validation patients' loss is kept."""
LEARNING_RATE = 0.02
_LOOK = 3
"""Steps between two looks at the validation loss."""
Heads = Sequence[Head]


@dataclass(frozen=True, slots=True)
class Stored:
    """What the heads see of training and validation patients.

    Attributes:
        r: (n, P, D), on the CPU.
        outcomes: Of the n patients.
        split: Of each: `training` or `validation`.
    """

    r: Representation
    outcomes: Outcomes
    split: tuple[Split, ...]

    def take(self, rows: Tensor) -> Stored:
        """Rows by position, repeated where drawn twice."""
        r = Representation(self.r.values[rows], self.r.mask[rows])
        return Stored(r, self.outcomes.take(rows), tuple(self.split[row] for row in rows.tolist()))

    @property
    def is_training(self) -> Tensor:
        """(n,) bool."""
        return torch.tensor([split == "training" for split in self.split])


def draws(stored: Stored, number: int, seed: int) -> Iterator[Tensor]:
    """Positions of patients drawn with replacement, as many of each arm and split as there are.

    Args:
        stored: Of whom.
        number: Of draws.
        seed: Decides them; draw k is the same whatever the number.
    """
    group = (stored.outcomes.arm * 2 + stored.is_training).numpy()
    members = [np.flatnonzero(group == code) for code in np.unique(group)]
    for k in range(number):
        rng = np.random.default_rng([seed, k])
        yield torch.from_numpy(np.concatenate([rng.choice(own, len(own)) for own in members]))


def refit(make: Callable[[], Heads], stored: Stored, seed: int) -> Heads:
    """New heads, a path each, fitted, trained and recalibrated on the patients given; in eval mode.

    Adam on all training patients at once; the step with the least loss of the validation patients is kept, the last one
    where there are none. Which step that is takes the place of early stopping.

    Args:
        make: Makes untrained heads.
        stored: The patients; those drawn twice count twice.
        seed: Of initial weights and dropout.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad(), full_precision():
        torch.manual_seed(seed)
        heads = make()
        training, validation = stored.take(stored.is_training.nonzero()[:, 0]), stored.take(_validation(stored))
        with torch.no_grad():
            for head in heads:
                head.fit(training.outcomes)
        _train(heads, training, validation)
    with torch.no_grad(), full_precision():
        for path, head in enumerate(heads):
            head.eval()
            rows = stored.r.mask[:, path].nonzero()[:, 0]
            own = stored.take(rows)
            head.finish(head(own.r.values[:, path]), own.outcomes, own.split)
    return heads


def predict_heads(heads: Heads, r: Representation) -> Prognosis:
    """The prognosis of R (n, P, D) by a head a path, averaged over the paths present."""
    with torch.no_grad(), full_precision():
        parts = [head.predict(head(r.values[:, path])) for path, head in enumerate(heads)]
        return average(parts, r.mask)


def _validation(stored: Stored) -> Tensor:
    return (~stored.is_training).nonzero()[:, 0]


def _train(heads: Heads, training: Stored, validation: Stored) -> None:
    weights = [weight for head in heads for weight in head.parameters() if weight.requires_grad]
    if not weights:
        return
    optimizer = torch.optim.Adam(weights, lr=LEARNING_RATE, fused=True)
    best, kept = float("inf"), [copy.deepcopy(head.state_dict()) for head in heads]
    for head in heads:
        head.train()
    for step in range(1, STEPS + 1):
        if len(validation.split) and step % _LOOK == 1:
            loss = _validation_loss(heads, validation)
            if loss < best:
                best, kept = loss, [copy.deepcopy(head.state_dict()) for head in heads]
            for head in heads:
                head.train()
        optimizer.zero_grad()
        torch.autograd.backward(_loss(heads, training))
        optimizer.step()
    if len(validation.split) and _validation_loss(heads, validation) >= best:
        for head, state in zip(heads, kept, strict=True):
            head.load_state_dict(state)


def _validation_loss(heads: Heads, validation: Stored) -> float:
    for head in heads:
        head.eval()
    with torch.no_grad():
        return float(_loss(heads, validation))


def _loss(heads: Heads, stored: Stored) -> Tensor:
    """Sum over paths, each of the patients who have it."""
    total = stored.r.values.new_zeros(())
    for path, head in enumerate(heads):
        mask = stored.r.mask[:, path]
        if bool(mask.all()):
            total = total + head.loss(head(stored.r.values[:, path]), stored.outcomes).total
        elif bool(mask.any()):
            rows = mask.nonzero()[:, 0]
            total = total + head.loss(head(stored.r.values[rows, path]), stored.outcomes.take(rows)).total
    return total

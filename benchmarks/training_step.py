"""What the framework costs in a training step, beside a bare Lightning and a bare PyTorch loop on the same batches.

Modality dropout and augmentation are off and all loops seed an epoch alike, so that they do the same: their weights
after training are compared first and must be equal, bit for bit. Each loop is then timed in turn by CPU time, over few
and over many epochs: the difference leaves out what starting costs, and is given a step. What an epoch costs (logs, the
checkpoint to resume from) is in it. The median of the ratios over the rounds is printed.

    python benchmarks/training_step.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lightning
import torch
from torch import Tensor

from mmcare.cache import Cache
from mmcare.cohort import read_cohort
from mmcare.components import Batch
from mmcare.inputs import Inputs, read_inputs
from mmcare.model import Model, build
from mmcare.run import segmenters_of
from mmcare.spec import Spec, load_spec
from mmcare.synthetic import draw, write_cohort
from mmcare.training import Loop, Place, train
from mmcare.training.loaders import training_loader
from mmcare.workflow.demo import example

PATIENTS, FEW, MANY = 480, 1, 2
PLAIN = [
    "training.modality_dropout=0",
    "training.early_stopping.metric=none",
    "training.average_weights=null",
    "modalities.ct.augment=false",
    "fusion.dropout=0",
]
Train = Callable[[Spec, Inputs, Model, int], None]


class BareModule(lightning.LightningModule):
    """As little as Lightning needs."""

    def __init__(self, model: Model, lr: float, weight_decay: float) -> None:
        super().__init__()
        self.model, self.lr, self.weight_decay = model, lr, weight_decay

    def on_train_epoch_start(self) -> None:
        """Seed dropout as the framework does."""
        torch.manual_seed(self.current_epoch)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """The loss."""
        return self.model.loss(self.model(batch), batch.outcomes).total

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), self.lr, weight_decay=self.weight_decay)


def ours(spec: Spec, inputs: Inputs, model: Model, epochs: int) -> None:
    """The framework's training."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "resume").mkdir()
        config = spec.training.model_copy(update={"max_epochs": epochs})
        train(model, inputs, inputs.patients, (), config, Loop(Path(folder), Place("cpu", "fp32"), "", len))


def bare_lightning(spec: Spec, inputs: Inputs, model: Model, epochs: int) -> None:
    """Lightning's Trainer with nothing added."""
    model.fit(inputs.outcomes_of(inputs.patients))
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    config = spec.training
    trainer.fit(
        BareModule(model, config.lr, config.weight_decay), training_loader(inputs, inputs.patients, spec.training)
    )


def bare_torch(spec: Spec, inputs: Inputs, model: Model, epochs: int) -> None:
    """A loop as one would write it."""
    model.fit(inputs.outcomes_of(inputs.patients))
    config = spec.training
    optimizer = torch.optim.Adam(model.parameters(), config.lr, weight_decay=config.weight_decay)
    loader = training_loader(inputs, inputs.patients, config)
    model.train()
    for epoch in range(epochs):
        torch.manual_seed(epoch)
        loader.sampler.set_epoch(epoch)  # type: ignore[union-attr]
        for batch in loader:
            optimizer.zero_grad()
            model.loss(model(batch), batch.outcomes).total.backward()
            optimizer.step()


def new_model(spec: Spec, inputs: Inputs) -> Model:
    """The same weights every time."""
    torch.manual_seed(0)
    return build(spec, inputs.layouts, inputs_layout(inputs))


def inputs_layout(inputs: Inputs):  # type: ignore[no-untyped-def]
    """Arms and endpoints of the cohort that the inputs are of."""
    return read_cohort(next(iter(inputs.sources.values())).root).outcome_layout()


def seconds_a_step(loop: Train, spec: Spec, inputs: Inputs) -> float:
    """CPU seconds a step, starting left out."""
    spent = {}
    for epochs in (FEW, MANY):
        model = new_model(spec, inputs)
        start = time.process_time()
        loop(spec, inputs, model, epochs)
        spent[epochs] = time.process_time() - start
    steps = len(training_loader(inputs, inputs.patients, spec.training)) * (MANY - FEW)
    return (spent[MANY] - spent[FEW]) / steps


def check_equal(spec: Spec, inputs: Inputs) -> None:
    """All three loops end at the same weights."""
    ends = []
    for loop in (ours, bare_lightning, bare_torch):
        model = new_model(spec, inputs)
        loop(spec, inputs, model, 2)
        ends.append({name: value.clone() for name, value in model.cpu().named_parameters()})
    for other in ends[1:]:
        for name, value in ends[0].items():
            assert torch.equal(value, other[name]), f"{name} differs"
    print(f"equal: {len(ends[0])} parameters after two epochs, bit for bit")


def main(rounds: int) -> None:
    """Draw a cohort, compare, time."""
    with tempfile.TemporaryDirectory() as folder:
        write_cohort(draw("heterogeneous", PATIENTS, 0), Path(folder) / "cohort", size_voxels=36, spacing_mm=3.0)
        spec = load_spec(example("demo.yaml"), PLAIN)
        cohort = read_cohort(Path(folder) / "cohort")
        layout = cohort.outcome_layout()
        inputs = read_inputs(
            spec, cohort, layout, segmenters=segmenters_of(spec), cache=Cache(Path(folder) / "cache")
        ).fit(cohort.patients)
        check_equal(spec, inputs)
        found = [
            [seconds_a_step(loop, spec, inputs) for loop in (ours, bare_lightning, bare_torch)] for _ in range(rounds)
        ]
    for name, place in (("bare Lightning", 1), ("bare PyTorch", 2)):
        ratios = [round_[0] / round_[place] for round_ in found]
        low, high = min(ratios), max(ratios)
        print(f"ours / {name}: {statistics.median(ratios):.3f} (of {rounds} rounds, {low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)

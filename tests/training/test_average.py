"""The average of the weights: what it is, what is validated, and that training does not see it."""

from __future__ import annotations

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mmcare.training.average import AveragedWeights

DECAY = 0.8


class Module(lightning.LightningModule):
    """A linear map with batch norm; remembers its weights after each step, and in each validation."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))
        self.after_steps: list[list[Tensor]] = []
        self.validated: list[list[Tensor]] = []

    def training_step(self, rows: Tensor, index: int) -> Tensor:
        return (self.model(rows) - rows.sum(1, keepdim=True)).square().mean()

    def validation_step(self, rows: Tensor, index: int) -> None:
        self.validated.append(held(self.model))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


class Remember(Callback):
    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:  # type: ignore[no-untyped-def]
        module.after_steps.append(held(module.model))


def held(network: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in network.parameters()]


def trained(average: AveragedWeights, accumulate: int = 1) -> Module:
    module = Module()
    rows = torch.randn(24, 3, generator=torch.Generator().manual_seed(1))
    lightning.Trainer(
        accelerator="cpu",
        max_epochs=2,
        callbacks=[average, Remember()],
        accumulate_grad_batches=accumulate,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    ).fit(module, DataLoader(rows, batch_size=4), DataLoader(rows[:4], batch_size=4))
    return module


def written_out(steps: list[list[Tensor]]) -> list[Tensor]:
    mean = steps[0]
    for weights in steps[1:]:
        mean = [DECAY * old + (1 - DECAY) * new for old, new in zip(mean, weights, strict=True)]
    return mean


@pytest.mark.filterwarnings("ignore")
def test_it_is_the_moving_average_over_steps_and_what_is_validated() -> None:
    average = AveragedWeights(DECAY)
    module = trained(average)
    assert len(module.after_steps) == 12 and len(module.validated) == 2
    for seen, steps in ((module.validated[0], 6), (module.validated[1], 12), (held(average.network(module)), 12)):
        for found, expected in zip(seen, written_out(module.after_steps[:steps]), strict=True):
            torch.testing.assert_close(found, expected)
    assert not torch.equal(held(module.model)[0], held(average.network(module))[0])


@pytest.mark.filterwarnings("ignore")
def test_training_does_not_see_it() -> None:
    with_average, without = trained(AveragedWeights(DECAY)), trained(AveragedWeights(None))
    for one, other in zip(with_average.model.state_dict().values(), without.model.state_dict().values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.filterwarnings("ignore")
def test_without_a_decay_it_is_the_network_itself() -> None:
    average = AveragedWeights(None)
    module = trained(average)
    assert average.network(module) is module.model
    assert all(torch.equal(a, b) for a, b in zip(module.validated[-1], module.after_steps[-1], strict=True))


@pytest.mark.filterwarnings("ignore")
def test_accumulated_batches_count_once() -> None:
    average = AveragedWeights(DECAY)
    module = trained(average, accumulate=3)
    steps = module.after_steps[2::3]
    for found, expected in zip(held(average.network(module)), written_out(steps), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.filterwarnings("ignore")
def test_buffers_are_the_networks_own() -> None:
    average = AveragedWeights(DECAY)
    module = trained(average)
    for own, kept in zip(module.model.buffers(), average.network(module).buffers(), strict=True):
        assert torch.equal(own, kept)

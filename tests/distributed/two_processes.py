"""What each of two processes computes on its rows of a batch, and one process on all of them.

    python two_processes.py RANK FOLDER

Both processes meet through a file in FOLDER and leave their results there.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mmcare.components import (
    Batch,
    Encoder,
    Endpoint,
    ModalityBatch,
    OutcomeLayout,
    Outcomes,
    Scores,
    TokenBatch,
    TokenLayout,
    Tokens,
)
from mmcare.model import Model
from mmcare.testing.examples import example_outcomes
from mmcare_fusion.cross_attention import CrossAttention
from mmcare_fusion.late import Late
from mmcare_fusion.plugin import CrossAttentionConfig, LateConfig
from mmcare_prognosis.dual_task import DualTask
from mmcare_prognosis.plugin import DualTaskConfig

LAYOUT = OutcomeLayout(
    ("sbrt", "surgery"), (Endpoint("os", (1.0, 3.0, 5.0)), Endpoint("lc", (1.0, 3.0), competing=True))
)
HEADS = {
    "default": DualTaskConfig(
        endpoints={"os": {"weight": 0.7, "ranking": 0.2}, "lc": {"weight": 0.3}}, agreement={}, dropout=0.0
    ),
    "paper": DualTaskConfig(
        endpoints={"os": {"model": "cox", "weight": 0.7}, "lc": {"model": "bce", "weight": 0.3}}, dropout=0.0
    ),
    "sigmoid": DualTaskConfig(endpoints={"os": {"model": "sigmoid"}, "lc": {"model": "bce"}}, dropout=0.0),
}
SPLITS = {"8 and 8": 8, "11 and 5": 11, "all and none": 16}
MODALITIES, TOKENS, WIDTH = ("ct", "genomic"), 3, 6


class Plain(Encoder):
    """A linear map of ready-made tokens: no batch norm."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.dim, self.tokens = 8, TokenLayout(names=tuple("abc"))
        self.map = nn.Linear(WIDTH, 8)

    def forward(self, batch: ModalityBatch) -> Tokens:
        return Tokens(self.map(batch.values), batch.mask)


def training_outcomes() -> Outcomes:
    return example_outcomes(200, LAYOUT, torch.Generator().manual_seed(0))


def batch_outcomes() -> Outcomes:
    """Of 16 patients: times in half years, so that some are tied across processes, and some unknown."""
    found = example_outcomes(16, LAYOUT, torch.Generator().manual_seed(5))
    time, arm = (found.time * 2).ceil() / 2, found.arm.clone()
    time[3, 0], time[12, 1], arm[6] = torch.nan, torch.nan, -1
    return Outcomes(arm=arm, time=time, event=found.event)


def batch_of(rows: Tensor) -> Batch:
    """Those of 16 patients; only the first eight may have a genome."""
    generator = torch.Generator().manual_seed(1)
    present = torch.ones(16, 2, dtype=torch.bool)
    present[2, 0] = False
    present[torch.tensor([4, *range(8, 16)]), 1] = False
    values = torch.randn(2, 16, TOKENS, WIDTH, generator=generator)
    modalities = {}
    for column, name in enumerate(MODALITIES):
        mine = present[rows, column].nonzero()[:, 0]
        if len(mine):
            mask = torch.ones(len(mine), TOKENS, dtype=torch.bool)
            modalities[name] = TokenBatch(rows=mine, values=values[column, rows[mine]], mask=mask)
    ids = tuple(str(row) for row in rows.tolist())
    return Batch(modalities=modalities, present=present[rows], names=MODALITIES, ids=ids)


def of_head(name: str, rows: Tensor) -> Mapping[str, Tensor]:
    """Loss of given scores, and its gradient; `rows` are this process's."""
    torch.manual_seed(0)
    head = DualTask(HEADS[name], 6, LAYOUT)
    head.fit(training_outcomes())
    with torch.no_grad():
        given = head(torch.randn(16, 6)).by_endpoint
    given = {key: nn.Parameter(values) for key, values in given.items()}
    loss = head.loss(Scores({key: values[rows] for key, values in given.items()}), batch_outcomes().take(rows)).total
    loss.backward()
    return {"loss": loss.detach(), **{key: values.grad for key, values in given.items()}}


def of_model(name: str, rows: Tensor) -> Mapping[str, Tensor]:
    """Loss of a network, and the gradients of all its parameters, averaged over processes by torch."""
    torch.manual_seed(0)
    encoders = {key: Plain() for key in MODALITIES}
    layouts, dims = ({key: getattr(e, what) for key, e in encoders.items()} for what in ("tokens", "dim"))
    fusion = (
        Late(LateConfig(dim=8, dropout=0.0), layouts, dims)
        if name == "late"
        else CrossAttention(CrossAttentionConfig(dim=8, heads=2, dropout=0.0), layouts, dims)
    )
    model = Model(encoders, fusion, [DualTask(HEADS["paper"], 8, LAYOUT) for _ in fusion.paths], LAYOUT)
    model.fit(training_outcomes())
    for parameter in model.parameters():  # messages that start at 0 would have no gradient
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    wrapped = DistributedDataParallel(model, find_unused_parameters=True) if dist.is_initialized() else model
    found = {}
    for step in range(2):  # a second step shows whether the processes still agree
        model.zero_grad()
        loss = model.loss(wrapped(batch_of(rows)), batch_outcomes().take(rows)).total
        loss.backward()
        found[f"loss {step}"] = loss.detach()
        for key, parameter in model.named_parameters():
            if parameter.grad is not None:
                found[f"{key} {step}"] = parameter.grad.clone()
                parameter.data.sub_(0.1 * parameter.grad)
    return found


def everything(rank: int | None) -> dict[str, Tensor]:
    """All results by name; `rank` None is one process with all rows."""
    found = {}
    for split, first in SPLITS.items():
        whole = torch.arange(16)
        rows = whole if rank is None else (whole[:first], whole[first:])[rank]
        for name in HEADS:
            found |= {f"head {name}, {split}: {key}": value for key, value in of_head(name, rows).items()}
    rows = torch.arange(16) if rank is None else torch.arange(16)[8 * rank : 8 * rank + 8]
    for name in ("late", "cross-attention"):
        found |= {f"model {name}: {key}": value for key, value in of_model(name, rows).items()}
    return found


def main(rank: int, folder: Path) -> None:
    """Compute and leave the results in the folder."""
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2)
    save_file({key: value.contiguous() for key, value in everything(rank).items()}, folder / f"{rank}.safetensors")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))

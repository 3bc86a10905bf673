"""Small inputs for checks: layouts and batches of every kind, drawn from a seed."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor

from mmcare.components import (
    Endpoint,
    Feature,
    GraphBatch,
    GraphLayout,
    InputLayout,
    ModalityBatch,
    OutcomeLayout,
    Outcomes,
    SequenceBatch,
    SequenceLayout,
    TableBatch,
    TableLayout,
    TokenBatch,
    TokenLayout,
    Tokens,
    TokensLayout,
    VolumeBatch,
    VolumeLayout,
)
from mmcare.testing.not_applicable import NotApplicable

__all__ = ["example_batch", "example_layout", "example_outcome_layout", "example_outcomes", "example_tokens", "spoil"]


def example_layout(takes: str) -> InputLayout:
    """A small layout of the kind that an encoder takes.

    Raises:
        NotApplicable: There is no small example of it.
    """
    match takes:
        case "volume":
            return VolumeLayout(size=(32, 32, 32), spacing_mm=(3.0, 3.0, 3.0))
        case "table":
            features = [Feature(f"number-{i}", unit="cm") for i in range(4)]
            return TableLayout(features=(*features, Feature("colour", levels=("blue", "green", "red"))))
        case "graph":
            edges = np.array([[0, 1, 2, 3], [1, 2, 0, 4]], dtype=np.int64)
            return GraphLayout(
                nodes=tuple(f"GENE{i}" for i in range(7)), channels=("mutation",), edges=edges, weights=np.ones(4)
            )
        case "sequence":
            letters = "ACDEFGHIKLMNPQRSTVWY"
            references = tuple("M" + letters[start:] + letters[:start] for start in (0, 7, 13))
            return SequenceLayout(slots=("EGFR", "KRAS", "TP53"), alphabet=letters, references=references)
        case "tokens":
            return TokensLayout(names=("a", "b", "c"), dim=6)
    raise NotApplicable(f"no small example of `{takes}` is made here")


def example_batch(layout: InputLayout, size: int, generator: torch.Generator) -> ModalityBatch:
    """`size` rows of that layout; some cells are not measured, every row has some that are."""
    rows = torch.arange(size)
    match layout:
        case VolumeLayout():
            return _volume(layout, size, rows, generator)
        case TableLayout():
            shape = (size, len(layout.features))
            values = torch.randn(shape, generator=generator)
            for column, feature in enumerate(layout.features):
                if feature.levels:
                    values[:, column] = torch.randint(len(feature.levels), (size,), generator=generator).float()
            measured = torch.rand(shape, generator=generator) > 0.3
            measured[:, 0] = True
            return TableBatch(rows=rows, values=torch.where(measured, values, 0.0), measured=measured)
        case GraphLayout():
            values = (torch.rand(size, len(layout.nodes), len(layout.channels), generator=generator) > 0.5).float()
            measured = torch.rand(values.shape, generator=generator) > 0.3
            measured[:, 0] = True
            return GraphBatch(rows=rows, values=torch.where(measured, values, 0.0), measured=measured)
        case SequenceLayout():
            return _sequences(layout, rows, generator)
        case TokensLayout():
            mask = torch.rand(size, len(layout.names), generator=generator) > 0.3
            mask[:, 0] = True
            return TokenBatch(rows=rows, values=torch.randn(*mask.shape, layout.dim, generator=generator), mask=mask)
    raise NotApplicable(f"no small example of a {type(layout).__name__} is made here")


def _sequences(layout: SequenceLayout, rows: Tensor, generator: torch.Generator) -> SequenceBatch:
    """Each slot not tested, as its reference, changed in an unknown way, or with one or two of its four changes."""
    changes = [
        (f"{slot} {place}", f"{reference[:place]}W{reference[place + 1 :]}")
        for slot, reference in zip(layout.slots, layout.references, strict=True)
        for place in (3, 7, 11, 15)
    ]
    state = torch.randint(-3, 4, (len(rows), len(layout.slots), 1), generator=generator)
    state[:, 0][state[:, 0] == -1] = -2
    state[0, :2, 0] = torch.tensor([-2, -3])  # whatever is drawn, each state is there
    second = torch.randint(-1, 4, state.shape, generator=generator).where((state >= 0) | (state == -3), -1)
    index = torch.cat([state, second], -1)
    index = torch.where(index >= 0, index + 4 * torch.arange(len(layout.slots))[:, None], index)
    keys, sequences = zip(*changes, strict=True)
    return SequenceBatch(rows=rows, keys=keys, sequences=sequences, index=index)


def _volume(layout: VolumeLayout, size: int, rows: Tensor, generator: torch.Generator) -> VolumeBatch:
    """Balls of soft tissue of different size and density in lung."""
    axes = [torch.linspace(-1, 1, n) for n in layout.size]
    distance = torch.stack(torch.meshgrid(*axes, indexing="ij")).norm(dim=0)
    radius = 0.2 + 0.6 * torch.rand(size, 1, 1, 1, generator=generator)
    density = -100 + 200 * torch.rand(size, 1, 1, 1, generator=generator)
    mask = (distance[None] < radius).float()
    noise = 40 * torch.randn(size, *layout.size, generator=generator)
    values = torch.where(mask > 0, density, torch.tensor(-850.0)) + noise
    spacing = torch.tensor(layout.spacing_mm) * torch.where(rows % 3 == 2, 1.5, 1.0)[:, None]  # some overflow the box
    affine = torch.diag_embed(torch.cat([spacing, torch.ones(size, 1)], 1).double())
    return VolumeBatch(rows=rows, values=values[:, None], mask=mask[:, None], spacing_mm=spacing, affine=affine)


def spoil(batch: ModalityBatch, value: float) -> ModalityBatch:
    """The same batch with `value` in every cell that was not measured.

    Raises:
        NotApplicable: The batch has no such cells.
    """
    match batch:
        case TableBatch() | GraphBatch():
            spoilt = torch.where(batch.measured, batch.values, torch.tensor(value))
            return dataclasses.replace(batch, values=spoilt)
        case TokenBatch():
            spoilt = torch.where(batch.mask[..., None], batch.values, torch.tensor(value))
            return dataclasses.replace(batch, values=spoilt)
    raise NotApplicable(f"a {type(batch).__name__} has no cell that was not measured")


def example_tokens(
    size: int, generator: torch.Generator
) -> tuple[dict[str, TokenLayout], dict[str, int], dict[str, Tokens]]:
    """Layouts, widths and tokens of three modalities; in each row at least one modality is there."""
    layouts = {
        "ct": TokenLayout(grid=(2, 2, 1), stride_voxels=(16, 16, 16)),
        "clinical": TokenLayout(names=("age", "ecog", "size")),
        "genomic": TokenLayout(names=("EGFR", "KRAS", "TP53", "STK11", "KEAP1")),
    }
    dims = {"ct": 12, "clinical": 8, "genomic": 10}
    tokens = {}
    for name, layout in layouts.items():
        mask = torch.rand(size, layout.count, generator=generator) > 0.3
        mask[:, 0] = True
        if name == "genomic" and size > 1:
            mask[1] = False  # one patient without a genome
        tokens[name] = Tokens(torch.randn(size, layout.count, dims[name], generator=generator), mask)
    return layouts, dims, tokens


def example_outcome_layout() -> OutcomeLayout:
    """Two arms, overall survival, and local control with death competing."""
    return OutcomeLayout(
        ("sbrt", "surgery"), (Endpoint("os", (1.0, 3.0, 5.0)), Endpoint("lc", (1.0, 3.0), competing=True))
    )


def example_outcomes(size: int, layout: OutcomeLayout, generator: torch.Generator) -> Outcomes:
    """Outcomes with censoring, competing events, and local follow-up that ends with life at the latest."""
    draw = torch.Generator().manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
    arm = torch.randint(len(layout.arms), (size,), generator=draw)
    waits = -torch.log(torch.rand(3, size, generator=draw, dtype=torch.float64))
    death, failure, censored = waits[0] / 0.12, waits[1] / 0.08, 0.5 + waits[2] / 0.15
    times, events = [], []
    for endpoint in layout.endpoints:
        first = torch.stack([censored, failure if endpoint.competing else death, death])
        codes = 3 if endpoint.competing else 2
        time, event = first[:codes].min(0)
        times.append(time)
        events.append(event)
    return Outcomes(arm=arm, time=torch.stack(times, 1), event=torch.stack(events, 1))

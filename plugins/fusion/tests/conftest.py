"""Tokens of three modalities in double precision, some masked, some modalities absent."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from mmcare.components import TokenLayout, Tokens

LAYOUTS = {
    "ct": TokenLayout(grid=(2, 2, 1), stride_voxels=(16, 16, 16)),
    "clinical": TokenLayout(names=("age", "ecog", "size")),
    "genomic": TokenLayout(names=("EGFR", "KRAS", "TP53", "STK11", "KEAP1")),
}
DIMS = {"ct": 6, "clinical": 5, "genomic": 7}


@dataclass(frozen=True)
class Example:
    """Four patients: the second without a genome, the third with a CT alone."""

    layouts: dict[str, TokenLayout]
    dims: dict[str, int]
    tokens: dict[str, Tokens]


@pytest.fixture
def example() -> Example:
    generator = torch.Generator().manual_seed(3)
    tokens = {}
    for name, layout in LAYOUTS.items():
        mask = torch.rand(4, layout.count, generator=generator) > 0.3
        mask[:, 0] = True
        if name == "genomic":
            mask[1] = False
        if name != "ct":
            mask[2] = False
        values = torch.randn(4, layout.count, DIMS[name], generator=generator, dtype=torch.float64)
        tokens[name] = Tokens(values, mask)
    return Example(LAYOUTS, DIMS, tokens)

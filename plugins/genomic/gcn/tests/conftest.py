"""A small weighted graph with an isolated node, and a batch on it with cells that were not measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcare.components import GraphBatch, GraphLayout


@pytest.fixture
def layout() -> GraphLayout:
    """Six genes; EGFR-KRAS stands there from both sides with two weights, STK11 has no edge."""
    return GraphLayout(
        nodes=("EGFR", "KRAS", "TP53", "RB1", "MET", "STK11"),
        channels=("mutation", "expression"),
        edges=np.array([[0, 1, 1, 2, 3], [1, 0, 2, 3, 0]], dtype=np.int64),
        weights=np.array([0.4, 0.9, 0.7, 0.2, 1.0]),
    )


@pytest.fixture
def batch(layout: GraphLayout) -> GraphBatch:
    """Three patients; what was not measured holds 5, which must not matter."""
    generator = torch.Generator().manual_seed(3)
    shape = (3, len(layout.nodes), len(layout.channels))
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    measured = torch.rand(shape, generator=generator) > 0.4
    measured[:, 0] = True
    measured[1, 2] = False
    return GraphBatch(rows=torch.arange(3), values=values.masked_fill(~measured, 5.0), measured=measured)

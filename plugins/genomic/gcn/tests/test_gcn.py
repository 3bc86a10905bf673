"""The encoder: Eq. 7 in loops from values to tokens, masks, every kind of layer, and what a wrong config gets."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
import torch

from mmcare.components import GraphBatch, GraphLayout
from mmcare.spec import check_spec
from mmcare.testing.assertions import assert_every_parameter_learns
from mmcare_gcn.gcn import GCN
from mmcare_gcn.plugin import GCNConfig

KINDS: tuple[Literal["gcn", "gin", "gat"], ...] = ("gcn", "gin", "gat")


def by_loops(encoder: GCN, layout: GraphLayout, batch: GraphBatch) -> list[list[list[float]]]:
    """Eq. 7 from node values to the last layer's nodes, `residual` as the config says."""
    V, D = len(layout.nodes), encoder.dim
    a = [[1.0 if i == j else 0.0 for j in range(V)] for i in range(V)]
    for (i, j), w in zip(layout.edges.T.tolist(), layout.weights.tolist(), strict=True):
        a[i][j] = a[j][i] = max(a[i][j], w)
    degree = [sum(row) for row in a]
    out = []
    for b in range(len(batch)):
        h = []
        for v in range(V):
            node = encoder.gene[v].clone()
            for c in range(len(layout.channels)):
                if batch.measured[b, v, c]:
                    node = node + batch.values[b, v, c] * (encoder.value[c] + encoder.own_value[v, c])
                else:
                    node = node + encoder.not_measured[c]
            h.append(node.tolist())
        for layer in encoder.convolutions:
            weight, bias = layer.linear.weight.tolist(), layer.bias.tolist()
            hw = [[sum(h[v][k] * weight[d][k] for k in range(D)) for d in range(D)] for v in range(V)]
            new = [
                [
                    max(0.0, bias[d] + sum(a[i][j] / math.sqrt(degree[i] * degree[j]) * hw[j][d] for j in range(V)))
                    for d in range(D)
                ]
                for i in range(V)
            ]
            h = [
                [x + y if encoder.config.residual else y for x, y in zip(*p, strict=True)]
                for p in zip(h, new, strict=True)
            ]
        out.append(h)
    return out


@pytest.mark.parametrize("residual", [True, False])
def test_the_encoder_is_eq_7_written_out(layout: GraphLayout, batch: GraphBatch, residual: bool) -> None:
    torch.manual_seed(0)
    encoder = GCN(GCNConfig(dim=4, layers=2, residual=residual), layout).double().eval()
    tokens = encoder(batch)
    expected = torch.tensor(by_loops(encoder, layout, batch), dtype=torch.float64)
    assert tokens.mask.tolist() == batch.measured.any(-1).tolist() and not tokens.mask.all()
    torch.testing.assert_close(tokens.values, expected, atol=1e-6, rtol=1e-6)
    pooled = GCN(GCNConfig(dim=4, layers=2, residual=residual, pooled=True), layout).double().eval()
    pooled.load_state_dict(encoder.state_dict())
    for row, found in enumerate(pooled(batch).values[:, 0]):
        tested = [v for v in range(6) if batch.measured[row, v].any()]
        torch.testing.assert_close(found, expected[row, tested].mean(0), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooled", [False, True])
def test_every_kind_of_layer_learns_and_hears_no_cell_that_was_not_measured(
    layout: GraphLayout, batch: GraphBatch, kind: Literal["gcn", "gin", "gat"], pooled: bool
) -> None:
    torch.manual_seed(0)
    encoder = GCN(GCNConfig(dim=8, layers=2, convolution=kind, pooled=pooled), layout).double().eval()
    tokens = encoder(batch)
    for value in (torch.nan, 1e6):
        spoilt = GraphBatch(
            rows=batch.rows, values=batch.values.masked_fill(~batch.measured, value), measured=batch.measured
        )
        torch.testing.assert_close(encoder(spoilt).values, tokens.values)
    alone = encoder(batch.take(torch.tensor([1]), torch.tensor([0])))
    torch.testing.assert_close(alone.values[0], tokens.values[1])
    weight = torch.linspace(-1, 1, tokens.values.numel(), dtype=torch.float64).view(tokens.values.shape)
    assert_every_parameter_learns(encoder, lambda: (encoder(batch).values * weight).sum())


def test_a_graph_without_an_edge_leaves_each_gene_to_itself(layout: GraphLayout, batch: GraphBatch) -> None:
    empty = GraphLayout(
        nodes=layout.nodes, channels=layout.channels, edges=layout.edges[:, :0], weights=layout.weights[:0]
    )
    for kind in KINDS:
        encoder = GCN(GCNConfig(dim=8, convolution=kind), empty).double().eval()
        changed = GraphBatch(rows=batch.rows, values=batch.values.clone(), measured=batch.measured)
        changed.values[:, 0] += 1
        differs = (encoder(batch).values != encoder(changed).values).any(-1)
        assert differs[:, 0].all() and not differs[:, 1:].any()


SPEC = """\
mmcare: 1
name: heads
modalities:
  genomic: {use: gene-graph, encoder: {use: gcn, convolution: gat, dim: 30}}
head: {use: dual-task, endpoints: {os: {model: discrete}}}
"""


def test_heads_that_do_not_share_the_width_evenly_are_named(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    _, findings = check_spec(tmp_path / "spec.yaml")
    assert [str(f).removeprefix(f"{tmp_path}/") for f in findings] == [
        "spec.yaml:4:68, modalities.genomic.encoder.dim: `dim` is 30 and `heads` is 4; the heads share the width "
        "evenly. Make `dim` a multiple of 4."
    ]


def test_the_light_module_and_the_encoder_load_no_pyg() -> None:
    light = "import sys, mmcare_gcn.plugin; assert not {'torch', 'numpy'} & set(sys.modules)"
    heavy = "import sys, mmcare_gcn.gcn; assert 'torch_geometric' not in sys.modules"
    for code in (light, heavy):
        subprocess.run([sys.executable, "-c", code], check=True)

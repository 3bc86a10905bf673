"""Each graph layer equals PyTorch Geometric's of the same weights, and the convolution equals Eq. 7 in loops."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.nn import GATConv, GCNConv, GINConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import to_undirected

from mmcare.components import GraphLayout
from mmcare_gcn.adjacency import SharedGraph, neighbours, normalised_adjacency
from mmcare_gcn.convolutions import GraphAttention, GraphConvolution, GraphIsomorphism

B, TAKES, GIVES = 3, 5, 8


@pytest.fixture
def nodes(layout: GraphLayout) -> Tensor:
    return torch.randn(B, len(layout.nodes), TAKES, generator=torch.Generator().manual_seed(1))


def undirected(layout: GraphLayout) -> tuple[Tensor, Tensor]:
    edges, weights = torch.as_tensor(layout.edges), torch.as_tensor(layout.weights, dtype=torch.float32)
    return to_undirected(edges, weights, num_nodes=len(layout.nodes), reduce="max")


def test_the_normalised_adjacency_is_that_of_pyg(layout: GraphLayout) -> None:
    edges, weights = gcn_norm(*undirected(layout), len(layout.nodes), add_self_loops=True)
    expected = torch.zeros(6, 6).index_put((edges[1], edges[0]), weights, accumulate=True)
    np.testing.assert_allclose(normalised_adjacency(layout), expected.numpy(), atol=1e-6)
    assert normalised_adjacency(layout)[5].tolist() == [0, 0, 0, 0, 0, 1], "an isolated gene keeps itself"


def test_a_convolution_is_eq_7_written_out(layout: GraphLayout, nodes: Tensor) -> None:
    torch.manual_seed(0)
    layer = GraphConvolution(SharedGraph(normalised_adjacency(layout)), TAKES, GIVES).double()
    with torch.no_grad():
        layer.bias.normal_()
    found = torch.relu(layer(nodes.double().transpose(0, 1))).transpose(0, 1).detach()
    V = len(layout.nodes)
    a = [[1.0 if i == j else 0.0 for j in range(V)] for i in range(V)]
    for (i, j), w in zip(layout.edges.T.tolist(), layout.weights.tolist(), strict=True):
        a[i][j] = a[j][i] = max(a[i][j], w)
    degree = [sum(row) for row in a]
    weight, bias = layer.linear.weight.tolist(), layer.bias.tolist()
    for b in range(B):
        for i in range(V):
            for d in range(GIVES):
                total = bias[d]
                for j in range(V):
                    product = sum(nodes[b, j, k].item() * weight[d][k] for k in range(TAKES))
                    total += a[i][j] / math.sqrt(degree[i] * degree[j]) * product
                assert float(found[b, i, d]) == pytest.approx(max(total, 0), abs=1e-6)


def gradients(module: torch.nn.Module, output: Tensor) -> dict[str, Tensor]:
    (output * torch.linspace(-1, 1, output.numel()).view(output.shape)).sum().backward()
    return {name: p.grad for name, p in module.named_parameters() if p.grad is not None}


def test_a_convolution_equals_pygs_gcn_conv_in_values_and_gradients(layout: GraphLayout, nodes: Tensor) -> None:
    torch.manual_seed(0)
    ours = GraphConvolution(SharedGraph(normalised_adjacency(layout)), TAKES, GIVES)
    theirs = GCNConv(TAKES, GIVES)
    with torch.no_grad():
        theirs.bias.normal_()
    ours.load_state_dict({"linear.weight": theirs.lin.weight, "bias": theirs.bias})
    mine, other = nodes.clone().requires_grad_(), nodes.clone().requires_grad_()
    found = ours(mine.transpose(0, 1)).transpose(0, 1)
    edges, weights = undirected(layout)
    expected = torch.stack([theirs(patient, edges, weights) for patient in other])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    own, reference = gradients(ours, found), gradients(theirs, expected)
    torch.testing.assert_close(own["linear.weight"], reference["lin.weight"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(own["bias"], reference["bias"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(mine.grad, other.grad, atol=1e-5, rtol=1e-5)


def test_an_isomorphism_layer_equals_pygs_gin_conv(layout: GraphLayout, nodes: Tensor) -> None:
    torch.manual_seed(0)
    ours = GraphIsomorphism(SharedGraph(neighbours(layout)), TAKES, GIVES)
    theirs = GINConv(copy.deepcopy(ours.mlp), train_eps=True)  # which draws the weights anew
    theirs.nn.load_state_dict(ours.mlp.state_dict())
    with torch.no_grad():
        ours.eps.fill_(0.3)
        theirs.eps.fill_(0.3)
    edges, _ = undirected(layout)
    found = ours(nodes.transpose(0, 1)).transpose(0, 1)
    expected = torch.stack([theirs(patient, edges) for patient in nodes])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("heads", [1, 4])
def test_an_attention_layer_equals_pygs_gat_conv(layout: GraphLayout, nodes: Tensor, heads: int) -> None:
    torch.manual_seed(0)
    ours = GraphAttention(layout, TAKES, GIVES, heads)
    theirs = GATConv(TAKES, GIVES // heads, heads=heads)
    with torch.no_grad():
        theirs.bias.normal_()
        ours.linear.weight.copy_(theirs.lin.weight)
        ours.from_source.copy_(theirs.att_src[0])
        ours.from_target.copy_(theirs.att_dst[0])
        ours.bias.copy_(theirs.bias)
    edges, _ = undirected(layout)
    found = ours(nodes.transpose(0, 1)).transpose(0, 1)
    expected = torch.stack([theirs(patient, edges) for patient in nodes])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("genes", "is_sparse"), [(6, False), (60, True)])
def test_the_product_and_its_gradient_are_right_sparse_and_dense(genes: int, is_sparse: bool) -> None:
    ring = np.stack([np.arange(genes), np.roll(np.arange(genes), 1)])
    layout = GraphLayout(
        nodes=tuple(f"G{n}" for n in range(genes)), channels=("mutation",), edges=ring, weights=np.full(genes, 0.6)
    )
    matrix = normalised_adjacency(layout)
    graph = SharedGraph(matrix)
    assert (graph._sparse is not None) == is_sparse
    nodes = torch.randn(genes, 2, 700, generator=torch.Generator().manual_seed(2)).requires_grad_()
    graph(nodes).square().sum().backward()
    product = np.einsum("uv,vbd->ubd", matrix, nodes.detach().numpy())
    expected = np.einsum("uv,ubd->vbd", matrix, 2 * product)
    torch.testing.assert_close(nodes.grad, torch.from_numpy(expected).float(), atol=1e-5, rtol=1e-5)

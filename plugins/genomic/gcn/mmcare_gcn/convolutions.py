"""Graph layers over one graph that all patients share: (V, B, D) -> (V, B, D').

Nodes come first, so that a product with the graph is one product for all patients.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcare.components import GraphLayout
from mmcare_gcn.adjacency import SharedGraph, attention_edges, neighbours, normalised_adjacency

__all__ = ["GraphAttention", "GraphConvolution", "GraphIsomorphism"]


class GraphConvolution(nn.Module):
    """H' = A_hat H W + b, A_hat = D^-1/2 (A + I) D^-1/2 (Eq. 7, before its activation).

    Source: Kipf and Welling 2017, arXiv 1609.02907; equal to PyG's `GCNConv`.
    """

    def __init__(self, graph: SharedGraph, takes: int, gives: int) -> None:
        super().__init__()
        self.graph = graph
        self.linear = nn.Linear(takes, gives, bias=False)
        self.bias = nn.Parameter(torch.zeros(gives))

    def forward(self, nodes: Tensor) -> Tensor:
        """One convolution."""
        return self.graph(self.linear(nodes)) + self.bias  # type: ignore[no-any-return]

    @classmethod
    def stack(cls, layout: GraphLayout, dim: int, layers: int) -> list[nn.Module]:
        """`layers` of them over one adjacency."""
        graph = SharedGraph(normalised_adjacency(layout))
        return [cls(graph, dim, dim) for _ in range(layers)]


class GraphIsomorphism(nn.Module):
    """H' = MLP((1 + eps) H + sum of the neighbours), eps learned; the weights of edges are not used.

    The MLP is linear, LayerNorm, ReLU, linear: a sum over a hundred neighbours would else outgrow everything.

    Source: Xu et al. 2019, arXiv 1810.00826, Eq. 4.1; equal to PyG's `GINConv` of the same MLP.
    """

    def __init__(self, graph: SharedGraph, takes: int, gives: int) -> None:
        super().__init__()
        self.graph = graph
        self.eps = nn.Parameter(torch.zeros(()))
        self.mlp = nn.Sequential(nn.Linear(takes, gives), nn.LayerNorm(gives), nn.ReLU(), nn.Linear(gives, gives))

    def forward(self, nodes: Tensor) -> Tensor:
        """One layer."""
        return self.mlp((1 + self.eps) * nodes + self.graph(nodes))  # type: ignore[no-any-return]

    @classmethod
    def stack(cls, layout: GraphLayout, dim: int, layers: int) -> list[nn.Module]:
        """`layers` of them over one adjacency."""
        graph = SharedGraph(neighbours(layout))
        return [cls(graph, dim, dim) for _ in range(layers)]


class GraphAttention(nn.Module):
    """Each node the mean of its neighbours and itself, weighted by attention; the weights of edges are not used.

    alpha_ij = softmax over j of LeakyReLU(a_target W h_i + a_source W h_j), a head a slice of the width.

    Source: Velickovic et al. 2018, arXiv 1710.10903, Eq. 3 to 5; equal to PyG's `GATConv`.
    """

    source: Tensor
    target: Tensor

    def __init__(self, layout: GraphLayout, takes: int, gives: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.linear = nn.Linear(takes, gives, bias=False)
        self.from_source = nn.Parameter(torch.empty(heads, gives // heads))
        self.from_target = nn.Parameter(torch.empty(heads, gives // heads))
        self.bias = nn.Parameter(torch.zeros(gives))
        for vector in (self.from_source, self.from_target):
            nn.init.xavier_uniform_(vector)
        source, target = torch.as_tensor(attention_edges(layout), device="cpu")
        here = torch.empty(0).device
        self.register_buffer("source", source.to(here), persistent=False)
        self.register_buffer("target", target.to(here), persistent=False)

    def forward(self, nodes: Tensor) -> Tensor:
        """One layer."""
        values = self.linear(nodes)
        values = values.view(*values.shape[:2], self.heads, -1)  # (V, B, heads, D / heads)
        weights = self._attention(values)[..., None]
        messages = weights * values[self.source]
        gathered = messages.new_zeros(values.shape).index_add(0, self.target, messages)
        return gathered.flatten(2) + self.bias

    def _attention(self, values: Tensor) -> Tensor:
        """(E', B, heads), summing to 1 over the edges into each node."""
        sent, received = (values * self.from_source).sum(-1), (values * self.from_target).sum(-1)
        scores = F.leaky_relu(sent[self.source] + received[self.target], 0.2)
        nothing = torch.zeros_like(sent)
        into = self.target[:, None, None].expand_as(scores)
        largest = nothing.scatter_reduce(0, into, scores.detach(), "amax", include_self=False)
        scores = (scores - largest[self.target]).exp()
        return scores / nothing.index_add(0, self.target, scores)[self.target]

    @classmethod
    def stack(cls, layout: GraphLayout, dim: int, layers: int, heads: int) -> list[nn.Module]:
        """`layers` of them over the same edges."""
        return [cls(layout, dim, dim, heads) for _ in range(layers)]

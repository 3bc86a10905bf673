"""The graph convolutional encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmcare.components import (
    Encoder,
    GraphBatch,
    GraphLayout,
    InputLayout,
    ModalityBatch,
    TokenLayout,
    Tokens,
    masked_mean,
)
from mmcare_gcn.adjacency import SharedGraph
from mmcare_gcn.plugin import GCNConfig

__all__ = ["GCN", "GraphConvolution"]


class GraphConvolution(nn.Module):
    """H' = A_hat H W + b, A_hat = D^-1/2 (A + I) D^-1/2 (Eq. 7; Kipf and Welling 2017).

    Shapes: (B, V, D) -> (B, V, D').
    """

    def __init__(self, graph: SharedGraph, takes: int, gives: int) -> None:
        super().__init__()
        self.graph = graph
        self.linear = nn.Linear(takes, gives, bias=False)
        self.bias = nn.Parameter(torch.zeros(gives))

    def forward(self, nodes: Tensor) -> Tensor:
        """One convolution."""
        return self.graph(self.linear(nodes)) + self.bias  # type: ignore[no-any-return]


class GCN(Encoder[GCNConfig]):
    """Graph convolutions over the gene network, each followed by an activation and added to its input.

    A node starts as its gene's own vector, plus what its channels say, plus a vector for each channel that was not
    measured. A gene that was not tested stays a node, and its token is masked. `pooled` is the mean of the
    tested genes.

    Shapes: values (b, V, C) -> tokens (b, V, D), pooled (b, 1, D).
    """

    def __init__(self, config: GCNConfig, layout: InputLayout) -> None:
        super().__init__(config, layout)
        assert isinstance(layout, GraphLayout), "an encoder that takes `graph` is given a GraphLayout"
        channels = len(layout.channels)
        self.dim = config.dim
        self.tokens = TokenLayout.pooled("genome") if config.pooled else TokenLayout(names=layout.nodes)
        self.gene = nn.Parameter(0.3 * torch.randn(len(layout.nodes), config.dim))
        self.value = nn.Parameter(torch.randn(channels, config.dim))
        self.own_value = nn.Parameter(torch.randn(len(layout.nodes), channels, config.dim))
        self.not_measured = nn.Parameter(0.1 * torch.randn(channels, config.dim))
        graph = SharedGraph(layout)
        self.convolutions = nn.ModuleList(GraphConvolution(graph, config.dim, config.dim) for _ in range(config.layers))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, batch: ModalityBatch) -> Tokens:
        """Tokens of the tested genes."""
        assert isinstance(batch, GraphBatch), "a graph"
        nodes = self._nodes(batch)
        for convolution in self.convolutions:
            nodes = nodes + self.dropout(torch.relu(convolution(nodes)))
        tokens = Tokens(nodes, batch.measured.any(-1))
        return masked_mean(tokens) if self.config.pooled else tokens

    def _nodes(self, batch: GraphBatch) -> Tensor:
        values = torch.where(batch.measured, batch.values, 0.0)
        said = torch.einsum("bvc,vcd->bvd", values, self.own_value + self.value)
        return self.gene + said + (~batch.measured).to(values.dtype) @ self.not_measured

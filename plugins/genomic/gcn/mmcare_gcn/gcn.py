"""The encoder of a gene graph: graph layers over one network that all patients share."""

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
from mmcare_gcn.convolutions import GraphAttention, GraphConvolution, GraphIsomorphism
from mmcare_gcn.plugin import GCNConfig

__all__ = ["GCN"]


class GCN(Encoder[GCNConfig]):
    """Graph layers over the gene network (Eq. 7), each followed by an activation and added to its input.

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
        self.convolutions = nn.ModuleList(_layers(config, layout))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, batch: ModalityBatch) -> Tokens:
        """Tokens of the tested genes."""
        assert isinstance(batch, GraphBatch), "a graph"
        nodes = self._nodes(batch).transpose(0, 1).contiguous()
        for convolution in self.convolutions:
            new = self.dropout(torch.relu(convolution(nodes)))
            nodes = nodes + new if self.config.residual else new
        tokens = Tokens(nodes.transpose(0, 1), batch.measured.any(-1))
        return masked_mean(tokens) if self.config.pooled else tokens

    def _nodes(self, batch: GraphBatch) -> Tensor:
        values = torch.where(batch.measured, batch.values, 0.0)
        said = torch.einsum("bvc,vcd->bvd", values, self.own_value + self.value)
        return self.gene + said + (~batch.measured).to(values.dtype) @ self.not_measured


def _layers(config: GCNConfig, layout: GraphLayout) -> list[nn.Module]:
    match config.convolution:
        case "gin":
            return GraphIsomorphism.stack(layout, config.dim, config.layers)
        case "gat":
            return GraphAttention.stack(layout, config.dim, config.layers, config.heads)
    return GraphConvolution.stack(layout, config.dim, config.layers)

"""The normalised adjacency of a shared graph, and its product with the nodes of all patients at once."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from mmcare.components import GraphLayout

__all__ = ["SharedGraph", "normalised_adjacency"]


def normalised_adjacency(layout: GraphLayout) -> Tensor:
    """(V, V) D^-1/2 (A + I) D^-1/2 of the undirected graph, with PyG's normalisation and the layout's weights.

    Source: Kipf and Welling 2017, arXiv 1609.02907, Eq. 2; torch_geometric's `gcn_norm`.
    """
    from torch_geometric.nn.conv.gcn_conv import gcn_norm
    from torch_geometric.utils import to_undirected

    size = len(layout.nodes)
    edges = torch.as_tensor(layout.edges, dtype=torch.int64, device="cpu").reshape(2, -1)
    weights = torch.as_tensor(layout.weights, dtype=torch.float32, device="cpu")
    edges, weights = to_undirected(edges, weights, num_nodes=size, reduce="max")
    edges, weights = gcn_norm(edges, weights, size, add_self_loops=True)
    return torch.zeros(size, size, device="cpu").index_put((edges[1], edges[0]), weights, accumulate=True)


class SharedGraph(nn.Module):
    """Multiplies the adjacency once with (V, B * D): CSR on the CPU, dense on a GPU.

    The adjacency is decided by the layout, so it is no part of the state.
    """

    dense: Tensor

    def __init__(self, layout: GraphLayout) -> None:
        super().__init__()
        adjacency = normalised_adjacency(layout)
        here = torch.empty(0).device  # the meta device while a model is only described
        self.register_buffer("dense", adjacency.to(here), persistent=False)
        self._sparse = _csr(adjacency) if here.type == "cpu" else None

    def forward(self, nodes: Tensor) -> Tensor:
        """(B, V, D) -> (B, V, D): each node the weighted sum of its neighbours and itself."""
        size, count, width = nodes.shape
        side_by_side = nodes.transpose(0, 1).reshape(count, size * width)
        if self._sparse is not None and nodes.device.type == "cpu" and nodes.dtype == torch.float32:
            product = self._sparse @ side_by_side
        else:
            product = self.dense.to(nodes.dtype) @ side_by_side
        return product.reshape(count, size, width).transpose(0, 1)


def _csr(adjacency: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return adjacency.to_sparse_csr()

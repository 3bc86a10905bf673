"""The graph that all patients share: its edges, its normalised adjacency, and one product for all patients at once."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mmcare.components import GraphLayout

__all__ = ["SharedGraph", "attention_edges", "neighbours", "normalised_adjacency"]

Matrix = npt.NDArray[np.float64]

# Measured on one core at V = 500, B * D = 8,192. A CSR product of all columns at once runs out of the processor's cache
# and takes 35 ms where one in blocks of 1,024 takes 15; a dense one takes 25 ms, as CSR does at a density of 0.13.
_COLUMNS = 1024
_DENSE_FROM = 0.13


def normalised_adjacency(layout: GraphLayout) -> Matrix:
    """(V, V) D^-1/2 (A + I) D^-1/2 of the undirected graph, with the layout's weights.

    Source: Kipf and Welling 2017, arXiv 1609.02907, Eq. 2; equal to torch_geometric's `gcn_norm`.
    """
    with_loops = _weighted(layout) + np.eye(len(layout.nodes))
    root = 1 / np.sqrt(with_loops.sum(1))
    return root[:, None] * with_loops * root[None, :]


def neighbours(layout: GraphLayout) -> Matrix:
    """(V, V) 1 where two nodes share an edge, whatever its weight; no node is its own neighbour."""
    return (_weighted(layout) > 0).astype(np.float64)


def attention_edges(layout: GraphLayout) -> npt.NDArray[np.int64]:
    """(2, E') from a node to a node, both directions of each edge and one from each node to itself."""
    return np.stack(np.nonzero((neighbours(layout) + np.eye(len(layout.nodes))).T)[::-1])


def _weighted(layout: GraphLayout) -> Matrix:
    """(V, V) symmetric weights; of an edge that is there twice, the larger counts."""
    weights = np.zeros((len(layout.nodes), len(layout.nodes)))
    source, target = layout.edges
    np.maximum.at(weights, (source, target), layout.weights)
    weights = np.maximum(weights, weights.T)
    np.fill_diagonal(weights, 0)
    return weights


class SharedGraph(nn.Module):
    """Multiplies a symmetric (V, V) matrix once with (V, B * D): CSR where it is sparse and on the CPU, else dense.

    The matrix is decided by the layout, so it is no part of the state.
    """

    dense: Tensor

    def __init__(self, matrix: Matrix) -> None:
        super().__init__()
        here = torch.empty(0).device  # the meta device while a model is only described
        whole = torch.as_tensor(matrix, dtype=torch.float32, device="cpu")
        self.register_buffer("dense", whole.to(here), persistent=False)
        is_sparse = np.count_nonzero(matrix) < _DENSE_FROM * matrix.size
        self._sparse = _csr(whole) if is_sparse and here.type == "cpu" else None

    def forward(self, nodes: Tensor) -> Tensor:
        """(V, B, D) -> (V, B, D): each node the weighted sum over its row of the matrix."""
        count, size, width = nodes.shape
        side_by_side = nodes.reshape(count, size * width)
        if self._sparse is not None and nodes.device.type == "cpu" and nodes.dtype == torch.float32:
            product = _SymmetricProduct.apply(side_by_side, self._sparse)
        else:
            product = self.dense.to(nodes.dtype) @ side_by_side
        return product.reshape(count, size, width)


class _SymmetricProduct(torch.autograd.Function):
    """A X of a sparse symmetric A, whose gradient is A times the gradient: autograd would transpose A each time."""

    @staticmethod
    def forward(ctx: Any, nodes: Tensor, matrix: Tensor) -> Tensor:
        ctx.matrix = matrix
        return torch.cat([matrix @ block for block in nodes.split(_COLUMNS, dim=1)], dim=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return _SymmetricProduct.apply(gradient, ctx.matrix), None


def _csr(matrix: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return matrix.to_sparse_csr()

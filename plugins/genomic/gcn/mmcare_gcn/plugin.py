"""What this distribution offers; light, for listings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from mmcare.errors import Finding
from mmcare.registry import Component, EncoderConfig, Neighbours, hookimpl

__all__ = ["GCNConfig"]

MMCARE_API = 1


class GCNConfig(EncoderConfig):
    """Keys of the encoder of gene graphs."""

    dim: int = Field(64, ge=1, description="Width of nodes and tokens.")
    layers: int = Field(2, ge=1, le=16, description="Graph layers.")
    convolution: Literal["gcn", "gin", "gat"] = Field(
        "gcn",
        description="What a layer is: `gcn`, a convolution with the weights of the edges (Eq. 7); `gin`, an MLP of "
        "the neighbours' sum; `gat`, attention over the neighbours.",
    )
    heads: int = Field(4, ge=1, description="Attention heads of `gat`; they share the width.")
    residual: bool = Field(True, description="Add each layer's input to its output; Eq. 7 to the letter does not.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout rate after each layer.")

    def check(self, neighbours: Neighbours) -> list[Finding]:
        """Heads share the width evenly."""
        if self.convolution != "gat" or self.dim % self.heads == 0:
            return []
        what = f"`dim` is {self.dim} and `heads` is {self.heads}; the heads share the width evenly."
        return [Finding(key="dim", what=what, todo=f"Make `dim` a multiple of {self.heads}.", code="heads")]


@hookimpl
def mmcare_components() -> Iterator[Component]:
    """The encoder."""
    yield Component(
        kind="encoder",
        name="gcn",
        summary="A graph network (GCN, GIN or GAT) over genes that all patients share; a token a gene (Eq. 7).",
        config=GCNConfig,
        target="mmcare_gcn.gcn:GCN",
        takes="graph",
    )

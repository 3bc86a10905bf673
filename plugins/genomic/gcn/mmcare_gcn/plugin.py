"""What this distribution offers; light, for listings."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from mmcare.registry import Component, EncoderConfig, hookimpl

__all__ = ["GCNConfig"]

MMCARE_API = 1


class GCNConfig(EncoderConfig):
    """Keys of the graph convolutional encoder."""

    dim: int = Field(64, ge=1, description="Width of nodes and tokens.")
    layers: int = Field(2, ge=1, le=16, description="Graph convolutions.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout rate after each convolution.")


@hookimpl
def mmcare_components() -> Iterator[Component]:
    """The encoder."""
    yield Component(
        kind="encoder",
        name="gcn",
        summary="A graph convolutional network over a gene network that all patients share; a token a gene (Eq. 7).",
        config=GCNConfig,
        target="mmcare_gcn.gcn:GCN",
        takes="graph",
    )

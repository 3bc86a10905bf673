"""What this distribution offers; light, for listings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from mmcare.registry import Component, FusionConfig, hookimpl

__all__ = ["ConcatConfig", "CrossAttentionConfig"]

MMCARE_API = 1


class CrossAttentionConfig(FusionConfig):
    """Keys of cross-attention."""

    dim: int = Field(128, ge=1, description="Width of the tokens inside the fusion, and of the representation.")
    heads: int = Field(4, ge=1, description="Attention heads; divides `dim`.")
    steps: int = Field(2, ge=1, le=32, description="Rounds of messages between modalities.")
    self_attention: bool = Field(True, description="Self-attention within each modality before each round.")
    aggregate: Literal["mlp", "attention"] = Field(
        "mlp", description="From the modalities' means to one vector: concatenation and an MLP, or an attention block."
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout rate on messages.")

    @model_validator(mode="after")
    def _divides(self) -> CrossAttentionConfig:
        if self.dim % self.heads:
            raise ValueError(f"`dim: {self.dim}` is not divisible by `heads: {self.heads}`; change one of them")
        return self


class ConcatConfig(FusionConfig):
    """Keys of early concatenation."""

    dim: int = Field(128, ge=1, description="Width of the representation.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout rate inside the MLP.")


@hookimpl
def mmcare_components() -> Iterator[Component]:
    """The fusions."""
    yield Component(
        kind="fusion",
        name="cross-attention",
        summary="Tokens of every modality attend to those of every other, both ways, in steps (Eq. 9-15).",
        config=CrossAttentionConfig,
        target="mmcare_fusion.cross_attention:CrossAttention",
    )
    yield Component(
        kind="fusion",
        name="concat",
        summary="Early concatenation: each modality's mean token, side by side, through an MLP.",
        config=ConcatConfig,
        target="mmcare_fusion.concat:Concat",
    )

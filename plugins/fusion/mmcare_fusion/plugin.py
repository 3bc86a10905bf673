"""What this distribution offers; light, for listings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mmcare.errors import Finding
from mmcare.registry import Component, FusionConfig, Neighbours, hookimpl

__all__ = ["ConcatConfig", "CrossAttentionConfig", "LateConfig", "WeightedSumConfig"]

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


class WeightedSumConfig(FusionConfig):
    """Keys of the weighted sum."""

    dim: int = Field(128, ge=1, description="Width of the representation.")
    mixing: Literal["learned"] | Mapping[str, Annotated[float, Field(gt=0)]] = Field(
        "learned",
        description="Weight of each modality: `learned`, or a number for each by its key. Those of the modalities that "
        "a patient has are divided by their sum.",
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout rate inside the modalities' MLPs.")

    def check(self, neighbours: Neighbours) -> list[Finding]:
        """Given weights name the spec's modalities, all of them."""
        keys = [path.split(".") for path in neighbours.configs]
        modalities = [key[1] for key in keys if len(key) == 2 and key[0] == "modalities"]
        if self.mixing == "learned" or set(self.mixing) == set(modalities):
            return []
        what = f"gives weights to {', '.join(self.mixing) or 'none'}; the modalities are {', '.join(modalities)}."
        todo = "Give each of them a weight above 0, or write `mixing: learned`."
        return [Finding(key="mixing", what=what, todo=todo, code="mixing")]


class LateConfig(FusionConfig):
    """Keys of late fusion."""

    dim: int = Field(128, ge=1, description="Width of each modality's representation.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout rate on each modality's mean token.")


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
    yield Component(
        kind="fusion",
        name="weighted-sum",
        summary="Weighted sum of a vector a modality, the weights learned or given, over the modalities present.",
        config=WeightedSumConfig,
        target="mmcare_fusion.weighted_sum:WeightedSum",
    )
    yield Component(
        kind="fusion",
        name="late",
        summary="Late fusion: a head a modality, whose probabilities are averaged over the modalities present.",
        config=LateConfig,
        target="mmcare_fusion.late:Late",
    )

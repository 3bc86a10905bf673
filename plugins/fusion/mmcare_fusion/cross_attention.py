"""Adaptive cross-attention between every pair of modalities (Eq. 9-15)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import permutations
from typing import cast

import torch
from torch import Tensor, nn

from mmcare.components import AttentionMap, Fusion, Representation, TokenLayout, Tokens
from mmcare_fusion.attention import Attention
from mmcare_fusion.perceptron import perceptron
from mmcare_fusion.plugin import CrossAttentionConfig
from mmcare_fusion.summary import Summaries

__all__ = ["CrossAttention"]

Weights = dict[tuple[int, int], Tensor]
"""Attention weights (B, H, N, M) by the places of the query's and the key's modality."""


class CrossAttention(Fusion[CrossAttentionConfig]):
    """In each step F_m' = LayerNorm(F_m + sum over others n of MHA(F_m, F_n)) (Eq. 13-14), then aggregation (Eq. 15).

    All pairs update at once from the step before. Messages from several modalities are summed before LayerNorm. With
    one token a modality every weight is 1: there is nothing to choose between, which is why token sets are the default.

    Shapes: tokens (B, N_m, D_m) -> R (B, 1, D).
    """

    paths = ("joint",)

    def __init__(
        self, config: CrossAttentionConfig, layouts: Mapping[str, TokenLayout], dims: Mapping[str, int]
    ) -> None:
        super().__init__(config, layouts, dims)
        self.dim, self.names = config.dim, tuple(dims)
        self.labels = {name: layout.labels for name, layout in layouts.items()}
        # a batch of tokens is brought to one scale token by token, so that no patient is drowned by a constant
        self.project = nn.ModuleList(nn.Sequential(nn.LayerNorm(dims[n]), nn.Linear(dims[n], config.dim)) for n in dims)
        self.steps = nn.ModuleList(_Step(config, len(dims)) for _ in range(config.steps))
        self.summaries = Summaries(self.names, dict.fromkeys(self.names, config.dim))
        self.aggregate = _AGGREGATES[config.aggregate](config, len(dims))
        self._recorded: dict[str, AttentionMap] | None = None

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """The representation; absent only for a patient without any modality."""
        own = [self._projected(i, tokens[name]) for i, name in enumerate(self.names)]
        for number, step in enumerate(self.steps):
            weights: Weights | None = None if self._recorded is None else {}
            own = step(own, weights)
            self._record(number, weights or {})
        vectors, there = self.summaries(dict(zip(self.names, own, strict=True)))
        return Representation(self.aggregate(vectors)[:, None], there.any(1, keepdim=True))

    def _projected(self, place: int, tokens: Tokens) -> Tokens:
        values = torch.where(tokens.mask[..., None], tokens.values, 0.0)
        return Tokens(torch.where(tokens.mask[..., None], self.project[place](values), 0.0), tokens.mask)

    @contextmanager
    def recording(self) -> Iterator[Mapping[str, AttentionMap]]:
        """Within: forward fills the mapping with attention by the names of tokens.

        Keys are `step0.ct<-genomic` for messages to `ct` from `genomic`, and `step0.ct<-ct` for self-attention before.
        """
        self._recorded = {}
        try:
            yield self._recorded
        finally:
            self._recorded = None

    def _record(self, number: int, weights: Mapping[tuple[int, int], Tensor]) -> None:
        if self._recorded is None:
            return
        for (query, key), values in weights.items():
            names = self.names[query], self.names[key]
            seen = AttentionMap(values.detach(), *(self.labels[name] for name in names))
            self._recorded[f"step{number}.{names[0]}<-{names[1]}"] = seen


class _Step(nn.Module):
    """One round: self-attention within each modality where asked for, then messages between all pairs at once."""

    def __init__(self, config: CrossAttentionConfig, modalities: int) -> None:
        super().__init__()
        self.within = nn.ModuleList(SelfAttention(config) for _ in range(modalities if config.self_attention else 0))
        self.between = nn.ModuleDict(
            {
                f"{q}-{k}": Attention(config.dim, config.heads, config.dropout)
                for q, k in permutations(range(modalities), 2)
            }
        )
        self.norms = nn.ModuleList(nn.LayerNorm(config.dim) for _ in range(modalities))

    def forward(self, tokens: list[Tokens], weights: Weights | None) -> list[Tokens]:
        """The tokens after the round; `weights`, where there is one, is filled by (query's, key's modality)."""
        tokens = list(tokens)
        for place, module in enumerate(self.within):
            attention = cast(SelfAttention, module)
            if weights is not None:
                weights[place, place] = attention.attention.weights(tokens[place], tokens[place])
            tokens[place] = attention(tokens[place])
        return [self._updated(place, tokens, weights) for place in range(len(tokens))]

    def _updated(self, q: int, tokens: list[Tokens], weights: Weights | None) -> Tokens:
        own, total = tokens[q], tokens[q].values
        for k, other in enumerate(tokens):
            if k != q:
                attention = cast(Attention, self.between[f"{q}-{k}"])
                total = total + attention(own, other)
                if weights is not None:
                    weights[q, k] = attention.weights(own, other)
        return Tokens(torch.where(own.mask[..., None], self.norms[q](total), 0.0), own.mask)


class SelfAttention(nn.Module):
    """F' = LayerNorm(F + MHA(F, F))."""

    def __init__(self, config: CrossAttentionConfig) -> None:
        super().__init__()
        self.attention = Attention(config.dim, config.heads, config.dropout)
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, tokens: Tokens) -> Tokens:
        """The tokens, each with the others' messages."""
        values = self.norm(tokens.values + self.attention(tokens, tokens))
        return Tokens(torch.where(tokens.mask[..., None], values, 0.0), tokens.mask)


class _Concatenate(nn.Module):
    """R = MLP([F_1; ...; F_M])."""

    def __init__(self, config: CrossAttentionConfig, modalities: int) -> None:
        super().__init__()
        self.mlp = perceptron(modalities * config.dim, config.dim, config.dropout)

    def forward(self, vectors: list[Tensor]) -> Tensor:
        return self.mlp(torch.cat(vectors, dim=1))  # type: ignore[no-any-return]


class _Attend(nn.Module):
    """R = mean over modalities of a final self-attention block, then a linear map."""

    def __init__(self, config: CrossAttentionConfig, modalities: int) -> None:
        super().__init__()
        self.kind = nn.Parameter(0.1 * torch.randn(modalities, config.dim))
        self.block = SelfAttention(config)
        self.out = nn.Linear(config.dim, config.dim)

    def forward(self, vectors: list[Tensor]) -> Tensor:
        values = torch.stack(vectors, dim=1) + self.kind
        mask = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
        return self.out(self.block(Tokens(values, mask)).values.mean(1))  # type: ignore[no-any-return]


_AGGREGATES: Mapping[str, type[_Concatenate] | type[_Attend]] = {"mlp": _Concatenate, "attention": _Attend}

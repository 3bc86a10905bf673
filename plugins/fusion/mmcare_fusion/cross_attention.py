"""Adaptive cross-attention between every pair of modalities (Eq. 9-15)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mmcare.components import Fusion, Representation, TokenLayout, Tokens
from mmcare_fusion.attention import Attention
from mmcare_fusion.plugin import CrossAttentionConfig
from mmcare_fusion.summary import Summaries

__all__ = ["CrossAttention"]


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
        # a batch of tokens is brought to one scale token by token, so that no patient is drowned by a constant
        self.project = nn.ModuleList(nn.Sequential(nn.LayerNorm(dims[n]), nn.Linear(dims[n], config.dim)) for n in dims)
        self.steps = nn.ModuleList(_Step(config, len(dims)) for _ in range(config.steps))
        self.summaries = Summaries(self.names, dict.fromkeys(self.names, config.dim))
        self.aggregate = _AGGREGATES[config.aggregate](config, len(dims))
        self._recorded: dict[str, Tensor] | None = None

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        """The representation; absent only for a patient without any modality."""
        own = [self._projected(i, tokens[name]) for i, name in enumerate(self.names)]
        for number, step in enumerate(self.steps):
            own, weights = step(own)
            self._record(number, weights)
        vectors, there = self.summaries(dict(zip(self.names, own, strict=True)))
        return Representation(self.aggregate(vectors)[:, None], there.any(1, keepdim=True))

    def _projected(self, place: int, tokens: Tokens) -> Tokens:
        values = torch.where(tokens.mask[..., None], tokens.values, 0.0)
        return Tokens(torch.where(tokens.mask[..., None], self.project[place](values), 0.0), tokens.mask)

    @contextmanager
    def recording(self) -> Iterator[Mapping[str, Tensor]]:
        """Within: forward fills the mapping with weights (B, H, N_q, N_k) by name, such as `step0.ct<-genomic`."""
        self._recorded = {}
        try:
            yield self._recorded
        finally:
            self._recorded = None

    def _record(self, number: int, weights: Mapping[tuple[int, int], Tensor]) -> None:
        if self._recorded is not None:
            for (query, key), values in weights.items():
                self._recorded[f"step{number}.{self.names[query]}<-{self.names[key]}"] = values.detach()


class _Step(nn.Module):
    """One round: self-attention within each modality where asked for, then messages between all pairs."""

    def __init__(self, config: CrossAttentionConfig, modalities: int) -> None:
        super().__init__()
        self.modalities = modalities
        self.within = nn.ModuleList(_SelfAttention(config) for _ in range(modalities if config.self_attention else 0))
        self.between = nn.ModuleDict(
            {
                f"{q}-{k}": Attention(config.dim, config.heads, config.dropout)
                for q in range(modalities)
                for k in range(modalities)
                if q != k
            }
        )
        self.norms = nn.ModuleList(nn.LayerNorm(config.dim) for _ in range(modalities))

    def forward(self, tokens: list[Tokens]) -> tuple[list[Tokens], dict[tuple[int, int], Tensor]]:
        if len(self.within):
            tokens = [attention(own) for attention, own in zip(self.within, tokens, strict=True)]
        updated, weights = [], {}
        for q, own in enumerate(tokens):
            total = own.values
            for k, other in enumerate(tokens):
                if q != k:
                    message, weights[q, k] = self.between[f"{q}-{k}"](own, other)
                    total = total + message
            values = torch.where(own.mask[..., None], self.norms[q](total), 0.0)
            updated.append(Tokens(values, own.mask))
        return updated, weights


class _SelfAttention(nn.Module):
    """F' = LayerNorm(F + MHA(F, F))."""

    def __init__(self, config: CrossAttentionConfig) -> None:
        super().__init__()
        self.attention = Attention(config.dim, config.heads, config.dropout)
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, tokens: Tokens) -> Tokens:
        message, _ = self.attention(tokens, tokens)
        values = self.norm(tokens.values + message)
        return Tokens(torch.where(tokens.mask[..., None], values, 0.0), tokens.mask)


class _Concatenate(nn.Module):
    """R = MLP([F_1; ...; F_M])."""

    def __init__(self, config: CrossAttentionConfig, modalities: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(modalities * config.dim, config.dim),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.dim, config.dim),
        )

    def forward(self, vectors: list[Tensor]) -> Tensor:
        return self.mlp(torch.cat(vectors, dim=1))  # type: ignore[no-any-return]


class _Attend(nn.Module):
    """R = mean over modalities of a final self-attention block, then a linear map."""

    def __init__(self, config: CrossAttentionConfig, modalities: int) -> None:
        super().__init__()
        self.kind = nn.Parameter(0.1 * torch.randn(modalities, config.dim))
        self.block = _SelfAttention(config)
        self.out = nn.Linear(config.dim, config.dim)

    def forward(self, vectors: list[Tensor]) -> Tensor:
        values = torch.stack(vectors, dim=1) + self.kind
        mask = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
        return self.out(self.block(Tokens(values, mask)).values.mean(1))  # type: ignore[no-any-return]


_AGGREGATES: Mapping[str, type[_Concatenate] | type[_Attend]] = {"mlp": _Concatenate, "attention": _Attend}

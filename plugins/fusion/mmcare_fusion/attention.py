"""Multi-head attention over sets of tokens with masks (Eq. 9-12)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mmcare.components import Tokens

__all__ = ["Attention", "attend"]


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """softmax(Q K^T / sqrt(d)) V over the real keys (Eq. 12).

    A query without any real key receives a message of exactly 0, with weights 0.

    Args:
        query: (B, H, N, d).
        key: (B, H, M, d).
        value: (B, H, M, d).
        mask: (B, M) bool, True = real.

    Returns:
        Messages (B, H, N, d) and weights (B, H, N, M).
    """
    real = mask[:, None, None]
    logits = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    logits = logits.masked_fill(~real, -torch.inf)
    highest = logits.amax(-1, keepdim=True)
    weights = torch.exp(logits - highest.masked_fill(highest == -torch.inf, 0.0))
    total = weights.sum(-1, keepdim=True)
    weights = weights / total.masked_fill(total == 0, 1.0)
    return weights @ value, weights


class Attention(nn.Module):
    """Multi-head attention from one set of tokens to another; no biases on queries and keys are needed.

    Args:
        dim: D of both sets.
        heads: H.
        dropout: Rate on the message.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)  # no bias: a message from nobody stays 0
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tokens, keys: Tokens) -> tuple[Tensor, Tensor]:
        """Messages (B, N, D) to the queries, and weights (B, H, N, M)."""
        sent, weights = attend(
            self._split(self.query(queries.values)),
            self._split(self.key(keys.values)),
            self._split(self.value(keys.values)),
            keys.mask,
        )
        return self.dropout(self.out(sent.transpose(1, 2).flatten(2))), weights

    def _split(self, values: Tensor) -> Tensor:
        return values.unflatten(-1, (self.heads, -1)).transpose(1, 2)

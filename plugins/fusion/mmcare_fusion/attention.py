"""Multi-head attention over sets of tokens with masks (Eq. 9-12)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mmcare.components import Tokens

__all__ = ["Attention", "attend", "attention_weights"]


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(d)) V over the real keys (Eq. 12), without keeping the weights.

    A query without any real key receives a message of exactly 0.

    Args:
        query: (B, H, N, d).
        key: (B, H, M, d).
        value: (B, H, M, d).
        mask: (B, M) bool, True = real.

    Returns:
        Messages (B, H, N, d).
    """
    some = mask.any(1)
    seen = (mask | ~some[:, None])[:, None, None]  # softmax over nothing is no number: such rows are set to 0 below
    sent = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
    return torch.where(some[:, None, None, None], sent, 0.0)


def attention_weights(query: Tensor, key: Tensor, mask: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(d)) over the real keys, (B, H, N, M); 0 where there is none."""
    real = mask[:, None, None]
    logits = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    weights = torch.softmax(logits.masked_fill(~real, -torch.inf), dim=-1)
    return torch.where(real, weights, 0.0)


class Attention(nn.Module):
    """Multi-head attention from one set of tokens to another; no biases on queries and keys are needed.

    Its last map starts at 0: at first tokens keep what they are, and messages grow where they help. With a few hundred
    patients random messages are noise that training does not get rid of.

    Args:
        dim: D of both sets.
        heads: H.
        dropout: Rate on the message.

    Source: Goyal et al. 2017, arXiv 1706.02677, section 5.1, for residual branches that start at 0.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)  # no bias: a message from nobody stays 0
        nn.init.zeros_(self.out.weight)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tokens, keys: Tokens) -> Tensor:
        """Messages (B, N, D) to the queries."""
        sent = attend(
            self._split(self.query(queries.values)),
            self._split(self.key(keys.values)),
            self._split(self.value(keys.values)),
            keys.mask,
        )
        return self.dropout(self.out(sent.transpose(1, 2).flatten(2)))  # type: ignore[no-any-return]

    def weights(self, queries: Tokens, keys: Tokens) -> Tensor:
        """What `forward` weighs the keys by, (B, H, N, M)."""
        return attention_weights(self._split(self.query(queries.values)), self._split(self.key(keys.values)), keys.mask)

    def _split(self, values: Tensor) -> Tensor:
        return values.unflatten(-1, (self.heads, -1)).transpose(1, 2)

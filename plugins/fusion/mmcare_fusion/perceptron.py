"""A perceptron with one hidden layer."""

from __future__ import annotations

from torch import nn

__all__ = ["perceptron"]


def perceptron(takes: int, gives: int, dropout: float) -> nn.Sequential:
    """Linear, GELU, dropout, linear: (..., takes) -> (..., gives)."""
    return nn.Sequential(nn.Linear(takes, gives), nn.GELU(), nn.Dropout(dropout), nn.Linear(gives, gives))

"""Attention between named tokens, as the fusion records it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from mmcare.components import AttentionMap, Tokens
from mmcare.explain.explanation import AttentionFigure
from mmcare.model import Model, full_precision

__all__ = ["attention"]


def attention(model: Model, tokens: Mapping[str, Tokens]) -> tuple[AttentionFigure, ...]:
    """What the patient's tokens looked at, mean over heads; nothing of fusions without attention.

    Queries and keys that the patient does not have are left out.

    Args:
        model: The network.
        tokens: Of one patient, by modality.
    """
    with torch.no_grad(), full_precision(), model.fusion.recording() as recorded:
        model.represent(tokens)
        found = dict(recorded)
    figures = (_figure(name, seen, tokens) for name, seen in found.items())
    return tuple(figure for figure in figures if figure.queries and figure.keys)


def _figure(name: str, seen: AttentionMap, tokens: Mapping[str, Tokens]) -> AttentionFigure:
    weights = seen.weights[0].mean(0).cpu().double().numpy()
    asks, gives = name.split(".", 1)[-1].partition("<-")[::2]  # `step0.ct<-genomic`
    rows = _real(asks, tokens, len(weights)) & (weights.sum(1) > 0)
    columns = _real(gives, tokens, weights.shape[1])
    queries = tuple(query for query, real in zip(seen.queries, rows, strict=True) if real)
    keys = tuple(key for key, real in zip(seen.keys, columns, strict=True) if real)
    return AttentionFigure(name, queries, keys, weights[rows][:, columns])


def _real(modality: str, tokens: Mapping[str, Tokens], count: int) -> npt.NDArray[np.bool_]:
    """(count,) bool, which tokens the patient has, where the map's name tells whose they are."""
    if modality in tokens and tokens[modality].mask.shape[1] == count:
        return np.asarray(tokens[modality].mask[0].cpu().numpy())
    return np.ones(count, dtype=np.bool_)

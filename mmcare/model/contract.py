"""What an encoder hands over, held against its contract: a plugin's slip is named where it happens."""

from __future__ import annotations

import torch
from torch import nn

from mmcare.components import Batch, Encoder, ModalityBatch, Tokens
from mmcare.errors import Finding, PluginError, cut

__all__ = ["check_tokens"]


def check_tokens(modality: str, encoder: Encoder, tokens: object, rows: ModalityBatch, batch: Batch) -> None:  # type: ignore[type-arg]
    """Refuse tokens of another shape, without a mask, or that are no numbers.

    On a GPU numbers are looked at only outside of training: the question would stop the device at every step, and a
    loss that is no number is caught there anyway.

    Raises:
        PluginError: With the encoder, what was expected and found, and the patients of the batch.
    """
    wrong = _wrong_shape(encoder, tokens, len(rows))
    if not wrong and isinstance(tokens, Tokens) and (not encoder.training or tokens.values.device.type == "cpu"):
        wrong = _not_finite(tokens, rows, batch)
    if wrong:
        raise PluginError(_finding(modality, encoder, wrong, batch))


def _wrong_shape(encoder: Encoder, tokens: object, count: int) -> str:  # type: ignore[type-arg]
    if not isinstance(tokens, Tokens):
        return f"expected `Tokens` (values and mask), found {type(tokens).__name__}"
    expected = (count, encoder.tokens.count, encoder.dim)
    if tuple(tokens.values.shape) != expected:
        return f"expected values (b, N, D) = {expected}, found {tuple(tokens.values.shape)}"
    if tuple(tokens.mask.shape) != expected[:2] or tokens.mask.dtype != torch.bool:
        found = f"{tuple(tokens.mask.shape)} of {str(tokens.mask.dtype).removeprefix('torch.')}"
        return f"expected a mask (b, N) = {expected[:2]} of bool, found {found}"
    return ""


def _not_finite(tokens: Tokens, rows: ModalityBatch, batch: Batch) -> str:
    wrong = (tokens.mask & ~tokens.values.isfinite().all(-1)).any(1)
    if not bool(wrong.any()):
        return ""
    ids = ", ".join(batch.ids[row] for row in rows.rows[wrong].tolist())
    return f"expected numbers, found NaN or infinity in real tokens of {cut(ids)}"


def _finding(modality: str, encoder: nn.Module, wrong: str, batch: Batch) -> Finding:
    cls = type(encoder)
    return Finding(
        modality=modality,
        what=f"the encoder {cls.__module__}.{cls.__qualname__} breaks its contract: {wrong}. "
        f"Patients of the batch: {cut(', '.join(batch.ids))}.",
        todo="Tell its authors; `mmcare plugin check NAME` shows what else the contract asks.",
        code="tokens",
    )

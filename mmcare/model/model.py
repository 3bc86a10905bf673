"""The assembled network: encoders, fusion and a head for each path. Asks no part which kind it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmcare.components import (
    Batch,
    Encoder,
    Fusion,
    Head,
    Losses,
    ModalityBatch,
    OutcomeLayout,
    Outcomes,
    Prognosis,
    Representation,
    Scores,
    Split,
    Tokens,
)
from mmcare.model.contract import check_tokens
from mmcare.model.paths import average
from mmcare.model.soft_mask import SoftMask

__all__ = ["Model", "PathScores"]


@dataclass(frozen=True, slots=True)
class PathScores:
    """Scores of each path, of all B patients; `mask (B, P)` is False where a patient has no such path."""

    by_path: tuple[Scores, ...]
    mask: Tensor

    def take(self, index: Tensor) -> PathScores:
        """The rows `index` (positions or a bool mask)."""
        return PathScores(tuple(scores.take(index) for scores in self.by_path), self.mask[index])

    def to(self, device: str) -> PathScores:
        """The same scores on another device."""
        return PathScores(tuple(_to(scores, device) for scores in self.by_path), self.mask.to(device))

    @classmethod
    def cat(cls, parts: Sequence[PathScores]) -> PathScores:
        """The rows of several, in order."""
        by_path = tuple(_cat([part.by_path[path] for part in parts]) for path in range(len(parts[0].by_path)))
        return cls(by_path, torch.cat([part.mask for part in parts]))


class Model(nn.Module):
    """A network for prognosis.

    Args:
        encoders: By the spec's modality key, in the spec's order.
        fusion: None with a single modality: its pooled tokens are the representation.
        heads: One for each path, all of one config.
        outcomes: Arms, endpoints, horizons.
        masks: By modality, segmenters that are trained on with the model.
    """

    def __init__(
        self,
        encoders: Mapping[str, Encoder],
        fusion: Fusion,
        heads: Sequence[Head],
        outcomes: OutcomeLayout,
        masks: Mapping[str, SoftMask] | None = None,
    ) -> None:
        super().__init__()
        # ModuleDict refuses names that it uses itself (`values`, `train`), which a modality may have
        self.encoder_modules = nn.ModuleDict({f"modality-{name}": encoder for name, encoder in encoders.items()})
        self.mask_modules = nn.ModuleDict({f"modality-{name}": mask for name, mask in (masks or {}).items()})
        self.fusion = fusion
        self.heads = nn.ModuleList(heads)
        self.outcomes = outcomes

    @property
    def encoders(self) -> Mapping[str, Encoder]:
        """The encoders by modality."""
        return {name.removeprefix("modality-"): module for name, module in self.encoder_modules.items()}  # type: ignore[misc]

    def train(self, mode: bool = True) -> Self:
        """Training or evaluation mode; a part that is frozen whole stays in evaluation mode, statistics and all."""
        super().train(mode)
        for part in (*self.encoder_modules.values(), self.fusion, *self.heads):
            parameters = list(part.parameters())
            if parameters and not any(parameter.requires_grad for parameter in parameters):
                part.eval()
        return self

    def forward(self, batch: Batch) -> PathScores:
        """From a batch to the scores of every path."""
        return self.scores(self.represent(self.encode(batch)))

    def encode(self, batch: Batch, cached: Mapping[str, Tokens] | None = None) -> Mapping[str, Tokens]:
        """Tokens of every modality for all B patients, masked where absent; what is `cached` is taken as it is.

        An encoder runs on the rows present, and not at all where nobody has its modality.
        """
        cached = cached or {}
        return {
            name: cached[name] if name in cached else self._encode_one(name, batch.modalities.get(name), batch)
            for name in self.encoders
        }

    def represent(self, tokens: Mapping[str, Tokens]) -> Representation:
        """The fused representation (B, P, D)."""
        return self.fusion(tokens)

    def scores(self, r: Representation) -> PathScores:
        """Scores of each path's head on its slice of the representation."""
        return PathScores(tuple(head(r.values[:, path]) for path, head in enumerate(self._heads)), r.mask)

    def fit(self, outcomes: Outcomes) -> None:
        """Let every head fit what it needs before the first step, on the same training patients."""
        for head in self._heads:
            head.fit(outcomes)

    def loss(self, scores: PathScores, outcomes: Outcomes) -> Losses:
        """Sum over paths of the heads' losses, each on the patients who have that path.

        A head is asked also where nobody has its path: the other processes of a training may have rows of it.
        """
        losses = [
            head.loss(part, outcomes) if bool(mask.all()) else head.loss(part.take(mask), outcomes.take(mask))
            for head, part, mask in zip(self._heads, scores.by_path, scores.mask.unbind(1), strict=True)
        ]
        total = torch.stack([part.total for part in losses]).sum()
        names = losses[0].parts
        return Losses(total, {name: torch.stack([part.parts[name] for part in losses]).sum() for name in names})

    def risk(self, scores: PathScores) -> Tensor:
        """(B, A, E), mean over the paths present; larger is worse."""
        stacked = torch.stack([head.risk(part) for head, part in zip(self._heads, scores.by_path, strict=True)], 1)
        weight = scores.mask.to(stacked.dtype)[..., None, None]
        return torch.where(weight > 0, stacked, 0).sum(1) / weight.sum(1).clamp(min=1)

    def finish(self, scores: PathScores, outcomes: Outcomes, split: tuple[Split, ...]) -> None:
        """Let every head recalibrate on the rows of its path, after the last step."""
        for head, part, mask in zip(self._heads, scores.by_path, scores.mask.unbind(1), strict=True):
            rows = mask.nonzero()[:, 0]
            head.finish(part.take(rows), outcomes.take(rows), tuple(split[row] for row in rows.tolist()))

    def predict(self, scores: PathScores) -> Prognosis:
        """The prognosis under all arms, averaged over the paths present; NaN for a patient without any modality."""
        parts = [head.predict(part) for head, part in zip(self._heads, scores.by_path, strict=True)]
        return average(parts, scores.mask)

    @property
    def _heads(self) -> tuple[Head, ...]:
        return tuple(self.heads)  # type: ignore[arg-type]

    def _encode_one(self, name: str, rows: ModalityBatch | None, batch: Batch) -> Tokens:
        encoder, size = self.encoders[name], len(batch)
        if rows is None or len(rows) == 0:
            parameter = next(encoder.parameters(), batch.present)
            values = torch.zeros(size, encoder.tokens.count, encoder.dim, device=parameter.device)
            return Tokens(values, torch.zeros(values.shape[:2], dtype=torch.bool, device=values.device))
        alone = self.training and len(rows) == 1
        if f"modality-{name}" in self.mask_modules:
            mask = self.mask_modules[f"modality-{name}"]
            with _running_statistics(mask, alone):
                rows = cast(ModalityBatch, mask(rows))
        with _running_statistics(encoder, alone):
            tokens = encoder(rows)
        check_tokens(name, encoder, tokens, rows, batch)
        return tokens if len(rows) == size else tokens.scatter(rows.rows, size)


@contextmanager
def _running_statistics(encoder: nn.Module, alone: bool) -> Iterator[None]:
    """Within: batch norm uses its running statistics where a row is `alone`, for one row has no variance."""
    norms = [m for m in encoder.modules() if isinstance(m, _BatchNorm) and m.training] if alone else []
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for norm in norms:
            norm.train()


def _to(scores: Scores, device: str) -> Scores:
    return Scores({name: values.to(device) for name, values in scores.by_endpoint.items()})


def _cat(parts: Sequence[Scores]) -> Scores:
    return Scores({name: torch.cat([part.by_endpoint[name] for part in parts]) for name in parts[0].by_endpoint})

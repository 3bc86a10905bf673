"""The clinical MLP: linear, batch norm, activation, three times (Eq. 4-6)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmcare.components import Encoder, InputLayout, ModalityBatch, TableBatch, TableLayout, TokenLayout, Tokens
from mmcare_clinical.plugin import MLPConfig

__all__ = ["MLP"]

_ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU}


class MLP(Encoder[MLPConfig]):
    """F = act(BN(W x + b)), layer by layer.

    By default a token a feature: each feature has its own embedding (an affine map of a number, a vector a level),
    which passes through the shared MLP; a cell that was not measured is a masked token. `pooled` is the paper's letter:
    one vector of scaled numbers, one-hot levels and missing indicators through the MLP.

    Shapes: values (b, F) -> tokens (b, F, D), pooled (b, 1, D).
    """

    def __init__(self, config: MLPConfig, layout: InputLayout) -> None:
        super().__init__(config, layout)
        assert isinstance(layout, TableLayout), "an encoder that takes `table` is given a TableLayout"
        self.dim = config.hidden[-1]
        names = tuple(feature.name for feature in layout.features)
        self.tokens = TokenLayout.pooled("table") if config.pooled else TokenLayout(names=names)
        self.embedding = _OneVector(layout) if config.pooled else _PerFeature(layout, config.hidden[0])
        self.layers = _layers(config, self.embedding.width)

    def forward(self, batch: ModalityBatch) -> Tokens:
        """Tokens; batch norm sees real tokens only."""
        assert isinstance(batch, TableBatch), "a table"
        embedded, mask = self.embedding(batch)
        if not bool(mask.any()):
            return Tokens(embedded.new_zeros(*mask.shape, self.dim), mask)
        real = self.layers(embedded[mask])
        # of the type that the layers give: under mixed precision not that of the embedding
        return Tokens(real.new_zeros(*mask.shape, self.dim).masked_scatter(mask[..., None], real), mask)


class _PerFeature(nn.Module):
    """An embedding a feature: slope and intercept of a number, a vector for each level of a category."""

    def __init__(self, layout: TableLayout, width: int) -> None:
        super().__init__()
        self.width = width
        sizes = [max(1, len(feature.levels)) for feature in layout.features]
        self.slope = nn.Parameter(torch.randn(len(sizes), width))
        self.levels = nn.Parameter(torch.randn(sum(sizes), width))
        starts = torch.tensor([0, *sizes[:-1]]).cumsum(0) if sizes else torch.zeros(0, dtype=torch.int64)
        numbers = torch.tensor([not feature.levels for feature in layout.features])
        self.register_buffer("starts", starts, persistent=False)
        self.register_buffer("numbers", numbers, persistent=False)

    starts: Tensor
    numbers: Tensor

    def forward(self, batch: TableBatch) -> tuple[Tensor, Tensor]:
        values = torch.where(batch.measured, batch.values, 0.0)
        level = torch.where(self.numbers, 0, values.long())
        constant = self.levels[self.starts + level]
        slope = torch.where(self.numbers, values, 0.0)[..., None] * self.slope
        return slope + constant, batch.measured


class _OneVector(nn.Module):
    """The whole table as one vector: numbers, one-hot levels, and for each feature whether it is missing."""

    def __init__(self, layout: TableLayout) -> None:
        super().__init__()
        self.sizes = [len(feature.levels) for feature in layout.features]
        self.width = sum(max(1, size) for size in self.sizes) + len(self.sizes)

    def forward(self, batch: TableBatch) -> tuple[Tensor, Tensor]:
        parts = [(~batch.measured).to(batch.values.dtype)]
        values = torch.where(batch.measured, batch.values, 0.0)
        for column, size in enumerate(self.sizes):
            cell = values[:, column]
            parts.append(cell[:, None] if not size else self._one_hot(cell, batch.measured[:, column], size))
        vector = torch.cat(parts, dim=1)[:, None]
        return vector, torch.ones(vector.shape[:2], dtype=torch.bool, device=vector.device)

    @staticmethod
    def _one_hot(cell: Tensor, measured: Tensor, size: int) -> Tensor:
        return nn.functional.one_hot(cell.long(), size).to(cell.dtype) * measured[:, None]


def _layers(config: MLPConfig, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in config.hidden:
        layers += [nn.Linear(width, size), nn.BatchNorm1d(size), _ACTIVATIONS[config.activation]()]
        if config.dropout:
            layers.append(nn.Dropout(config.dropout))
        width = size
    return nn.Sequential(*layers)

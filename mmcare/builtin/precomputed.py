"""Ready-made tokens: embeddings that were computed elsewhere, as a modality and the encoder that hands them on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mmcare.builtin.plugin import PassTokensConfig, PrecomputedConfig
from mmcare.builtin.token_files import NamedTokens, read_array, read_rows
from mmcare.components import (
    Absent,
    Encoder,
    Fitted,
    InputLayout,
    Modality,
    ModalityBatch,
    Prepared,
    Region,
    Source,
    TokenBatch,
    TokenLayout,
    Tokens,
    TokensLayout,
    masked_mean,
)
from mmcare.errors import CohortError, Finding, Severity, cut

__all__ = ["PassTokens", "Precomputed"]

_STAND_IN_TOKENS, _STAND_IN_WIDTH = 5, 7


class Precomputed(Modality[PrecomputedConfig]):
    """Tokens from files, under the cohort's entry `tokens`.

    `tokens: embeddings/{patient}.npy` names an array a patient, (N, D) or (D,), float; `tokens: embeddings.csv` one
    table for all: the patients' id column, optionally a column `token` with the token's name (one row a token), and
    numbers. D is the same for all; a patient who lacks a token that others have has it masked.
    """

    def files(self, source: Source, patient: str) -> tuple[Path, ...]:
        """The patient's array; a table is parsed once a cohort and not cached."""
        path = source.path("tokens", patient)
        return (path,) if path is not None and path.suffix == ".npy" and path.is_file() else ()

    def read(self, source: Source, patient: str) -> NamedTokens | Absent:
        """The patient's tokens by name."""
        path = source.path("tokens", patient) or source.file("tokens")
        if path.suffix == ".npy":
            return read_array(path) if path.is_file() else Absent("no file of tokens")
        rows = source.table(source.entry["tokens"], source.id).get(patient, ())
        return read_rows(path, source.id, patient, rows) if rows else Absent("no row in the table of tokens")

    def prepare(self, raw: NamedTokens, region: Region | None) -> Prepared:
        """As read."""
        return Prepared({"names": list(raw.names)}, {"values": raw.values})

    def fit(self, source: Source, training: Iterable[Prepared]) -> Fitted:
        """Names of the tokens, their width, and mean and SD of each dimension.

        Raises:
            CohortError: Patients' tokens differ in width, or no training patient has any.
        """
        items = list(training)
        widths = Counter(_values(item).shape[1] for item in items)
        if len(widths) != 1:
            found = ", ".join(f"{width} ({count} patients)" for width, count in widths.items()) or "none"
            what = f"tokens have one width for all training patients; found: {found}."
            raise CohortError(Finding(file=source.root / source.entry["tokens"], what=what, code="token-width"))
        stacked = np.concatenate([_values(item) for item in items]).astype(np.float64)
        mean, sd = stacked.mean(0), stacked.std(0)
        names = list(dict.fromkeys(name for item in items for name in _names(item)))
        return Fitted({"names": names}, {"mean": mean, "sd": np.where(sd > 0, sd, 1.0)})

    def layout(self, fitted: Fitted | None) -> TokensLayout:
        """N tokens of width D; stand-ins without data."""
        if fitted is None:
            letters = {_STAND_IN_TOKENS: "N", _STAND_IN_WIDTH: "D"}
            names = tuple(f"token {i}" for i in range(_STAND_IN_TOKENS))
            return TokensLayout(names=names, dim=_STAND_IN_WIDTH, letters=letters)
        return TokensLayout(names=_fitted_names(fitted), dim=len(fitted.arrays["mean"]))

    def collate(self, items: Sequence[Prepared], rows: Tensor, fitted: Fitted) -> TokenBatch:
        """Tokens at the places of their names; a name unseen in training has none.

        Raises:
            CohortError: A patient's tokens have another width than in training.
        """
        place = {name: i for i, name in enumerate(_fitted_names(fitted))}
        mean, sd = _moments(fitted)
        values = torch.zeros(len(items), len(place), len(mean))
        mask = torch.zeros(values.shape[:2], dtype=torch.bool)
        for row, item in enumerate(items):
            _check_width(item, len(mean))
            scaled = (_values(item) - mean) / sd if self.config.standardize else _values(item)
            known = [i for i, name in enumerate(_names(item)) if name in place]
            places = [place[_names(item)[i]] for i in known]
            values[row, places] = torch.as_tensor(scaled[known], dtype=torch.float32)
            mask[row, places] = True
        return TokenBatch(rows=rows, values=values, mask=mask)

    def findings(self, items: Mapping[str, Prepared], fitted: Fitted) -> list[Finding]:
        """Tokens whose name was not seen in training, and so have no place."""
        known = set(_fitted_names(fitted))
        lost = Counter(name for item in items.values() for name in _names(item) if name not in known)
        if not lost:
            return []
        some = cut(", ".join(name for name, _ in lost.most_common(3)))
        what = f"{sum(lost.values())} tokens have names that were not seen in training ({some}): they are left out."
        return [Finding(what=what, severity=Severity.WARNING, code="unseen-token")]


class PassTokens(Encoder[PassTokensConfig]):
    """Ready-made tokens as they are; `pooled` gives their mean. It has no parameters: the fusion projects them.

    Shapes: values (b, N, D), mask (b, N) -> the same; pooled (b, 1, D).
    """

    def __init__(self, config: PassTokensConfig, layout: InputLayout) -> None:
        super().__init__(config, layout)
        assert isinstance(layout, TokensLayout), "an encoder that takes `tokens` is given a TokensLayout"
        self.dim = layout.dim
        self.tokens = TokenLayout.pooled("tokens") if config.pooled else TokenLayout(names=layout.names)

    def forward(self, batch: ModalityBatch) -> Tokens:
        """The batch's tokens, 0 behind the mask."""
        assert isinstance(batch, TokenBatch), "tokens"
        values = torch.where(batch.mask[..., None], batch.values, 0.0)
        tokens = Tokens(values, batch.mask)
        return masked_mean(tokens) if self.config.pooled else tokens


def _names(item: Prepared) -> list[str]:
    return cast("list[str]", item.values["names"])


def _values(item: Prepared) -> npt.NDArray[np.float32]:
    return cast("npt.NDArray[np.float32]", item.arrays["values"])


def _fitted_names(fitted: Fitted) -> tuple[str, ...]:
    return tuple(cast("list[str]", fitted.values["names"]))


def _moments(fitted: Fitted) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and SD of each dimension, (D,)."""
    return fitted.arrays["mean"].astype(np.float64), fitted.arrays["sd"].astype(np.float64)


def _check_width(item: Prepared, width: int) -> None:
    found = _values(item).shape[1]
    if found != width:
        what = f"the tokens have {found} numbers each, and had {width} in training."
        raise CohortError(Finding(what=what, todo="Make them with the same model.", code="token-width"))

"""The model asked about many altered copies of one patient: only what changed is computed again.

Tokens of what does not change are computed once; those of altered features once for each distinct row; fusion and head
run on all rows, many at once, and on no token that is masked in all of them: most of an image's tokens lie outside the
region.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mmcare.components import Batch, Modality, ModalityBatch, OutcomeLayout, Prognosis, Tokens
from mmcare.explain.background import Background
from mmcare.explain.explanation import Target
from mmcare.explain.players import Players, Seat
from mmcare.explain.targets import read_targets
from mmcare.model import Model, full_precision
from mmcare.model.paths import average_members
from mmcare.run import Predictor

__all__ = ["AlteredRows", "EnsembleRows", "NetworkRows", "PredictorRows", "Setting"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Setting:
    """One patient, those it is set against, and what is asked.

    Attributes:
        batch: The patient alone.
        background: K training patients.
        players: P of the patient.
        modalities: By key.
        targets: T outputs.
        outcomes: What they are.
        rows_at_once: How many rows are computed together.
    """

    batch: Batch
    background: Background
    players: Players
    modalities: Mapping[str, Modality[Any]]
    targets: tuple[Target, ...]
    outcomes: OutcomeLayout
    rows_at_once: int = 256


class AlteredRows(ABC):
    """Values of coalitions of one patient's players against background patients, computed on a device."""

    def __init__(self, setting: Setting, device: torch.device) -> None:
        self.setting, self.device = setting, device
        self.batch, self.players = setting.batch.to(device), setting.players
        self.inputs = {name: rows.to(device) for name, rows in setting.background.inputs.items()}

    def __call__(self, coalitions: Bools, who: Ints) -> Floats:
        """(R, T) from coalitions (R, P) and places of background patients (R,)."""
        parts, at_once = [np.zeros((0, len(self.setting.targets)))], self.setting.rows_at_once
        with torch.no_grad(), full_precision():
            for at in range(0, len(who), at_once):
                here = slice(at, at + at_once)
                keep = torch.from_numpy(coalitions[here]).to(self.device)
                parts.append(self._values(keep, torch.from_numpy(who[here]).to(self.device)).cpu().numpy())
        return np.concatenate(parts)

    def _values(self, keep: Tensor, who: Tensor) -> Tensor:
        return read_targets(self.prognosis(keep, who), self.setting.targets, self.setting.outcomes)

    @abstractmethod
    def prognosis(self, keep: Tensor, who: Tensor) -> Prognosis:
        """Of coalitions (R, P) against background patients (R,)."""

    def altered(self, seat: Seat, keep: Tensor, who: Tensor) -> ModalityBatch:
        """The rows of a modality, its players' own where they are kept."""
        rows = torch.arange(len(who), device=self.device)
        own = self.batch.modalities[seat.modality].take(torch.zeros_like(rows), rows)
        if seat.kind == "held":
            return own
        theirs = self.inputs[seat.modality].take(who, rows)
        if seat.kind == "features":
            return self.setting.modalities[seat.modality].replace(own, keep, theirs)
        mine, others = keep[:, 0].nonzero()[:, 0], (~keep[:, 0]).nonzero()[:, 0]
        return _interleaved(own.take(mine, mine), theirs.take(others, others))


class NetworkRows(AlteredRows):
    """Rows of a network, which may be a member of an ensemble."""

    def __init__(self, model: Model, setting: Setting, member: int = 0) -> None:
        super().__init__(setting, next(model.parameters()).device)
        self.model, self.member = model, member
        self.seats = {seat.modality: seat for seat in self.players.seats}
        with torch.no_grad(), full_precision():
            self.own = model.encode(self.batch)
            self.given = self._given()

    def prognosis(self, keep: Tensor, who: Tensor) -> Prognosis:
        """Of coalitions (R, P) against background patients (R,)."""
        return self.model.predict(self.model.scores(self.model.represent(self.tokens(keep, who))))

    def tokens(self, keep: Tensor, who: Tensor) -> Mapping[str, Tokens]:
        """Every modality's tokens of R rows."""
        return {name: self._tokens(name, keep, who) for name in self.model.encoders}

    def _tokens(self, name: str, keep: Tensor, who: Tensor) -> Tokens:
        seat = self.seats.get(name)
        if seat is None or seat.kind == "held":
            return self.given[name].take(torch.zeros_like(who))
        if seat.kind == "whole":
            return self.given[name].take(torch.where(keep[:, seat.places.start], 0, who + 1))
        return self._encoded(seat, keep[:, seat.places], who)

    def _given(self) -> Mapping[str, Tokens]:
        """By modality that is not altered feature by feature: the patient's tokens, then those of the background."""
        seats = {name: self.seats.get(name) for name in self.own}
        fixed = [name for name, seat in seats.items() if seat is None or seat.kind != "features"]
        given = {n: self._both(seat) if (seat := seats[n]) and seat.kind == "whole" else self.own[n] for n in fixed}
        fewer = {name: _without_padding(tokens) for name, tokens in given.items()}
        shorter = any(fewer[name].values.shape != tokens.values.shape for name, tokens in given.items())
        return fewer if shorter and self._takes(fewer) else given

    def _takes(self, fewer: Mapping[str, Tokens]) -> bool:
        """Whether the fusion takes tokens for the sets that they are: it is asked about the patient in both ways."""
        first = torch.zeros(1, dtype=torch.int64, device=self.device)
        whole = self.model.represent(self.own)
        try:
            found = self.model.represent({**self.own, **{name: tokens.take(first) for name, tokens in fewer.items()}})
        except Exception:  # one that counts on its layout fails in a way of its own
            return False
        there = whole.mask
        return torch.equal(there, found.mask) and torch.allclose(
            whole.values[there], found.values[there], rtol=1e-4, atol=1e-5
        )

    def _encoded(self, seat: Seat, keep: Tensor, who: Tensor) -> Tokens:
        """Tokens of altered features, each distinct row encoded once."""
        distinct, of = torch.unique(torch.cat([keep.long(), who[:, None]], dim=1), dim=0, return_inverse=True)
        rows = self.altered(seat, distinct[:, :-1].bool(), distinct[:, -1])
        return self._encode(seat.modality, rows).take(of)

    def _encode(self, name: str, rows: ModalityBatch) -> Tokens:
        size = len(rows)
        batch = replace(
            self.batch,
            modalities={name: rows},
            present=self.batch.present.expand(size, -1),
            ids=self.batch.ids * size,
        )
        others = {other: tokens for other, tokens in self.own.items() if other != name}
        return self.model.encode(batch, others)[name]

    def background_tokens(self, seat: Seat) -> Tokens:
        """Tokens of the K background patients."""
        kept = self.setting.background.tokens.get(seat.modality)
        if kept is None:
            with torch.no_grad(), full_precision():
                return self._encode(seat.modality, self.inputs[seat.modality])
        own = kept[self.member]
        return Tokens(own.values.to(self.device), own.mask.to(self.device))

    def _both(self, seat: Seat) -> Tokens:
        """The patient's tokens, then those of the K background patients."""
        own, theirs = self.own[seat.modality], self.background_tokens(seat)
        return Tokens(torch.cat([own.values, theirs.values]), torch.cat([own.mask, theirs.mask]))


class EnsembleRows(AlteredRows):
    """Rows of several networks: the mean of their probabilities."""

    def __init__(self, members: Sequence[NetworkRows]) -> None:
        super().__init__(members[0].setting, members[0].device)
        self.members = tuple(members)

    def prognosis(self, keep: Tensor, who: Tensor) -> Prognosis:
        """Of coalitions (R, P) against background patients (R,)."""
        return average_members([member.prognosis(keep, who) for member in self.members])


class PredictorRows(AlteredRows):
    """Rows of a model that is asked as a whole: a baseline."""

    def __init__(self, predictor: Predictor, setting: Setting) -> None:
        super().__init__(setting, torch.device("cpu"))
        self.predictor = predictor

    def prognosis(self, keep: Tensor, who: Tensor) -> Prognosis:
        """Of coalitions (R, P) against background patients (R,)."""
        rows = {s.modality: self.altered(s, keep[:, s.places], who) for s in self.players.seats}
        size = len(who)
        batch = replace(
            self.batch, modalities=rows, present=self.batch.present.expand(size, -1), ids=self.batch.ids * size
        )
        return self.predictor.prognosis(batch)


def _without_padding(tokens: Tokens) -> Tokens:
    """Without tokens that are masked in every row; one stays in any case."""
    real = tokens.mask.any(0)
    real[0] |= ~real.any()
    return Tokens(tokens.values[:, real], tokens.mask[:, real])


def _interleaved(mine: ModalityBatch, others: ModalityBatch) -> ModalityBatch:
    """The rows of two batches of one class, in the order of their `rows`."""
    order = torch.cat([mine.rows, others.rows]).argsort()
    changes = {}
    for name in type(mine).__dataclass_fields__:
        one, other = getattr(mine, name), getattr(others, name)
        if isinstance(one, Tensor):
            changes[name] = torch.cat([one, other])[order]
    return replace(mine, **changes)

"""Who plays for a patient: the features of the modalities it has, and whole images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from mmcare.components import Batch, Feature, Fitted, Modality, ModalityBatch, Prepared
from mmcare.explain.background import Background, same_rows

__all__ = ["PRESENT", "Players", "Seat", "differing", "seat_players"]

PRESENT = "present"
"""The value of a player that is a whole modality."""


@dataclass(frozen=True)
class Seat:
    """The players of one modality.

    Attributes:
        modality: Key.
        kind: `features`, each by itself; `whole`, one player; `held`, none: as the patient has it in every coalition.
        places: Their places among all P players.
        features: Their names; that of a whole modality is its key.
        raw: Their values as a person would write them.
    """

    modality: str
    kind: Literal["features", "whole", "held"]
    places: slice
    features: tuple[Feature, ...] = ()
    raw: tuple[float | str | None, ...] = ()


@dataclass(frozen=True)
class Players:
    """All players of one patient, in the order of the spec's modalities and their features."""

    seats: tuple[Seat, ...]

    @property
    def count(self) -> int:
        """P."""
        return sum(len(seat.features) for seat in self.seats)

    def playing(self) -> Iterator[Seat]:
        """The modalities that have players."""
        return (seat for seat in self.seats if seat.features)

    def held(self) -> tuple[str, ...]:
        """The modalities that the patient has and that do not play."""
        return tuple(seat.modality for seat in self.seats if seat.kind == "held")


def seat_players(
    modalities: Mapping[str, Modality[Any]],
    fitted: Mapping[str, Fitted],
    items: Mapping[str, Prepared],
    background: Background,
) -> Players:
    """The players of a patient who has the modalities of `items`.

    A modality of which the background holds nothing is held as it is.
    """
    seats: list[Seat] = []
    for name, modality in modalities.items():
        if name not in items:
            continue
        start = sum(len(seat.features) for seat in seats)
        features = modality.features(fitted[name])
        if features and name in background.inputs:
            raw = modality.raw_values(items[name], fitted[name])
            seats.append(Seat(name, "features", slice(start, start + len(features)), features, raw))
        elif name in background.inputs or name in background.tokens:
            seats.append(Seat(name, "whole", slice(start, start + 1), (Feature(name),), (PRESENT,)))
        else:
            seats.append(Seat(name, "held", slice(start, start)))
    return Players(tuple(seats))


def differing(
    players: Players, modalities: Mapping[str, Modality[Any]], batch: Batch, background: Background
) -> torch.Tensor:
    """(K, P) bool, in which players the one patient of `batch` differs from each background patient."""
    count = len(background.numbers)
    parts = [torch.ones(count, 0, dtype=torch.bool)]
    for seat in players.playing():
        if seat.kind == "whole":
            parts.append(torch.ones(count, 1, dtype=torch.bool))
        else:
            own, other = batch.modalities[seat.modality], background.inputs[seat.modality]
            parts.append(_differing(modalities[seat.modality], own, other, len(seat.features)))
    return torch.cat(parts, dim=1)


def _differing(modality: Modality[Any], own: ModalityBatch, background: ModalityBatch, players: int) -> torch.Tensor:
    """(K, F): a player differs where taking it from the background changes the patient's row."""
    count = len(background)
    who, player = torch.arange(count).repeat_interleave(players), torch.arange(players).repeat(count)
    rows = torch.arange(len(who))
    theirs = background.take(who, rows)
    mine = modality.replace(own.take(torch.zeros_like(who), rows), torch.ones(len(who), players) > 0, theirs)
    keep = torch.arange(players)[None] != player[:, None]
    without = modality.replace(own.take(torch.zeros_like(who), rows), keep, theirs)
    return ~same_rows(mine, without).reshape(count, players)

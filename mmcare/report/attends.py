"""What each modality's tokens looked at inside the fusion: the strongest pairs of each direction, by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from mmcare.components import VolumeBatch
from mmcare.decision.networks import networks_of
from mmcare.explain import AttentionFigure
from mmcare.explain.algorithm.attention import attention
from mmcare.model import Model
from mmcare.report.case import Case
from mmcare.report.part import Part

__all__ = ["Attention", "AttentionDirection", "AttentionPair", "attends", "direction_of"]

STRONGEST = 5
_NAMED = re.compile(r"step(\d+)\.(.+)<-(.+)", re.DOTALL)
_SIDES = {"R": "right", "L": "left", "A": "front", "P": "back", "S": "head", "I": "feet"}


class AttentionPair(Part):
    """A token that asks, one that it looks at, and the share of its attention, mean over heads."""

    query: str
    key: str
    weight: float


class AttentionDirection(Part):
    """Messages to one modality from another, or within one.

    Attributes:
        round: Of the messages, from 1; 0 where the fusion does not count.
        asks: Key of the modality whose tokens ask. gives: Of the one looked at; empty where the fusion names no two.
        queries: How many tokens ask. keys: How many there are to look at.
        even: The share that each would have if all had the same.
        pairs: The strongest, the largest first.
    """

    round: int
    asks: str
    gives: str
    queries: int
    keys: int
    even: float
    pairs: tuple[AttentionPair, ...]


class Attention(Part):
    """All directions in which there was a choice.

    Attributes:
        directions: In the fusion's order.
        notes: What a token of an image is, who had nothing to choose from, whose attention it is.
    """

    directions: tuple[AttentionDirection, ...]
    notes: tuple[str, ...] = ()


def attends(case: Case) -> Attention | None:
    """The attention of the run's fusion over the patient's tokens; None of a fusion that has none.

    Of an ensemble, that of its first member.
    """
    networks = networks_of(case.run.predictor)
    if not networks or case.is_empty:
        return None
    found = attention(networks[0], networks[0].encode(case.batch))
    if not found:
        return None
    directions = tuple(direction_of(figure) for figure in found if len(figure.keys) > 1)
    notes = [*_alone(found), *_cells(case, networks[0])]
    if len(networks) > 1:
        notes.append(f"The run is an ensemble of {len(networks)} networks; this is the attention of the first.")
    return Attention(directions=directions, notes=tuple(notes))


def direction_of(figure: AttentionFigure) -> AttentionDirection:
    """The strongest pairs of one map; of equal ones those that come first."""
    named = _NAMED.fullmatch(figure.name)
    order = np.argsort(-figure.weights, axis=None, kind="stable")[:STRONGEST]
    places = zip(*np.unravel_index(order, figure.weights.shape), strict=True)
    return AttentionDirection(
        round=int(named[1]) + 1 if named else 0,
        asks=named[2] if named else figure.name,
        gives=named[3] if named else "",
        queries=len(figure.queries),
        keys=len(figure.keys),
        even=1 / len(figure.keys),
        pairs=tuple(
            AttentionPair(query=figure.queries[q], key=figure.keys[k], weight=round(float(figure.weights[q, k]), 6))
            for q, k in places
        ),
    )


def _alone(found: Sequence[AttentionFigure]) -> Iterator[str]:
    """Directions that are left out: a single token has all the attention."""
    single = dict.fromkeys(named[3] for f in found if len(f.keys) == 1 and (named := _NAMED.fullmatch(f.name)))
    for name in single:
        yield f"{name} is one token: what looks at it has nothing to choose from, and is left out."


def _cells(case: Case, model: Model) -> Iterator[str]:
    """What the numbers of an image's tokens count."""
    from nibabel.orientations import aff2axcodes

    for name, encoder in model.encoders.items():
        rows, grid = case.batch.modalities.get(name), encoder.tokens.grid
        if isinstance(rows, VolumeBatch) and grid is not None and np.prod(grid) > 1:
            sides = ", ".join(_SIDES[code] for code in aff2axcodes(rows.affine[0].cpu().numpy()))
            size = " x ".join(map(str, grid))
            yield (
                f"A token of {name} is one of {size} parts of the image that the model was given; its numbers count"
                f" from 0 towards {sides}."
            )

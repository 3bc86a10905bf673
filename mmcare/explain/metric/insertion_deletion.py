"""Insertion and deletion: players that matter most by an explanation must move the prediction first.

Deletion takes the patient's own values away, the one with the greatest |SHAP| first, and those of a background patient
come in their place; insertion starts from the background patient. The prediction's way from one end to the other is
compared with that in random orders.

Source: Petsiuk et al. 2018, arXiv 1806.07421.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.explain.algorithm.shapley import Value

__all__ = ["Faithfulness", "insertion_deletion"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """How soon the prediction moves, for one patient and target.

    Each figure is the mean over steps of |prediction - where it started|, in the target's unit: the sooner it moves,
    the greater.

    Attributes:
        deletion: In the explanation's order. insertion: Likewise.
        random_deletion: Mean over random orders. random_insertion: Likewise.
    """

    deletion: float
    insertion: float
    random_deletion: float
    random_insertion: float


def insertion_deletion(
    value: Value, shares: Floats, background: int, generator: np.random.Generator, orders: int = 4
) -> Faithfulness:
    """Walk from the patient to the background and back.

    Args:
        value: From coalitions and background patients to the target, (R, 1).
        shares: (P,), Shapley values of the players.
        background: K; the prediction is the mean over all of them.
        generator: Of the random orders.
        orders: How many.
    """
    explained = np.argsort(-np.abs(shares), kind="stable")
    ways = [explained, *(generator.permutation(len(shares)) for _ in range(orders))]
    walked = np.array([_walk(value, order, background) for order in ways])
    return Faithfulness(
        deletion=float(walked[0, 0]),
        insertion=float(walked[0, 1]),
        random_deletion=float(walked[1:, 0].mean()),
        random_insertion=float(walked[1:, 1].mean()),
    )


def _walk(value: Value, order: Ints, background: int) -> tuple[float, float]:
    """Mean distance from the start, deleting and inserting in this order."""
    rank = np.argsort(order)
    inserted = rank[None] < np.arange(len(order) + 1)[:, None]
    rows = np.concatenate([~inserted, inserted])
    who = np.tile(np.arange(background), len(rows))
    values = value(np.repeat(rows, background, axis=0), who)[:, 0].reshape(2, len(order) + 1, background).mean(2)
    moved = np.abs(values - values[:, :1])[:, 1:].mean(1)
    return float(moved[0]), float(moved[1])

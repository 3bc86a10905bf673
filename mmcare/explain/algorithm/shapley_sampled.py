"""Shapley values from orders drawn at random, each with its reverse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["SampledShares", "chain_coalitions", "draw_orders", "shapley_sampled"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SampledShares:
    """Shapley values estimated from pairs of orders.

    Attributes:
        values: (P, T); the columns sum exactly to the value of all players less that of none.
        variance: (P, T) of each value, from the spread between pairs; NaN from a single pair.
    """

    values: Floats
    variance: Floats


def draw_orders(players: int, pairs: int, generator: np.random.Generator) -> Ints:
    """(2 * pairs, P), random orders of the players, each followed by its reverse.

    A player that came early comes late in the reverse: what it does alone and what it does beside the others balance.

    Source: Mitchell et al. 2022, Sampling permutations for Shapley value estimation, JMLR 23(43).
    """
    orders = np.stack([generator.permutation(players) for _ in range(pairs)])
    return np.stack([orders, orders[:, ::-1]], axis=1).reshape(2 * pairs, players)


def chain_coalitions(orders: Ints) -> Bools:
    """(O, P - 1, P) bool, the coalitions between nobody and everybody as the players of each order come."""
    rank = np.argsort(orders, axis=1)
    return np.asarray(rank[:, None, :] < np.arange(1, orders.shape[1])[None, :, None])


def shapley_sampled(orders: Ints, values: Floats, empty: Floats, full: Floats) -> SampledShares:
    """The mean contribution of each player over the orders.

    Args:
        orders: (O, P) of `draw_orders`.
        values: (O, P - 1, T), the values of `chain_coalitions`.
        empty: (T,), the value of no player. full: (T,), of all.
    """
    count, players = orders.shape
    ends = [np.broadcast_to(end, (count, 1, len(end))) for end in (empty, full)]
    gained = np.diff(np.concatenate([ends[0], values, ends[1]], axis=1), axis=1)
    shares = np.empty_like(gained)
    np.put_along_axis(shares, orders[:, :, None], gained, axis=1)
    pairs = shares.reshape(count // 2, 2, players, -1).mean(1)
    # one pair alone tells nothing of the spread
    variance = pairs.var(0, ddof=1) / len(pairs) if len(pairs) > 1 else np.full(pairs.shape[1:], np.nan)
    return SampledShares(pairs.mean(0), variance)

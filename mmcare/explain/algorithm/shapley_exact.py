"""Shapley values from the values of all coalitions."""

from __future__ import annotations

from math import factorial

import numpy as np
import numpy.typing as npt

__all__ = ["all_coalitions", "shapley_exact"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def all_coalitions(players: int) -> Bools:
    """(2^P, P) bool, every coalition once; row n holds the bits of n, the first player's the lowest."""
    return (np.arange(2**players)[:, None] >> np.arange(players)) & 1 == 1


def shapley_exact(values: Floats) -> Floats:
    """Each player's mean contribution over all orders in which the players can come (Eq. 21).

    phi_i = sum over coalitions S without i of |S|! (P - |S| - 1)! / P! (v(S with i) - v(S)).

    Args:
        values: (2^P, T), the value of each coalition in the order of `all_coalitions`, for T targets.

    Returns:
        (P, T); the columns sum to the value of all players less that of none.

    Source: Shapley 1953, doi 10.1515/9781400881970-018.
    """
    players = len(values).bit_length() - 1
    if len(values) != 2**players:
        raise ValueError(f"{len(values)} values are not one for each coalition of some players")
    coalitions = all_coalitions(players)
    sizes = coalitions.sum(1)
    weights = np.array([factorial(n) * factorial(players - n - 1) / factorial(players) for n in range(players)])
    shares = np.empty((players, values.shape[1]))
    for player in range(players):
        without = np.flatnonzero(~coalitions[:, player])
        gained = values[without | (1 << player)] - values[without]
        shares[player] = weights[sizes[without]] @ gained
    return shares

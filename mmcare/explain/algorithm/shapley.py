"""Shapley values against several background patients: a game a patient, exact where it is small, sampled where not.

In the game against one background patient a coalition is a patient who has the players' own values and the background
patient's others. A player who is alike in both has nothing to give, and is left out: two genomes differ in a few
genes. The Shapley value is the mean over the background (interventional SHAP: features are exchanged without regard to
what goes together).

Source: Lundberg & Lee 2017, arXiv 1705.07874; Janzing et al. 2020, arXiv 1910.13413.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.explain.algorithm.shapley_exact import all_coalitions, shapley_exact
from mmcare.explain.algorithm.shapley_sampled import (
    SampledShares,
    chain_coalitions,
    draw_orders,
    shapley_sampled,
)

__all__ = ["Shares", "Value", "shapley"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Value = Callable[[Bools, Ints], Floats]
"""From coalitions (R, P) and background patients (R,) to values (R, T)."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Shapley values of P players for T targets.

    Attributes:
        values: (P, T). standard_error: (P, T) of the sampling; 0 where `exact`.
        baseline: (T,), mean over the background. full: (T,), with all players.
        exact: Whether every game was played out.
        rows: Altered patients that were computed.
    """

    values: Floats
    standard_error: Floats
    baseline: Floats
    full: Floats
    exact: bool
    rows: int


@dataclass(frozen=True, slots=True)
class _Game:
    """The game against one background patient: its players (d of P), and the orders where it is sampled."""

    background: int
    players: Ints
    orders: Ints | None

    @property
    def coalitions(self) -> Bools:
        """(r, d), those whose value is asked for beside nobody's and everybody's."""
        if self.orders is None:
            return all_coalitions(len(self.players))[1:-1]
        return chain_coalitions(self.orders).reshape(-1, len(self.players))

    def solve(self, values: Floats, empty: Floats, full: Floats) -> SampledShares:
        """The shares of its d players from values (r, T)."""
        if self.orders is None:
            shares = shapley_exact(np.concatenate([empty[None], values, full[None]]))
            return SampledShares(shares, np.zeros_like(shares))
        chains = values.reshape(len(self.orders), len(self.players) - 1, -1)
        return shapley_sampled(self.orders, chains, empty, full)


def shapley(value: Value, differs: Bools, rows: int, seed: int) -> Shares:
    """The Shapley values of all players of one patient.

    Args:
        value: Of a coalition against a background patient; against any of them, that of all players is the same.
        differs: (K, P), whether the patient differs from background patient k in player p.
        rows: How many coalitions may be computed; each background patient gets an equal part. One order and its reverse
            are always computed against each, two against a single one.
        seed: Of the orders.
    """
    count, players = differs.shape
    games = _games(differs, rows, np.random.default_rng(seed))
    asked = [_embedded(game, players) for game in games]
    who = [np.full(len(rows_), game.background) for game, rows_ in zip(games, asked, strict=True)]
    ends = np.concatenate([np.zeros((count, players), dtype=bool), np.ones((1, players), dtype=bool)])
    found = value(np.concatenate([ends, *asked]), np.concatenate([np.arange(count), [0], *who]))
    empty, full = found[:count], found[count]
    ends_at = count + 1 + np.cumsum([len(rows_) for rows_ in asked], dtype=np.int64)
    solved = [
        game.solve(found[end - len(rows_) : end], empty[game.background], full)
        for game, rows_, end in zip(games, asked, ends_at, strict=True)
    ]
    values, error = _mean(games, solved, (count, players, found.shape[1]))
    exact = all(game.orders is None for game in games)
    return Shares(values, error, empty.mean(0), full, exact, len(found))


def _games(differs: Bools, rows: int, generator: np.random.Generator) -> list[_Game]:
    """A game for each background patient that differs, within the rows there are."""
    players = [(k, np.flatnonzero(differs[k])) for k in range(len(differs)) if differs[k].any()]
    if not players:
        return []
    exact = {k: 2 ** len(p) - 2 for k, p in players if len(p) < 24 and 2 ** len(p) - 2 <= rows // len(players)}
    sampled = len(players) - len(exact)
    share = (rows - sum(exact.values())) // max(1, sampled)
    least = 1 if len(players) > 1 else 2  # the spread of the sampling shows in two pairs, or over the background
    pairs = {k: max(least, share // (2 * (len(p) - 1))) for k, p in players if k not in exact}
    return [_Game(k, p, None if k in exact else draw_orders(len(p), pairs[k], generator)) for k, p in players]


def _embedded(game: _Game, players: int) -> Bools:
    """A game's coalitions as those of all players; players who are alike count as the background's."""
    coalitions = game.coalitions
    whole = np.zeros((len(coalitions), players), dtype=bool)
    whole[:, game.players] = coalitions
    return whole


def _mean(games: list[_Game], solved: list[SampledShares], shape: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """Mean and standard error over the K background patients."""
    values, variance = np.zeros(shape), np.zeros(shape)
    for game, shares in zip(games, solved, strict=True):
        values[game.background, game.players] = shares.values
        variance[game.background, game.players] = shares.variance
    if np.isnan(variance).any() and len(values) > 1:
        # a single pair against some: the spread over the background stands for that of the sampling, and is no less
        return values.mean(0), values.std(0, ddof=1) / np.sqrt(len(values))
    return values.mean(0), np.sqrt(variance.sum(0)) / len(values)

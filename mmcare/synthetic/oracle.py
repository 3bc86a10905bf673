"""The oracle: survival and local failure given what a set of modalities shows, averaged over all that it leaves open.

It is the truth for the best arm, for errors of effects, for regret, and the ceiling of every metric. It knows the
parameters that a CT was rendered from, so it is an upper bound for a model that reads voxels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmcare.synthetic.completion import UNIFORMS, Numbers, complete
from mmcare.synthetic.curves import YEARS, Curves, average_curves
from mmcare.synthetic.hazards import arm_hazards
from mmcare.synthetic.items import MODALITY_SETS, Items, Modalities
from mmcare.synthetic.random import Floats
from mmcare.synthetic.worlds import World

__all__ = ["DRAWS", "ENOUGH", "Oracle", "oracle"]

DRAWS, ENOUGH = 400, 50
_MORE, _MOST = 4, 25_600
ORACLE = 98
_AT_ONCE = 16_000
"""Draws that are worked on together: arrays of this size stay in a core's own cache."""


@dataclass(frozen=True, slots=True)
class Oracle:
    """What one set of modalities tells of n patients.

    Attributes:
        curves: Of survival and local failure.
        effective_draws: (n,) what the weighted draws are worth, (sum w)^2 / sum w^2.
        draws: (n,) how many were drawn.
    """

    curves: Curves
    effective_draws: Floats
    draws: Floats


def oracle(
    world: World,
    items: Items,
    seed: int,
    patients: Sequence[int],
    sets: Mapping[str, Modalities] = MODALITY_SETS,
    draws: int = DRAWS,
) -> dict[str, Oracle]:
    """E[S_a(t), F_a(t) | items of a modality set], for each set.

    Draws are antithetic, the same for all sets, and a patient's own: they depend on the seed and the patient's number
    alone. Where they are worth fewer than 50, four times as many are drawn, until they are worth it (or 25,600).

    Args:
        world: Whose hazards, and whose pattern of missingness.
        items: Of n patients.
        seed: Of the cohort.
        patients: Their numbers.
        sets: Modality sets by name.
        draws: To start with; even.
    """
    numbers = np.asarray(patients)
    return {name: _of_set(world, items, known, seed, numbers, draws) for name, known in sets.items()}


def _of_set(
    world: World,
    items: Items,
    known: Modalities,
    seed: int,
    patients: np.ndarray,  # type: ignore[type-arg]
    draws: int,
) -> Oracle:
    n = len(items)
    shape = (n, 2, len(YEARS))
    survival, failure, worth, drawn = np.empty(shape), np.empty(shape), np.zeros(n), np.zeros(n)
    rows, count = np.arange(n), draws
    while len(rows):
        group = max(1, _AT_ONCE // count)
        for start in range(0, len(rows), group):
            at = rows[start : start + group]
            curves, worth[at] = _weighted(world, items.take(at), known, _numbers(seed, patients[at], count))
            survival[at], failure[at], drawn[at] = curves.survival, curves.local_failure, count
        rows = rows[worth[rows] < ENOUGH] if count < _MOST else rows[:0]
        count = min(_MORE * count, _MOST)
    return Oracle(Curves(survival, failure), worth, drawn)


def _weighted(world: World, items: Items, known: Modalities, numbers: Numbers) -> tuple[Curves, Floats]:
    whole = complete(world, items, known, numbers)
    shape = whole.log_weight.shape
    highest = whole.log_weight.max(axis=1, keepdims=True)
    weight = np.exp(whole.log_weight - np.where(np.isfinite(highest), highest, 0.0))
    total = weight.sum(axis=1)
    worth = np.divide(total**2, (weight**2).sum(axis=1), out=np.zeros(len(total)), where=total > 0)
    weight /= np.where(total > 0, total, 1.0)[:, None]
    hazards = arm_hazards(world, whole.latents, whole.clinical, whole.ct, whole.genome)

    def average(values: Floats) -> Floats:
        return np.asarray(np.einsum("nd,nd->n", values.reshape(shape), weight))

    return average_curves(world, hazards, average), worth


def _numbers(seed: int, patients: np.ndarray, draws: int) -> Numbers:  # type: ignore[type-arg]
    half, n = draws // 2, len(patients)
    latents, uniforms, shared = np.empty((n, draws, 5)), np.empty((n, draws, UNIFORMS)), np.empty((n, draws))
    for row, patient in enumerate(patients):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(ORACLE, int(patient), draws)))
        latents[row, :half] = rng.standard_normal((half, 5))
        uniforms[row] = rng.random((draws, UNIFORMS))
        shared[row] = rng.standard_gamma(2.5, draws) * 0.4
    latents[:, half:] = -latents[:, :half]
    return Numbers(latents, np.clip(uniforms, 1e-15, 1 - 1e-15), shared)

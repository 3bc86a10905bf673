"""Whether the features that matter to a model are those that matter in the world that drew the cohort.

A driver is a feature that stands in the hazards: each patient is given another's value of it and nothing else changes;
what that moves of the true probability, on average, is the feature's strength. Features that only go along with a
cause (pack-years, which tell of frailty) move nothing and are no drivers, though a model may rightly use them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmcare.explain.explanation import Target
from mmcare.explain.importance import Importance
from mmcare.synthetic import Draw, World, draw, true_course
from mmcare.synthetic.genome import GENES
from mmcare.synthetic.hazards import ARMS, arm_hazards

__all__ = ["LEAST_EFFECT", "Agreement", "agreement", "drivers", "true_effects"]

LEAST_EFFECT = 0.005
"""Half a percentage point: what moves the probability less, on average, is no driver that a page would show."""
_PATIENTS, _SEED = 4000, 0
_CLINICAL = {"sex": "female", "fev1": "fev1", "dlco": "dlco", "charlson": "charlson", "ecog": "ecog"}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many of the true drivers matter most to the model.

    A modality's k drivers are looked for among the k features of that modality with the greatest mean |SHAP|: a mean
    over those who have the modality, which is not to be compared with another's.

    Attributes:
        target: Key.
        drivers: Names of the drivers of all modalities, the strongest first.
        found: Those of them that are among the first.
    """

    target: str
    drivers: tuple[str, ...]
    found: tuple[str, ...]

    @property
    def share(self) -> float:
        """Found of k."""
        return len(self.found) / len(self.drivers)


def true_effects(world: str | World, target: Target) -> Mapping[str, float]:
    """Mean |change| of the true probability of `target` when a feature becomes another patient's.

    Over 4,000 persons of a fixed seed, latents and Z as they are. Image parameters are no features.
    """
    persons = draw(world, _PATIENTS, _SEED)
    order = np.random.default_rng(_SEED).permutation(_PATIENTS)
    before = _probability(persons, target)
    changed = {name: _probability(other, target) for name, other in _swapped(persons, order).items()}
    return {name: float(np.abs(after - before).mean()) for name, after in changed.items()}


def drivers(world: str | World, target: Target, known: Iterable[str]) -> tuple[str, ...]:
    """Those of the features `known` to a model that move the target by half a percentage point or more."""
    effects = true_effects(world, target)
    strong = [name for name in known if effects.get(name, 0.0) >= LEAST_EFFECT]
    return tuple(sorted(strong, key=lambda name: -effects[name]))


def agreement(world: str | World, target: Target, rows: Iterable[Importance]) -> Agreement:
    """Compare a model's mean |SHAP| for one target with the truth; whole modalities are left out."""
    own = [row for row in rows if row.target == target and row.feature != row.modality]
    first = drivers(world, target, [row.feature for row in own])
    names = {name for modality in {row.modality for row in own} for name in _leading(own, modality, first)}
    return Agreement(target.key, first, tuple(name for name in first if name in names))


def _leading(rows: Sequence[Importance], modality: str, first: Sequence[str]) -> list[str]:
    """The first k features of a modality, k being its drivers."""
    own = sorted((row for row in rows if row.modality == modality), key=lambda row: -row.mean_absolute)
    count = sum(row.feature in first for row in own)
    return [row.feature for row in own[:count]]


def _swapped(persons: Draw, order: np.ndarray) -> Mapping[str, Draw]:  # type: ignore[type-arg]
    clinical, genome = persons.clinical, persons.genome
    found = {
        name: _with(persons, clinical=replace(clinical, **{field: getattr(clinical, field)[order]}))
        for name, field in _CLINICAL.items()
    }
    found["age"] = _with(persons, latents=replace(persons.latents, age=persons.latents.age[order]))
    found["tumour_mm"] = _with(persons, ct=replace(persons.ct, log_size=persons.ct.log_size[order]))
    found["pdl1_tps"] = _with(persons, genome=replace(genome, pdl1_score=genome.pdl1_score[order]))
    for place, gene in enumerate(GENES):
        mutated, variant = genome.mutated.copy(), genome.variant.copy()
        mutated[:, place], variant[:, place] = mutated[order, place], variant[order, place]
        found[gene.name] = _with(persons, genome=replace(genome, mutated=mutated, variant=variant))
    return found


def _with(persons: Draw, **changes: object) -> Draw:
    other = replace(persons, **changes)  # type: ignore[arg-type]
    hazards = arm_hazards(other.world, other.latents, other.clinical, other.ct, other.genome)
    return replace(other, hazards=hazards)


def _probability(persons: Draw, target: Target) -> np.ndarray:  # type: ignore[type-arg]
    """(n,) true probability of no event by the horizon, or the difference between arms."""
    course = true_course(persons, target.horizon)
    both = course.survival if target.endpoint == "os" else 1 - course.local_failure
    own = both[:, ARMS.index(target.arm)]
    return own if target.minus is None else own - both[:, ARMS.index(target.minus)]

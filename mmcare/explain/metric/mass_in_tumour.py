"""Whether saliency sits in the tumour more than an even map would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmcare.explain.explanation import PatientExplanation

__all__ = ["TumourMass", "mass_in_tumour"]


@dataclass(frozen=True, slots=True)
class TumourMass:
    """Mean share of saliency inside the tumour's mask, for one target.

    Attributes:
        target: Key. modality: Key.
        evidence: `for` the target or `against` it.
        in_tumour: Mean share of the map's mass inside the mask.
        even: Mean share of the volume inside the mask: what an even map has there.
        patients: Those whose map is not empty.
    """

    target: str
    modality: str
    evidence: str
    in_tumour: float
    even: float
    patients: int


def mass_in_tumour(explanations: Sequence[PatientExplanation]) -> tuple[TumourMass, ...]:
    """Over patients whose image has a mask; nothing where none has."""
    shares: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for explanation in explanations:
        for part in explanation.saliency:
            for evidence, share in (("for", part.in_tumour), ("against", part.against_in_tumour)):
                if share is not None and part.tumour_share is not None:
                    key = (part.target.key, part.modality, evidence)
                    shares.setdefault(key, []).append((share, part.tumour_share))
    found = []
    for (target, modality, evidence), pairs in shares.items():
        inside, even = np.mean(pairs, axis=0).tolist()
        found.append(TumourMass(target, modality, evidence, inside, even, len(pairs)))
    return tuple(found)

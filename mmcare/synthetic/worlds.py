"""The eight worlds: one causal model, a few numbers changed; same seeds, same persons."""

from __future__ import annotations

from dataclasses import dataclass

from mmcare.errors import Finding, MMCareError

__all__ = ["SUMMARIES", "WORLDS", "World", "world_of"]


@dataclass(frozen=True, slots=True)
class World:
    """What distinguishes a world.

    Attributes:
        name: Its name.
        alpha: Intercept of treatment choice; gives a share of SBRT of 0.35 (200,000 patients of seed 0, by bisection).
        overlap: Weight omega of the score x in treatment choice.
        hidden: Weight eta of frailty itself in treatment choice.
        perioperative: Factor `per` of perioperative death.
        occult: Weight nu of occult nodes under SBRT.
        no_effect: Whether both arms have the mean of the arms' cumulative hazards.
        sbrt_hazard: Death hazard a year added under SBRT.
        informative_missing: Whether frailty and aggressiveness decide who has tissue.
        covariate_censoring: Whether drop-out depends on age, ECOG and site.
    """

    name: str
    alpha: float
    overlap: float = 0.8
    hidden: float = 0.0
    perioperative: float = 1.0
    occult: float = 0.35
    no_effect: bool = False
    sbrt_hazard: float = 0.0
    informative_missing: bool = False
    covariate_censoring: bool = False


_BASE_ALPHA = -1.2138
WORLDS = {
    world.name: world
    for world in (
        World("heterogeneous", _BASE_ALPHA),
        World("null", _BASE_ALPHA, no_effect=True),
        World("homogeneous", _BASE_ALPHA, no_effect=True, sbrt_hazard=0.03),
        World("crossing", _BASE_ALPHA, perioperative=2.5, occult=2.6),
        World("weak-overlap", -2.4927, overlap=2.0),
        World("hidden-confounder", -1.5577, hidden=1.3),
        World("informative-missing", _BASE_ALPHA, informative_missing=True),
        World("covariate-censoring", _BASE_ALPHA, covariate_censoring=True),
    )
}


SUMMARIES = {
    "heterogeneous": "the base: which treatment is better depends on the patient.",
    "null": "no difference between the treatments, for anyone.",
    "homogeneous": "surgery is better for all, by the same hazard.",
    "crossing": "surgery costs more lives early and saves more late.",
    "weak-overlap": "most patients could have got one treatment only.",
    "hidden-confounder": "frailty itself decides the treatment, beside what is measured.",
    "informative-missing": "frailty and aggressiveness decide who has a genome.",
    "covariate-censoring": "the old and unfit are lost to follow-up earlier.",
}
"""What a world is, in a line."""


def world_of(name: str) -> World:
    """The world of that name.

    Raises:
        MMCareError: There is none; the message lists them.
    """
    if name not in WORLDS:
        raise MMCareError(Finding(what=f"there is no world `{name}`; there are {', '.join(WORLDS)}."))
    return WORLDS[name]

"""The choice between the arms: the advice, or the step that failed, in words."""

from __future__ import annotations

from scipy.stats import norm

from mmcare.components import Prognosis
from mmcare.decision import Advice, Contrast, can_decide, decide
from mmcare.report.case import Case
from mmcare.report.part import Missing, Part
from mmcare.report.refits import RefitFigures, refit_figures

__all__ = ["Choice", "ContrastFigure", "MeanUtility", "RuleStep", "choice"]

_STEPS = {
    "confounders": "What drives the choice of treatment is measured",
    "gate": "Predicted differences hold in patients not learned from",
    "difference": "The difference is larger than its uncertainty",
    "bound": "The lower bound exceeds the least difference that matters",
    "overlap": "Patients like this one received either treatment",
    "distribution": "The patient is like those learned from",
    "pattern": "Enough training patients had the same inputs",
    "support": "The figures rest on long enough follow-up and enough events",
}


class RuleStep(Part):
    """One step of the rule: its name in words, whether it holds, and the figures."""

    name: str
    title: str
    passed: bool
    words: str


class ContrastFigure(Part):
    """The difference of utility between two arms.

    Attributes:
        level: Of the interval from `lower` to `upper`, such as 0.9; None without refits.
    """

    arm: str
    minus: str
    delta: float | None
    standard_error: float | None
    lower: float | None
    upper: float | None
    level: float | None
    bound: float | None


class MeanUtility(Part):
    """What an arm brings on average over the training patients."""

    arm: str
    utility: float | None


class Choice(Part):
    """The decision for the patient.

    Attributes:
        arm: Key of the arm advised; None, the rule abstains.
        steps: In the rule's order. contrasts: The best arm against each other one. means: Of the arms.
        refits: The figures of each refit, for intervals under other weights.
    """

    arm: str | None
    steps: tuple[RuleStep, ...]
    contrasts: tuple[ContrastFigure, ...]
    means: tuple[MeanUtility, ...]
    refits: tuple[RefitFigures, ...] = ()


def choice(case: Case, refits: tuple[Prognosis, ...]) -> Choice | Missing:
    """The advice, or why the run gives none."""
    if len(case.run.outcomes.arms) < 2:
        return Missing(what="The run knows one treatment: there is nothing to choose between.")
    if not can_decide(case.run):
        what = (
            "The run holds nothing to decide with: it is a baseline, or was trained before advice was part of training."
            if case.run.manifest.kind == "baseline"
            else "The run holds nothing to decide with. Both treatments are shown side by side."
        )
        return Missing(what=what, command=f"mmcare train {case.run.spec.name}.yaml --cohort DIR")
    (advice,) = decide(case.run, case.inputs)
    return _choice(advice, refit_figures(case, refits))


def _choice(advice: Advice, refits: tuple[RefitFigures, ...]) -> Choice:
    return Choice(
        arm=advice.arm,
        steps=tuple(
            RuleStep(name=s.name, title=_STEPS.get(s.name, s.name), passed=s.passed, words=s.words)
            for s in advice.steps
        ),
        contrasts=tuple(map(_contrast, advice.contrasts)),
        means=tuple(MeanUtility(arm=mean.arm, utility=mean.utility) for mean in advice.means),
        refits=refits,
    )


def _contrast(contrast: Contrast) -> ContrastFigure:
    return ContrastFigure(
        arm=contrast.arm,
        minus=contrast.minus,
        delta=contrast.delta,
        standard_error=contrast.standard_error,
        lower=contrast.lower,
        upper=contrast.upper,
        level=_level(contrast),
        bound=contrast.bound,
    )


def _level(contrast: Contrast) -> float | None:
    """Of the two-sided interval whose lower end the rule compares."""
    if contrast.delta is None or contrast.lower is None or not contrast.standard_error:
        return None
    return float(2 * norm.cdf((contrast.delta - contrast.lower) / contrast.standard_error) - 1)

"""The items of TRIPOD+AI: what a run tells by itself, and what only its maker can fill in.

Source: Collins et al. 2024, doi 10.1136/bmj-2023-078378. The topics are in our own words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mmcare.report.card import ModelCard
from mmcare.report.case import Case
from mmcare.report.figures import arms_of
from mmcare.report.part import Missing, Part
from mmcare.report.words import kind_of, words_of

__all__ = ["TripodItem", "tripod"]


class TripodItem(Part):
    """One item: its number, its topic, and what the run tells; empty where it tells nothing."""

    number: str
    topic: str
    known: str


_TOPICS = {
    "1": "Title: the target population and the outcome predicted",
    "2": "Abstract",
    "3": "Background: the health context, the users, and inequalities that are known",
    "4": "Objectives: development, evaluation, or both",
    "5": "Data: sources, dates, and how far they represent those it is meant for",
    "6": "Participants: setting, eligibility, treatments received",
    "7": "Preparation of the data, and checks of its quality",
    "8": "Outcome: definition, time horizon, assessment",
    "9": "Predictors: which, why, how and when measured",
    "10": "Size of the study, and how it was arrived at",
    "11": "Missing data, and how they were handled",
    "12": "Methods of analysis: model, tuning, internal validation, measures of performance",
    "13": "Class imbalance, and what was done about it",
    "14": "Fairness: what was done to find and lessen unfairness",
    "15": "Output of the model, and thresholds",
    "16": "Differences between the data for development and for evaluation",
    "17": "Ethical approval",
    "18": "Funding, conflicts of interest, protocol, registration, access to data and code",
    "19": "Involvement of patients and the public",
    "20": "Participants: flow, characteristics, numbers with the outcome",
    "21": "Development: participants and events in each analysis",
    "22": "The whole model, so that it can be used for others",
    "23": "Performance with intervals, overall and in subgroups",
    "24": "Updating of the model",
    "25": "Interpretation, fairness included, in the light of other studies",
    "26": "Limitations",
    "27": "Use: input of poor quality, expertise that is needed, next steps",
}


def tripod(case: Case, card: ModelCard) -> tuple[TripodItem, ...]:
    """All 27 items; those that a run tells are filled in."""
    known = _known(case, card)
    return tuple(
        TripodItem(number=number, topic=topic, known=known[number]() if number in known else "")
        for number, topic in _TOPICS.items()
    )


def _known(case: Case, card: ModelCard) -> Mapping[str, Callable[[], str]]:
    return {
        "6": lambda: _treatments(case),
        "8": lambda: _outcomes(case),
        "9": lambda: _predictors(case),
        "10": lambda: f"{card.splits['training']} patients for training; no calculation of the size is known.",
        "11": lambda: (
            "A value that was not measured is unknown to the model, which is told so; whole modalities may be absent."
        ),
        "12": lambda: _methods(case, card),
        "13": lambda: "No over- or undersampling: every training patient counts once an epoch.",
        "15": lambda: "Probabilities for each treatment and horizon; no threshold is applied.",
        "20": lambda: ", ".join(f"{count} {name}" for name, count in card.splits.items()) + " patients.",
        "22": lambda: f"The run folder {case.run.path.name} holds weights, preprocessing and spec.",
        "23": lambda: _performance(card),
        "26": lambda: " ".join(card.caveats),
        "27": lambda: "Research use only. What was not measured, or lies outside what was learned from, is said.",
    }


def _treatments(case: Case) -> str:
    arms = [arm.name for arm in arms_of(case)]
    return f"Treatments received: {', '.join(arms)}." if len(arms) > 1 else ""


def _outcomes(case: Case) -> str:
    parts = []
    for name, endpoint in case.prediction.prognosis.endpoints.items():
        horizons = ", ".join(f"{horizon:g}" for horizon in endpoint.horizons)
        competing = ", death competing" if case.run.outcomes.endpoint(name).competing else ""
        parts.append(f"{words_of(name).name} at {horizons} years{competing}")
    return "; ".join(parts) + ". Time counts from the treatment decision."


def _predictors(case: Case) -> str:
    parts = []
    for name, modality in case.inputs.modalities.items():
        features = modality.features(case.inputs.fitted[name])
        parts.append(f"{kind_of(name)} ({len(features)})" if features else kind_of(name))
    return f"{', '.join(parts)}; known at the decision unless the card says otherwise."


def _methods(case: Case, card: ModelCard) -> str:
    run = case.run
    fractions = " / ".join(f"{share:g}" for share in run.spec.split.fractions)
    kind = (
        "A baseline"
        if run.manifest.kind == "baseline"
        else "A neural network of the parts in the spec (see the model card)"
    )
    return (
        f"{kind}; split {fractions} by seed {run.spec.split.seed}, stratified by {', '.join(run.spec.split.stratify)}."
    )


def _performance(card: ModelCard) -> str:
    if isinstance(card.performance, Missing):
        return ""
    return f"Measured on {card.performance.patients}; see the model card. Not by subgroup."

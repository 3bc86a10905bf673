"""What each figure is, in words: libraries disagree, so a name alone says too little."""

from __future__ import annotations

__all__ = ["DEFINITIONS", "HEADLINE", "definition"]

DEFINITIONS = {
    "C": (
        "Uno's C, tau = {tau}, of the risk by then: events before tau, pairs within an arm, summed over arms; "
        "who died before counts as never failing"
    ),
    "pooled C": (
        "Uno's C, tau = {tau}, over all pairs, across arms as well: a difference between the arms counts as ranking"
    ),
    "AUC": "cumulative/dynamic AUC at {tau}: who failed by then against all known not to have, the dead included",
    "AUC event-free": "cumulative/dynamic AUC at {tau}: who failed by then against those alive and free of the event",
    "Brier": "Brier score at {tau} with censoring weights per arm",
    "IPA": "1 - Brier / Brier of the arm's training curve at {tau}",
    "O/E": "risk observed by {tau} (Kaplan-Meier, or Aalen-Johansen where death competes) over mean predicted risk",
    "slope": "weighted logistic slope of the event by {tau} on the logit of the predicted risk; 1 is calibrated",
    "z": "(events - expected events) / sqrt(expected events) up to {tau}, expected by the predicted cumulative hazard",
    "chi2": "chi-square of events against expected events by {tau} over groups of rising risk, held-out patients",
}
"""By metric; `{tau}` stands for the horizon."""

HEADLINE = ("C", "pooled C", "AUC", "Brier", "IPA", "O/E")
"""What a table shows; the rest stands in `metrics.json`."""


def definition(metric: str, horizon: float | None = None) -> str:
    """What a metric is, at one horizon or at any."""
    years = "the horizon" if horizon is None else f"{horizon:g} year{'' if horizon == 1 else 's'}"
    return DEFINITIONS[metric].format(tau=years)

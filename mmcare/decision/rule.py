"""The rule by which one arm is advised for one patient, or none: fixed beforehand, every step in words.

1. gate, once per model: predicted differences go with observed ones among patients the models had not seen;
2. the difference, less 1.645 standard errors, is larger than the least that matters;
3. so is the lower 95 % bound of the gate's line at that difference;
4. either arm could have been given (propensity 0.1 to 0.9), the patient is like those of training, their modalities
   were seen often enough in both arms, and follow-up supports the horizon.

Before all: without the least confounders no arm is advised. With more than two arms the best is compared with each
other one, and the error rate is divided by the number of comparisons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from mmcare.cohort.confounders import Confounder
from mmcare.decision.advice import Advice, ArmMean, Contrast, Step
from mmcare.decision.distribution import R
from mmcare.decision.gate import Gate
from mmcare.spec import DecisionConfig

__all__ = ["LEAST_REFITS", "LEAST_SEEN", "OVERLAP", "Evidence", "Rule", "advise", "quantile"]

OVERLAP = (0.1, 0.9)
"""Propensities between which either arm could have been given."""
LEAST_SEEN = 50
"""Training patients of an arm with the same modalities."""
LEAST_REFITS = 50
"""Refits that a standard error needs."""
_ERROR = 0.05
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is the same for all patients of a run.

    Attributes:
        arms: Keys.
        config: The spec's `decision`.
        confounders: What measures each among the run's inputs.
        gates: By codes of (arm, minus), the first smaller; empty without out-of-fold differences.
        no_gates: Why there are none.
        no_refits: Why there are no refits; empty where there are.
        threshold: Largest distance that a patient may have.
        means: Of the arms.
    """

    arms: tuple[str, ...]
    config: DecisionConfig
    confounders: tuple[Confounder, ...]
    gates: Mapping[tuple[int, int], Gate]
    no_gates: str
    no_refits: str
    threshold: float
    means: tuple[ArmMean, ...]

    @property
    def z(self) -> float:
        """Standard errors that a bound lies below its estimate."""
        return quantile(len(self.arms) - 1)

    def gate(self, arm: int, minus: int) -> Gate | None:
        """The gate of two arms, in this order."""
        if (arm, minus) in self.gates:
            return self.gates[arm, minus]
        found = self.gates.get((minus, arm))
        return None if found is None else found.reversed()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one patient.

    Attributes:
        patient: Id.
        utility: (A,) predicted, NaN where not known.
        refits: (R, A) likewise, by each refit; (0, A) without refits.
        propensity: (A,) chance to have received each arm.
        distance: From the training patients, as a multiple of what 95 % of them keep to, of the part in which it is
            largest. farthest: That part: `R`, or a modality.
        modalities: What the patient has, in words. seen: Training patients of each arm with the same.
        unmeasured: Confounders of which nothing was measured of this patient, in words.
        unsupported: Why a figure of an arm cannot bear a choice, a sentence each.
    """

    patient: str
    utility: Floats
    refits: Floats
    propensity: Floats
    distance: float
    farthest: str
    modalities: str
    seen: tuple[int, ...]
    unmeasured: tuple[str, ...]
    unsupported: tuple[str, ...]


def quantile(comparisons: int) -> float:
    """Normal quantile of one bound at an error rate of 0.05 over all comparisons, to three digits: 1.645 for one."""
    return round(NormalDist().inv_cdf(1 - _ERROR / max(comparisons, 1)), 3)


def advise(evidence: Evidence, rule: Rule) -> Advice:
    """The arm that every step speaks for, or none; both arms' figures stand beside it either way."""
    best = _best(evidence, rule)
    others = [code for code in range(len(rule.arms)) if code != best]
    contrasts = tuple(_contrast(evidence, rule, best, other) for other in others)
    steps = tuple(_steps(evidence, rule, best, others, contrasts))
    return Advice(
        patient=evidence.patient,
        arm=rule.arms[best] if all(step.passed for step in steps) else None,
        contrasts=contrasts,
        steps=steps,
        means=rule.means,
        mid=rule.config.mid,
        weights=tuple(rule.config.utility.items()),
        horizon=rule.config.horizon,
    )


def _best(evidence: Evidence, rule: Rule) -> int:
    """The arm of the greatest utility; the first where none is known."""
    known = np.where(np.isnan(evidence.utility), -np.inf, evidence.utility)
    return int(np.argmax(known))


def _contrast(evidence: Evidence, rule: Rule, arm: int, minus: int) -> Contrast:
    difference = float(evidence.utility[arm] - evidence.utility[minus])
    delta = None if np.isnan(difference) else difference
    deltas = evidence.refits[:, arm] - evidence.refits[:, minus]
    deltas = deltas[~np.isnan(deltas)]
    error = float(np.std(deltas, ddof=1)) if len(deltas) >= LEAST_REFITS else None
    gate = rule.gate(arm, minus)
    known = delta is not None and error is not None
    return Contrast(
        arm=rule.arms[arm],
        minus=rule.arms[minus],
        delta=delta,
        standard_error=error,
        lower=delta - rule.z * error if known else None,  # type: ignore[operator]
        upper=delta + rule.z * error if known else None,  # type: ignore[operator]
        bound=None if gate is None or delta is None else gate.bound(delta, rule.z),
        deltas=tuple(float(value) for value in deltas),
    )


def _steps(
    evidence: Evidence, rule: Rule, best: int, others: Sequence[int], contrasts: tuple[Contrast, ...]
) -> Iterator[Step]:
    yield _confounders(evidence, rule)
    yield _gate(rule, best, others)
    yield _difference(rule, contrasts)
    yield _bound(rule, contrasts)
    yield _overlap(evidence, rule)
    yield _distribution(evidence, rule)
    yield _pattern(evidence, rule)
    yield _support(evidence, rule)


def _confounders(evidence: Evidence, rule: Rule) -> Step:
    absent = [c.words for c in rule.confounders if not c.columns and not c.ruled_out]
    if absent:
        words = f"The run has no input that measures {_listed(absent)}: it predicts, and recommends nothing."
        return Step("confounders", False, words)
    if evidence.unmeasured:
        return Step("confounders", False, f"Not known of this patient: {_listed(evidence.unmeasured)}.")
    measured = [f"{c.words} ({', '.join(c.columns)})" for c in rule.confounders if c.columns]
    ruled_out = [c.words for c in rule.confounders if c.ruled_out]
    words = f"Known at the decision: {_listed(measured)}." if measured else ""
    if ruled_out:
        words += f" The cohort's dictionary states that nobody's arm depends on {_listed(ruled_out)} beyond that."
    return Step("confounders", True, words.strip())


def _gate(rule: Rule, best: int, others: Sequence[int]) -> Step:
    if not rule.gates:
        return Step("gate", False, f"{rule.no_gates} The gate counts as not passed.")
    texts, passed = [], True
    for other in others:
        gate = rule.gate(best, other)
        against = f" ({rule.arms[best]} and {rule.arms[other]})" if len(others) > 1 else ""
        if gate is None:
            passed = False
            texts.append(f"Predicted differences are the same for all{against}: nothing personal to tell.")
            continue
        passed &= gate.ratio > rule.z
        texts.append(
            f"Of {gate.patients} patients whom the predicting models had not seen, observed differences follow"
            f" predicted ones{against} with a slope of {gate.slope:.2f}, {gate.ratio:.2f} standard errors above 0;"
            f" more than {rule.z:g} are needed."
        )
    return Step("gate", passed, " ".join(texts))


def _difference(rule: Rule, contrasts: tuple[Contrast, ...]) -> Step:
    texts = []
    for contrast in contrasts:
        pair = f"{contrast.arm} over {contrast.minus}"
        if contrast.delta is None:
            texts.append(f"The difference of {pair} is not known.")
        elif contrast.lower is None or contrast.upper is None:
            why = rule.no_refits or f"fewer than {LEAST_REFITS} refits tell it"
            texts.append(f"{pair}: {contrast.delta:+.3f}, without an interval: {why}.")
        else:
            texts.append(
                f"{pair}: {contrast.delta:+.3f}, at least {contrast.lower:+.3f}; more than {rule.config.mid:g} matters."
            )
    return Step("difference", all(_exceeds(c.lower, rule) for c in contrasts), " ".join(texts))


def _bound(rule: Rule, contrasts: tuple[Contrast, ...]) -> Step:
    texts = [
        f"Patients with such a difference of {c.arm} over {c.minus} gained"
        + (" an unknown amount: there is no gate." if c.bound is None else f" at least {c.bound:+.3f};")
        for c in contrasts
    ]
    words = " ".join(texts).removesuffix(";")
    needed = f"; more than {rule.config.mid:g} matters." if all(c.bound is not None for c in contrasts) else ""
    return Step("bound", all(_exceeds(c.bound, rule) for c in contrasts), words + needed)


def _overlap(evidence: Evidence, rule: Rule) -> Step:
    low, high = OVERLAP
    chances = [f"{arm} {100 * e:.0f} %" for arm, e in zip(rule.arms, evidence.propensity, strict=True)]
    words = (
        f"Of patients like this one received {_listed(chances)};"
        f" each must lie between {100 * low:.0f} and {100 * high:.0f} %."
    )
    return Step("overlap", bool(((evidence.propensity >= low) & (evidence.propensity <= high)).all()), words)


def _distribution(evidence: Evidence, rule: Rule) -> Step:
    if not np.isfinite(evidence.distance):
        return Step("distribution", False, "No training patient had the same modalities to compare this patient with.")
    side = "within" if evidence.distance < rule.threshold else "beyond"
    part = "its inputs together" if evidence.farthest == R else evidence.farthest
    words = (
        f"This patient is {evidence.distance:.2f} times as far from the training patients as is usual, by {part},"
        f" {side} the {rule.threshold:.2f} that 95 % of those keep to."
    )
    return Step("distribution", bool(evidence.distance < rule.threshold), words)


def _pattern(evidence: Evidence, rule: Rule) -> Step:
    counts = [f"{count} under {arm}" for arm, count in zip(rule.arms, evidence.seen, strict=True)]
    words = (
        f"Training patients with the same inputs ({evidence.modalities}): {_listed(counts)};"
        f" {LEAST_SEEN} of each arm are needed."
    )
    return Step("pattern", min(evidence.seen) >= LEAST_SEEN, words)


def _support(evidence: Evidence, rule: Rule) -> Step:
    if evidence.unsupported:
        return Step("support", False, " ".join(evidence.unsupported))
    return Step("support", True, f"Follow-up and events of the training patients reach {_years(rule.config.horizon)}.")


def _exceeds(value: float | None, rule: Rule) -> bool:
    return value is not None and value > rule.config.mid


def _listed(items: Sequence[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def _years(horizon: float) -> str:
    return "1 year" if horizon == 1 else f"{horizon:g} years"

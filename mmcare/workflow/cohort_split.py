"""The split of a cohort as a spec asks for it, and what is to be said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from mmcare.cohort import Cohort, split_patients
from mmcare.cohort.split import NAMES
from mmcare.components import OutcomeLayout, Outcomes, Split
from mmcare.errors import Finding, Severity
from mmcare.spec import Spec

__all__ = ["split_cohort"]

Stratum = tuple[object, ...]
_SHOWN = 3
_CODES = ("censored", "event", "competing event")


def split_cohort(spec: Spec, cohort: Cohort) -> tuple[Mapping[str, Split], list[Finding]]:
    """The split of the patients whose outcomes can be learned from, by the spec's strata and seed.

    Returns:
        Each patient's split, and notes: on patients whose arm or outcomes are not known, and on strata too small for
        every split to hold one of them.

    Raises:
        CohortError: There are too few patients.
    """
    layout = cohort.outcome_layout()
    outcomes = cohort.outcomes(layout, cohort.patients)
    strata = dict(_strata(spec, cohort, outcomes))
    splits = split_patients(list(strata), strata, spec.split.fractions, spec.split.seed)
    named = {stratum: _in_words(spec, layout, stratum) for stratum in set(strata.values())}
    return splits, [*_left_out(cohort, len(splits)), *_thin(spec, splits, {p: named[s] for p, s in strata.items()})]


def _strata(spec: Spec, cohort: Cohort, outcomes: Outcomes) -> Iterator[tuple[str, Stratum]]:
    """Patients with a known arm and at least one known outcome, each with its stratum."""
    for row, patient in enumerate(cohort.patients):
        if int(outcomes.arm[row]) >= 0 and bool((~outcomes.time[row].isnan()).any()):
            by = {"arm": int(outcomes.arm[row]), "event": tuple(outcomes.event[row].tolist())}
            yield patient, tuple(by[name] for name in spec.split.stratify)


def _in_words(spec: Spec, layout: OutcomeLayout, stratum: Stratum) -> str:
    by = dict(zip(spec.split.stratify, stratum, strict=True))
    words = [layout.arms[by["arm"]]] if "arm" in by else []  # type: ignore[call-overload]
    codes: tuple[int, ...] = by.get("event", ())  # type: ignore[assignment]
    words += [f"{endpoint.name} {_CODES[code]}" for endpoint, code in zip(layout.endpoints, codes, strict=False)]
    return ", ".join(words)


def _left_out(cohort: Cohort, n: int) -> list[Finding]:
    missing = len(cohort.patients) - n
    if not missing:
        return []
    what = f"{missing} of {len(cohort.patients)} patients are in no split: their arm, or every outcome, is not known."
    return [Finding(what=what, severity=Severity.NOTE, code="no-outcome")]


def _thin(spec: Spec, splits: Mapping[str, Split], strata: Mapping[str, str]) -> list[Finding]:
    """Strata of which some split, that is to hold patients, holds none."""
    due = [name for name, fraction in zip(NAMES, spec.split.fractions, strict=True) if fraction > 0]
    held = Counter((strata[patient], split) for patient, split in splits.items())
    sizes = Counter(strata.values())
    thin = [s for s in sorted(sizes) if any(not held[s, split] for split in due)]
    if not thin:
        return []
    shown = "; ".join(f"{s} ({sizes[s]})" for s in thin[:_SHOWN]) + ("; …" if len(thin) > _SHOWN else "")
    what = f"{len(thin)} of {len(sizes)} strata have too few patients for one in every split: {shown}."
    return [Finding(key="split.stratify", what=what, severity=Severity.NOTE, code="thin-stratum")]

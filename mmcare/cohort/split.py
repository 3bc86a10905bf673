"""Training, validation and test patients: seeded, stratified by arm and event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mmcare.components import Split
from mmcare.errors import CohortError, Finding

__all__ = ["LEAST_PATIENTS", "NAMES", "split_patients"]

NAMES: tuple[Split, ...] = ("training", "validation", "test")
LEAST_PATIENTS = 10


def split_patients(
    patients: Sequence[str], strata: Mapping[str, tuple[object, ...]], fractions: Sequence[float], seed: int
) -> Mapping[str, Split]:
    """The split of each patient, in the patients' order.

    Patients of one stratum are permuted and laid end to end, stratum after stratum; that line is dealt to the splits
    so that every stretch of it holds the fractions as nearly as whole patients can. So each stratum, and the whole,
    are within one patient of their share.

    Args:
        patients: Ids.
        strata: What each patient is stratified by (arm, event codes).
        fractions: Shares of training, validation and test; sum 1.
        seed: Decides the permutations.

    Raises:
        CohortError: Fewer than 10 patients, or a split that should hold patients would hold none.
    """
    if len(patients) < LEAST_PATIENTS:
        what = f"{len(patients)} patients with outcomes; a split needs at least {LEAST_PATIENTS}."
        raise CohortError(Finding(what=what, todo="Bring more patients.", code="too-few"))
    rng = np.random.default_rng(seed)
    groups: dict[tuple[object, ...], list[str]] = {}
    for patient in patients:
        groups.setdefault(strata[patient], []).append(patient)
    line = [
        group[i] for key in sorted(groups, key=repr) for group in (groups[key],) for i in rng.permutation(len(group))
    ]
    dealt = dict(zip(line, _deal(len(line), np.asarray(fractions), rng), strict=True))
    return {patient: NAMES[dealt[patient]] for patient in patients}


def _deal(n: int, fractions: np.ndarray, rng: np.random.Generator) -> list[int]:  # type: ignore[type-arg]
    """Each place of a line of n to a split, every split always nearest to the share it is owed."""
    given = np.zeros(len(fractions))
    start = rng.random(len(fractions)) * 1e-6  # breaks ties without preferring a split
    places = []
    for done in range(1, n + 1):
        split = int(np.argmax(fractions * done - given + start))
        given[split] += 1
        places.append(split)
    if any(fraction > 0 and count == 0 for fraction, count in zip(fractions, given, strict=True)):
        counts = ", ".join(f"{name} {int(count)}" for name, count in zip(NAMES, given, strict=True))
        what = f"{n} patients split by {[float(f) for f in fractions]} give {counts}: one is empty."
        raise CohortError(
            Finding(key="split.fractions", what=what, todo="Bring more patients, or change the fractions.")
        )
    return places

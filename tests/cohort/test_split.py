"""The split: seeded, stratified, whole."""

from __future__ import annotations

from collections import Counter

import pytest

from mmcare.cohort import split_patients
from mmcare.errors import CohortError


def patients(n: int) -> tuple[list[str], dict[str, tuple[object, ...]]]:
    ids = [f"P{i}" for i in range(n)]
    return ids, {p: (i % 2, i % 5 == 0) for i, p in enumerate(ids)}


@pytest.mark.parametrize("n", [20, 97, 600])
def test_fractions_hold_overall_and_in_every_stratum(n: int) -> None:
    ids, strata = patients(n)
    splits = split_patients(ids, strata, (0.7, 0.15, 0.15), seed=3)
    assert list(splits) == ids
    counts = Counter(splits.values())
    for name, fraction in (("training", 0.7), ("validation", 0.15), ("test", 0.15)):
        assert abs(counts[name] - fraction * n) <= 1
        for stratum, size in Counter(strata.values()).items():
            found = sum(splits[p] == name for p in ids if strata[p] == stratum)
            assert abs(found - fraction * size) <= 2


def test_the_seed_decides() -> None:
    ids, strata = patients(100)
    assert split_patients(ids, strata, (0.7, 0.15, 0.15), 1) == split_patients(ids, strata, (0.7, 0.15, 0.15), 1)
    assert split_patients(ids, strata, (0.7, 0.15, 0.15), 1) != split_patients(ids, strata, (0.7, 0.15, 0.15), 2)


def test_too_few_patients_are_said() -> None:
    ids, strata = patients(5)
    with pytest.raises(CohortError) as error:
        split_patients(ids, strata, (0.7, 0.15, 0.15), 0)
    assert str(error.value) == "5 patients with outcomes; a split needs at least 10. Bring more patients."

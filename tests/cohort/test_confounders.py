"""Which columns measure what decides who gets which arm."""

from __future__ import annotations

import pytest

from mmcare.cohort.confounders import CONFOUNDERS, confounders_of
from mmcare.cohort.dictionary import Dictionary


def dictionary(**confounders: list[str]) -> Dictionary:
    return Dictionary.model_validate({"mmcare_cohort": 1, "confounders": confounders})


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("operable", "operability"), ("Operability", "operability"), ("inoperable", "operability"),
        ("fev1", "lung_function"), ("FEV1_pct", "lung_function"), ("DLCO", "lung_function"),
        ("tlco_percent", "lung_function"),
        ("ecog", "performance_status"), ("ECOG_PS", "performance_status"), ("karnofsky", "performance_status"),
        ("performance_status", "performance_status"),
        ("charlson", "comorbidity"), ("CCI", "comorbidity"),
        ("frailty", "frailty"), ("clinical_frail", "frailty"), ("CFS", "frailty"),
    ],
)  # fmt: skip
def test_columns_are_known_by_their_names(column: str, name: str) -> None:
    found = {c.name: c.columns for c in confounders_of(dictionary(), ["age", column, "sex"])}
    assert found == {**dict.fromkeys(CONFOUNDERS, ()), name: (column,)}


def test_what_the_dictionary_says_goes_before_names() -> None:
    """Named columns count where they are inputs; an empty list states that nobody's arm depends on it."""
    said = dictionary(lung_function=["spirometry", "not_read"], frailty=[])
    found = {c.name: c for c in confounders_of(said, ["spirometry", "fev1", "frailty", "ecog"])}
    assert found["lung_function"].columns == ("spirometry",) and not found["lung_function"].ruled_out
    assert found["frailty"].columns == () and found["frailty"].ruled_out
    assert found["performance_status"].columns == ("ecog",)
    assert found["comorbidity"].columns == () and not found["comorbidity"].ruled_out
    assert found["performance_status"].words == "performance status"

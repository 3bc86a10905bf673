"""Which ids can stand in a path, and what name the others get."""

from __future__ import annotations

import pytest

from mmcare.formats import check_id, file_name

ALLOWED = (
    "allowed are 1 to 64 of the letters A-Z and a-z, digits, '-', '_', '.' and inner spaces, beginning with a letter "
    "or digit, not ending in '.', and no device name of Windows such as CON."
)


@pytest.mark.parametrize("identifier", ["P1", "LUNG1-001", "P-0000219-T01-IM3", "a b", "console", "A" * 64, "1.2.3"])
def test_safe_ids_stay_as_they_are(identifier: str) -> None:
    assert check_id(identifier) is None
    assert file_name(identifier, ".html") == identifier + ".html"


UNSAFE = [
    "",
    "..",
    ".hidden",
    "a/b",
    "a\\b",
    "CON",
    "aux.",
    "nul.txt",
    "Müller",
    "P🫁",
    "x" * 300,
    "a\nb",
    " a",
    "a ",
    "-a",
]


@pytest.mark.parametrize("identifier", UNSAFE)
def test_unsafe_ids_are_named_with_what_is_allowed(identifier: str) -> None:
    finding = check_id(identifier)
    assert finding is not None
    assert finding.what.startswith("the id '")
    assert finding.what.endswith(f"({len(identifier)} characters) cannot be part of a file name; {ALLOWED}")
    assert finding.todo == "Give the patient another id in every file of the cohort."


def test_the_whole_message() -> None:
    assert str(check_id("../etc")) == (
        f"patient ../etc: the id '../etc' (6 characters) cannot be part of a file name; {ALLOWED} "
        "Give the patient another id in every file of the cohort."
    )


def test_unsafe_ids_get_safe_names_that_differ() -> None:
    names = [file_name(identifier) for identifier in UNSAFE]
    assert len(set(names)) == len(UNSAFE)
    assert all(check_id(name) is None for name in names)
    assert file_name("a/b", ".html") == "a-b-c14cddc033f6.html"

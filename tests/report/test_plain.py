"""Sentences of the decision and the prediction in the page's words: names where our sentences have keys, only there."""

from __future__ import annotations

import pytest

from mmcare.report.plain import Plain, typeset

SAID = Plain({"sbrt": "SBRT", "surgery": "surgical resection"}, ("os", "lc"), ("ct", "clinical"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "lc under sbrt is the arm's average. os under surgery is known to 1.5 years, not to 3.",
            "Local control under SBRT is the treatment's average. Overall survival under surgical resection is known to"
            " 1.5 years, not to 3.",
        ),
        (
            "Of patients like this one received sbrt 17 % and surgery 83 %; each must lie between 10 and 90 %.",
            "Of patients like this one received SBRT 17\u00a0% and surgical resection 83\u00a0%; each must lie between"
            " 10 and 90\u00a0%.",
        ),
        (
            "surgery over sbrt: -0.081, at least -0.134; more than 0.03 matters.",
            "surgical resection over SBRT: −8.1 points, at least −13.4 points; more than 3 points matter.",
        ),
        ("arm average in its part of lc", "average of the treatment in its part of local control"),
        ("lc at 3 years is not known", "Local control at 3 years is not known"),
        ("the same inputs (ct, clinical): 96 under sbrt", "the same inputs (CT, clinical): 96 under SBRT"),
        ("a slope of -0.39 without `decision.cross_fit`", "a slope of −0.39 without “decision.cross_fit”"),
        ("beyond the follow-up under surgery (2.4 years)", "beyond the follow-up under surgical resection (2.4 years)"),
    ],
)
def test_keys_become_names(text: str, expected: str) -> None:
    assert SAID(text) == expected


def test_a_path_keeps_its_parts() -> None:
    assert SAID("no CT at /data/ct/P1.nii.gz, ct-2/a, ct.nii") == "no CT at /data/ct/P1.nii.gz, ct-2/a, ct.nii"


def test_a_key_that_is_a_word_is_left_alone_where_it_is_none() -> None:
    said = Plain({"a": "Arm A", "under": "Arm U"}, ("is",), ())
    assert said("This is a patient under a: a over under.") == "This is a patient under Arm A: Arm A over Arm U."
    assert Plain({}, (), ())("lc under sbrt") == "lc under sbrt"


def test_keys_may_hold_anything() -> None:
    said = Plain({"a|b(": "<b>", "(?P<x>": "{{ x }}"}, ("[os", "os.*"), ())
    assert said("[os under a|b( and os.* under (?P<x>") == "[os under <b> and os.* under {{ x }}"


def test_numbers_are_typeset() -> None:
    assert typeset("96 x 96 x 96 mm, -1.5 to -3, os-1, 1-2, 5 % of it") == (
        "96 × 96 × 96 mm, −1.5 to −3, os-1, 1-2, 5\u00a0% of it"
    )

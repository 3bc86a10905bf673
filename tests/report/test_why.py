"""What is said of outputs that were not explained."""

from __future__ import annotations

from mmcare.explain import Target
from mmcare.report.why import in_words

NAMES = {"sbrt": "SBRT", "surgery": "resection"}
TARGETS = (Target("os", 3, "sbrt"), Target("os", 3, "surgery"), Target("os", 3, "surgery", "sbrt"))
AVERAGE = "is the arm's average, the same for every patient: there is nothing to explain"


def test_what_holds_of_one_output_names_it() -> None:
    notes = (f"{TARGETS[0].key} {AVERAGE}", "CT counts as a whole")
    assert in_words(notes, TARGETS, NAMES) == (
        f"Overall survival at three years: SBRT {AVERAGE}",
        "CT counts as a whole",
    )


def test_what_holds_of_several_outputs_is_said_once() -> None:
    notes = [f"{target.key} {AVERAGE}" for target in TARGETS]
    assert in_words(notes[:2], TARGETS, NAMES) == (
        f"Overall survival at three years: SBRT; Overall survival at three years: resection: each {AVERAGE}",
    )
    assert in_words(notes, TARGETS, NAMES) == (f"Every output {AVERAGE}",)

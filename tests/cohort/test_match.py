"""Whether a spec and a cohort fit: what is known only after the decision, and arms that nobody received."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mmcare.cohort import read_cohort
from mmcare.spec import load_spec
from mmcare.workflow.cohort_match import check_match

from .conftest import DICTIONARY, as_text, rows

Write = Callable[..., Path]
SPEC = """\
mmcare: 1
modalities:
  clinical: {use: table, encoder: {use: mlp}}
head: {use: dual-task, endpoints: {os: {model: discrete}}}
"""
LEFT_OUT = (
    "note: spec.yaml:3:3, modalities.clinical: left out, since known only after the treatment decision "
    "(`available_at: after`): stage."
)
ONE_ARM = DICTIONARY.replace("arms: {column: arm, values: {sbrt: SBRT, surgery: resection}}\n", "")


def said(tmp_path: Path, folder: Path, spec: str) -> list[str]:
    file = tmp_path / "spec.yaml"
    file.write_text(spec)
    return [f"{f.severity}: {f}".replace(f"{tmp_path}/", "") for f in check_match(load_spec(file), read_cohort(folder))]


def test_columns_known_only_after_are_left_out_and_named(tmp_path: Path, write: Write) -> None:
    override = "For a one-arm prognosis, name the wanted in `columns` and write `allow_after_decision: [clinical]`."
    assert said(tmp_path, write(), SPEC) == [LEFT_OUT]
    assert said(tmp_path, write(ONE_ARM), SPEC) == [f"{LEFT_OUT} {override}"]
    assert said(tmp_path, write(ONE_ARM), SPEC.replace("use: table,", "use: table, exclude: [stage],")) == []


def test_a_column_known_only_after_is_refused_or_allowed_by_name(tmp_path: Path, write: Write) -> None:
    """T17."""
    named = SPEC.replace("use: table,", "use: table, columns: [age, stage],")
    what = (
        "error: spec.yaml:3:26, modalities.clinical.columns: `stage` is known only after the treatment decision "
        "(`available_at: after`)"
    )
    choice = ": no input where a choice between arms is predicted. Take it out of the spec."
    assert said(tmp_path, write(), named) == [what + choice]
    allowed = ". For a one-arm prognosis, allow it by name: `allow_after_decision: [clinical]`."
    assert said(tmp_path, write(ONE_ARM), named) == [what + allowed]
    assert said(tmp_path, write(ONE_ARM), named + "allow_after_decision: [clinical]\n") == []
    assert said(tmp_path, write(), named + "allow_after_decision: [clinical]\n") == [what + choice]


def test_an_arm_that_the_spec_asks_for_and_nobody_received(tmp_path: Path, write: Write) -> None:
    """O05."""
    table = as_text([{**row, "arm": "sbrt"} for row in rows()])
    spec = SPEC + "requires: {arms: [sbrt, surgery]}\n"
    assert said(tmp_path, write(), spec) == [LEFT_OUT]
    assert said(tmp_path, write(table=table), spec)[0] == (
        f"error: spec.yaml:5:12, requires.arms: asks for sbrt, surgery; the patients of {tmp_path} received sbrt. "
        "Change `requires`, or use another cohort."
    )

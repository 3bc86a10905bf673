"""A cohort's split: the same for all specs of one seed, and what is said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from mmcare.cohort import read_cohort
from mmcare.spec import load_spec
from mmcare.workflow.cohort_split import split_cohort

from .conftest import as_text, rows

Write = Callable[..., Path]
NETWORK = """\
mmcare: 1
modalities:
  clinical: {use: table, encoder: {use: mlp}}
head: {use: dual-task, endpoints: {os: {model: discrete}}}
"""
BASELINE = "mmcare: 1\nmodalities: {clinical: {use: table}}\nbaseline: {use: cox-ph}\n"


def split(tmp_path: Path, folder: Path, spec: str = NETWORK) -> tuple[dict[str, str], list[str]]:
    file = tmp_path / "spec.yaml"
    file.write_text(spec)
    splits, findings = split_cohort(load_spec(file), read_cohort(folder))
    return dict(splits), [f"{finding.severity}: {finding}" for finding in findings]


def test_all_specs_of_one_seed_share_the_split(tmp_path: Path, write: Write) -> None:
    folder = write(table=as_text(rows(120)))
    first, said = split(tmp_path, folder)
    assert said == []
    assert split(tmp_path, folder, BASELINE)[0] == first
    assert split(tmp_path, folder, NETWORK + "split: {seed: 1}\n")[0] != first
    assert Counter(first.values()) == {"training": 84, "validation": 18, "test": 18}


def test_patients_whose_arm_or_outcome_is_unknown_are_in_no_split(tmp_path: Path, write: Write) -> None:
    table = rows(120)
    table[3]["arm"] = table[5]["dead"] = table[8]["os_months"] = ""
    splits, said = split(tmp_path, write(table=as_text(table)))
    assert {"P03", "P05", "P08"}.isdisjoint(splits)
    assert len(splits) == 117
    assert said == ["note: 3 of 120 patients are in no split: their arm, or every outcome, is not known."]


def test_strata_too_small_for_every_split_are_named(tmp_path: Path, write: Write) -> None:
    table = rows(120)
    for i, row in enumerate(table):
        row["dead"] = str(int(i % 3 == 0 and (i % 2 == 0 or i < 9)))
    _, said = split(tmp_path, write(table=as_text(table)))
    assert said == [
        "note: split.stratify: 1 of 4 strata have too few patients for one in every split: surgery, os event (1)."
    ]

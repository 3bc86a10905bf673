"""`spec new`: what it prints and writes; the spec trains as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcare.cli.main import EXAMPLE, load_verb, main
from mmcare.cli.verbs import VERBS
from mmcare.synthetic import draw, write_cohort

DICTIONARY = """\
mmcare_cohort: 1
arms: {column: arm, values: {one: one, other: the other}}
endpoints:
  os: {time: years, event: died, horizons: [1, 2]}
columns:
  age: {unit: years}
  sex: {type: category, levels: [female, male]}
  grade: {type: category, available_at: after}
"""


@pytest.fixture
def cohort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eighty patients and a table, in the folder in which the test stands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    Path("tables").mkdir()
    Path("tables/cohort.yaml").write_text(DICTIONARY)
    rows = ["patient_id,arm,years,died,age,sex,grade"]
    for i in range(80):
        arm, sex = ("one", "other")[i % 2], ("female", "male")[i % 5 < 2]
        rows.append(f"P{i},{arm},{1 + i % 7 / 2},{int(i % 3 > 0)},{50 + i % 31},{sex},g{i % 3}")
    Path("tables/patients.csv").write_text("\n".join(rows) + "\n")
    return Path("tables")


def test_it_is_printed(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spec", "new", "--cohort", "tables"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out == (
        "# A first spec for tables, made by `mmcare spec new`. What is not here has a default:\n"
        "# `mmcare spec show --resolved` shows all values, `mmcare plugin show NAME` what a component can do.\n"
        "mmcare: 1\n"
        "name: tables  # runs are named after it\n"
        "requires: {arms: [one, other]}  # refuse a cohort without them\n"
        "modalities:\n"
        "  clinical:  # 2 columns: age, sex\n"
        "    use: table\n"
        "    encoder: {use: mlp}\n"
        "head:\n"
        "  use: dual-task\n"
        "  endpoints:  # by the cohort's keys; the first leads\n"
        "    os: {model: discrete, weight: 1.0}\n"
        "split: {fractions: [0.70, 0.15, 0.15], stratify: [arm, event], seed: 0}  # training, validation, test\n"
        "training:\n"
        "  lr: 1.0e-4\n"
        "  batch_size: 16\n"
        "  max_epochs: 100\n"
        "  early_stopping: {metric: loss, patience: 10}\n"
        "  device: auto  # CUDA where there is one\n"
    )


def test_it_is_written_once(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spec", "new", "--cohort", "tables", "--out", "sub/first.yaml"]) == 0
    assert capsys.readouterr() == (
        "sub/first.yaml\n",
        "Next: mmcare train sub/first.yaml --cohort tables\n",
    )
    before = Path("sub/first.yaml").read_bytes()
    assert main(["spec", "new", "--cohort", "tables", "--out", "sub/first.yaml"]) == 2
    assert capsys.readouterr() == (
        "",
        "Error: sub/first.yaml: exists; nothing was written.\n  Give another `--out`.\n",
    )
    assert Path("sub/first.yaml").read_bytes() == before


def test_the_example_of_its_help_runs(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mmcare-demo").mkdir()
    cohort.rename("mmcare-demo/cohort")
    verb = next(verb for verb in VERBS if (verb.group, verb.name) == ("spec", "new"))
    lines = (load_verb(verb).help or "").partition(EXAMPLE)[2].strip().splitlines()
    assert lines and all(main(line.split()[1:]) == 0 for line in lines), capsys.readouterr()


def test_no_cohort(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spec", "new", "--cohort", "nowhere"]) == 2
    assert capsys.readouterr() == ("", "Error: nowhere: there is no such folder.\n  Check the path.\n")


def test_it_trains_on_its_cohort_unedited(cohort: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["spec", "new", "--cohort", "tables", "--out", "first.yaml"]) == 0
    assert main(["spec", "check", "first.yaml", "--cohort", "tables"]) == 0
    assert main(["train", "first.yaml", "--cohort", "tables", "--dry-run"]) == 0, capfd.readouterr()
    assert capfd.readouterr().err.endswith(
        "\nTwo batches went through training, validation, saving, loading and prediction. The dry run is removed.\n"
    )


@pytest.mark.slow
def test_it_trains_on_a_cohort_of_three_modalities_unedited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    write_cohort(draw("heterogeneous", 60, 0), Path("cohort"), size_voxels=24, spacing_mm=4.0)
    assert main(["spec", "new", "--cohort", "cohort", "--out", "first.yaml"]) == 0
    assert main(["train", "first.yaml", "--cohort", "cohort", "--dry-run"]) == 0, capfd.readouterr()
    assert capfd.readouterr().err.endswith(
        "\nTwo batches went through training, validation, saving, loading and prediction. The dry run is removed.\n"
    )

"""`mmcare cohort check` and `mmcare cohort make`: what they print, and how they end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mmcare.cli.main import main

Capture = pytest.CaptureFixture[str]
DICTIONARY = """\
mmcare_cohort: 1
endpoints:
  os: {time: years, event: dead, horizons: [1]}
columns:
  age: {type: number, unit: years}
"""


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    folder = tmp_path / "cohort"
    folder.mkdir()
    (folder / "cohort.yaml").write_text(DICTIONARY)
    lines = [f"P{i},{0.5 + i if i % 2 else 3 + i},{i % 2},{60 + i}" for i in range(12)]
    (folder / "patients.csv").write_text("\n".join(["patient_id,years,dead,age", *lines]) + "\n")
    return folder


def spoil(folder: Path, old: str, new: str) -> None:
    table = folder / "patients.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new))


def test_check_ends_with_0_1_or_2(cohort: Path, capfd: Capture) -> None:
    assert main(["cohort", "check", str(cohort)]) == 0
    assert capfd.readouterr() == (f"{cohort}: 12 patients, arms all, os; no modality beside the table\n", "")
    spoil(cohort, "P2,5,0,62", "P2,5,0,")
    assert main(["cohort", "check", str(cohort)]) == 0
    for i in range(12):
        (cohort / "patients.csv").write_text((cohort / "patients.csv").read_text().replace(f",{60 + i}\n", ",61\n"))
    assert main(["cohort", "check", str(cohort)]) == 1
    spoil(cohort, "P3,3.5,1,61", "P3,3.5,2,61")
    capfd.readouterr()
    assert main(["cohort", "check", str(cohort)]) == 2
    _, err = capfd.readouterr()
    assert f"Error: {cohort}/patients.csv:5, dead: codes `2` (1 times) have no meaning" in err
    assert "Traceback" not in err


def test_check_as_json(cohort: Path, capfd: Capture) -> None:
    spoil(cohort, "P3,3.5", "P3,-3.5")
    assert main(["cohort", "check", str(cohort), "--json"]) == 2
    out, err = capfd.readouterr()
    (finding,) = json.loads(out)
    assert finding["severity"] == "error"
    assert (finding["file"], finding["line"], finding["key"]) == (f"{cohort}/patients.csv", 5, "years")
    assert finding["value"] == "-3.5"
    assert finding["what"] and finding["todo"]
    assert err == ""


def test_check_as_one_table(cohort: Path, capfd: Capture) -> None:
    spoil(cohort, "P3,3.5", "P3,-3.5")
    assert main(["cohort", "check", str(cohort), "--table"]) == 2
    out, err = capfd.readouterr()
    header, row, summary = out.splitlines()
    assert re.split(r"  +", header.strip()) == [
        "severity",
        "patient",
        "file",
        "column",
        "value",
        "found",
        "what to do",
    ]
    assert re.split(r"  +", row.strip()) == [
        "error",
        f"{cohort}/patients.csv:5",
        "years",
        "-3.5",
        "`-3.5` in line 5 (patient P3): a time is counted from the treatment decision and is greater than 0.",
        "Correct these patients' dates, or leave the cell empty.",
    ]
    assert summary == f"{cohort}: 12 patients, arms all, os; no modality beside the table"
    assert err == ""
    assert row.index("years") == header.index("column")


def test_check_of_a_synthetic_cohort(tmp_path: Path, capfd: Capture) -> None:
    from mmcare.synthetic import draw, write_cohort

    folder = tmp_path / "synthetic"
    write_cohort(draw("heterogeneous", 40, 1), folder, size_voxels=12, spacing_mm=6.0)
    main(["cohort", "check", str(folder)])
    out, err = capfd.readouterr()
    assert out == f"{folder}: 40 patients, arms sbrt, surgery, os, lc; ct, genomic\n"
    assert "Error" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["no-such-recipe", "--from", "X"],
            "there is no recipe 'no-such-recipe'",
        ),
        (
            ["msk-luad-2020", "--from", "X"],
            "X: there is no such folder.\n  Name the folder of the published files with `--from`.",
        ),
        (
            ["msk-luad-2020", "--from", "X", "--set", "netwrok=a.tsv"],
            "netwrok: the recipe `msk-luad-2020` has no such setting.\n  Its settings are: network.",
        ),
        (["msk-luad-2020", "--from", ".", "--set", "network"], "'network' is not KEY=VALUE."),
    ],
)
def test_make_says_what_is_wrong(
    arguments: list[str], message: str, tmp_path: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["cohort", "make", *arguments, "--out", str(tmp_path / "out")]) != 0
    out, err = capfd.readouterr()
    assert out == ""
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_make_of_a_folder_that_is_no_study(tmp_path: Path, capfd: Capture) -> None:
    (tmp_path / "data_mutations.txt").write_text("x")
    assert main(["cohort", "make", "msk-luad-2020", "--from", str(tmp_path), "--out", str(tmp_path / "out")]) != 0
    assert (
        "a study folder of cBioPortal needs data_clinical_patient.txt, data_clinical_sample.txt, data_mutations.txt, "
        "data_gene_panel_matrix.txt; absent: data_clinical_patient.txt, data_clinical_sample.txt, "
        "data_gene_panel_matrix.txt.\n  Name the folder that holds them."
    ) in capfd.readouterr().err

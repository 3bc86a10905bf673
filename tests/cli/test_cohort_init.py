"""`mmcare cohort init`: what it prints, what it writes, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcare.cli.main import main

Capture = pytest.CaptureFixture[str]
TABLE = "\n".join(["patient_id,time,dead,age", *(f"P{i},{i + 1},{i % 2},{60 + i}" for i in range(12))]) + "\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    path.write_text(TABLE)
    return path


def test_the_draft_is_printed_or_written_as_a_cohort(table: Path, tmp_path: Path, capfd: Capture) -> None:
    assert main(["cohort", "init", str(table)]) == 0
    printed, err = capfd.readouterr()
    assert err == ""
    assert 'unit: "TODO: years, months, weeks or days? (1 to 12)"' in printed
    folder = tmp_path / "cohort"
    assert main(["cohort", "init", str(table), "--out", str(folder)]) == 0
    out, err = capfd.readouterr()
    assert out == f"{folder}/cohort.yaml\n"
    assert err == f"2 left to fill in: each is marked TODO.\nNext: mmcare cohort check {folder}\n"
    assert (folder / "cohort.yaml").read_text() == printed.replace("file: t.csv", "file: patients.csv")
    assert (folder / "patients.csv").read_text() == TABLE
    assert main(["cohort", "check", str(folder)]) == 2
    _, err = capfd.readouterr()
    assert "endpoints.os.unit: is left to fill in: years, months, weeks or days? (1 to 12)" in err
    assert "Traceback" not in err


def test_known_errors_are_words(table: Path, tmp_path: Path, capfd: Capture) -> None:
    assert main(["cohort", "init", str(tmp_path / "no.csv")]) == 2
    assert capfd.readouterr().err == (
        f"Error: {tmp_path}/no.csv: there is no such file.\n  Name a file that can be read.\n"
    )
    assert main(["cohort", "init", str(table), "--redcap", str(table)]) == 2
    assert capfd.readouterr().err == (
        "Error: --redcap: the table is written anew, with words in place of codes.\n  Name a new folder with `--out`.\n"
    )
    assert main(["cohort", "init", str(table), "--encoding", "utf-61"]) == 2
    assert "'utf-61' is no encoding, such as windows-1252." in capfd.readouterr().err
    assert main(["cohort", "init", str(table), "--sheet", "Data"]) == 2
    assert capfd.readouterr().err == (
        f"Error: {table}: is text, and a sheet ('Data') is to be read from it; only workbooks have sheets.\n"
        "  Leave `sheet` out.\n"
    )

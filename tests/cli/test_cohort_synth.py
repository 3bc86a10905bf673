"""`mmcare cohort synth`: what it prints, what it refuses, the worlds in its help."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from mmcare.cli.cohort_synth import WorldName, synth
from mmcare.cli.main import main
from mmcare.synthetic.worlds import SUMMARIES, WORLDS

Capture = pytest.CaptureFixture[str]


def test_a_cohort_is_drawn_and_can_be_checked(tmp_path: Path, capfd: Capture) -> None:
    out = tmp_path / "world"
    assert main(["cohort", "synth", str(out), "--n", "60", "--no-ct", "--seed", "3", "--workers", "1"]) == 0
    printed, said = capfd.readouterr()
    assert printed == f"{out}\n"
    assert re.fullmatch(
        r"60 patients of the world heterogeneous in \d+ s: \d+ got SBRT, \d+ died, \d+ had a local failure\. The truth "
        rf"is in {re.escape(str(out))}\.truth; keep it away from training\.\nNext: mmcare cohort check "
        rf"{re.escape(str(out))}\n",
        said,
    )
    assert main(["cohort", "check", str(out)]) in (0, 1), "warnings are of too few events only"
    assert "Error" not in capfd.readouterr().err
    assert (tmp_path / "world.truth" / "oracle.csv").exists() and not (out / "ct").exists()


def test_size_and_world_reach_the_files(tmp_path: Path, capfd: Capture) -> None:
    from mmcare.formats import read_nifti

    out = tmp_path / "world"
    asked = ["--n", "1", "--world", "null", "--size", "96", "--no-oracle", "--workers", "1"]
    assert main(["cohort", "synth", str(out), *asked]) == 0
    assert "1 patient of the world null" in capfd.readouterr().err
    volume, _ = read_nifti(out / "ct" / "SYN-00001.nii.gz")
    assert volume.values.shape == (96, 96, 96)
    assert not (tmp_path / "world.truth" / "oracle.csv").exists()


def test_a_folder_in_use_is_refused(tmp_path: Path, capfd: Capture) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["cohort", "synth", str(tmp_path), "--n", "3"]) == 2
    assert capfd.readouterr() == (
        "",
        f"Error: {tmp_path}: exists and is not empty; nothing is ever overwritten.\n"
        "  Name another folder, or remove this one.\n",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("asked", [["--world", "flat"], ["--n", "0"], ["--seed", "-1"], ["--size", "65"]])
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, capfd: Capture, asked: list[str]) -> None:
    assert main(["cohort", "synth", str(tmp_path / "world"), *asked]) == 2
    assert asked[0] in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_help_says_each_world_in_a_line() -> None:
    text = synth.__doc__ or ""
    said = dict(re.findall(r"^    ([a-z-]+): (.+)$", text, flags=re.MULTILINE))
    assert said == SUMMARIES
    assert get_args(WorldName) == tuple(WORLDS)

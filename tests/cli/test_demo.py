"""`mmcare demo` as a user meets it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mmcare.cli.demo import _average, _next_free
from mmcare.cli.main import main


def test_a_folder_in_use_is_refused_before_anything_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert main(["demo", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.err.replace("\n", " ").strip() == (
        f"Error: {tmp_path}: exists and is not empty; the demo overwrites nothing.   Name another folder with `--out`."
    )
    assert said.out == ""


def test_without_a_name_it_takes_the_next_free_one(tmp_path: Path) -> None:
    assert _next_free(tmp_path / "mmcare-demo") == tmp_path / "mmcare-demo"
    (tmp_path / "mmcare-demo").mkdir()
    (tmp_path / "mmcare-demo-2").mkdir()
    assert _next_free(tmp_path / "mmcare-demo") == tmp_path / "mmcare-demo-3"


def test_arm_averages_are_said_with_their_counts() -> None:
    assert _average({"lc": {"sbrt": 11, "surgery": 13}, "os": {"sbrt": 17}}) == (
        "Arm average: 20 training events of an endpoint in an arm are asked for before its patients get figures of "
        "their own, and some have fewer here (lc: 11 under sbrt, 13 under surgery; os: 17 under sbrt). There everyone "
        "is given the arm's curve and nobody is ranked."
    )


@pytest.mark.slow
def test_the_tiny_demo_from_an_empty_folder(tmp_path: Path) -> None:
    """One process as a user starts it, output in a pipe; then every command that it prints, from the same folder."""
    env = {**os.environ, "MMCARE_CACHE": str(tmp_path / "cache"), "LC_ALL": "C", "PYTHONIOENCODING": "ascii:strict"}
    home = tmp_path / "home"
    home.mkdir()

    def mmcare(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mmcare.cli.main", *words]
        return subprocess.run(command, capture_output=True, text=True, env=env, cwd=home, timeout=500, check=False)

    done = mmcare("demo", "--tiny")
    assert done.returncode == 0, done.stderr
    out, lines = " ".join(done.stdout.split()), done.stdout.splitlines()
    assert re.search(r"Done in (\d+ min )?\d+ s: 120 patients drawn from a written-down causal model", out)
    assert "a model trained on 84 of them for 3 epochs (18 more watched over it), measured on 18 others" in out
    assert "All of it is synthetic and says nothing about real patients." in out
    assert "95 % intervals are of this trained model on other such patients" in out
    assert "Arm average: 20 training events" in out and "arm average: too few training events" in out
    assert all(line == line.rstrip() for line in lines), "nothing trails"
    assert max(map(len, lines)) < 130
    assert "epoch 3/3" in done.stderr and "\x1b" not in done.stdout + done.stderr
    commands = [line for line in lines if line.startswith("mmcare ")]
    assert len(commands) == 3 and "--set fusion.use=concat" in commands[2]
    for command in commands:
        followed = mmcare(*shlex.split(command)[1:])
        assert followed.returncode == 0, followed.stderr

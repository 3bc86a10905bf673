"""The README's own promises: its commands, its size, and the demo's output."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .commands import parse, words_of
from .markdown import blocks, files, sessions, text_of


def excerpt() -> list[str]:
    """What the README shows of the demo."""
    (shown,) = [block.text for block in blocks("README.md", "text") if "One test patient" in block.text]
    return [line for line in shown.splitlines() if line.strip() not in ("", "…")]


def masked(line: str) -> str:
    """Without figures, which differ between machines; a dash in the place of one is one."""
    without_intervals = re.sub(r"\([-\d. to]+\)|(?:\[\d+\])+", "#", line)
    return re.sub(r"#(?: #)*", "#", " ".join(re.sub(r"^-?[\d.]+$|^-$", "#", w) for w in without_intervals.split()))


def test_it_begins_with_two_commands() -> None:
    first, second = [session.command for session in sessions("README.md")][:2]
    assert (first, second) == ("pip install uv", "uv run mmcare demo")
    parse(words_of(second) or [])


def test_its_spec_is_of_ten_lines_and_its_plugin_of_a_screen() -> None:
    shown = files("README.md")
    assert len(shown["small.yaml"].splitlines()) <= 10
    assert len(shown["my_encoder.py"].splitlines()) <= 26


def test_it_says_what_it_must() -> None:
    text = text_of("README.md")
    for words in ("Research use only", "synthetic", "mmcare[all]", "MMCARE_TEST_DATA", "uv run pytest", "Apache-2.0"):
        assert words in text, words


@pytest.mark.slow
def test_the_demo_prints_what_it_shows(tmp_path: Path) -> None:
    env = {**os.environ, "MMCARE_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "mmcare.cli.main", "demo"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = {masked(line) for line in done.stdout.splitlines()}
    assert [line for line in excerpt() if masked(line) not in said] == []

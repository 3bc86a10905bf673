"""What `docs/specs.md` shows is what comes out, and what `--help` shows runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from mmcare.cli.main import EXAMPLE, load_verb, main
from mmcare.cli.verbs import VERBS, Verb

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "specs.md").read_text(encoding="utf-8")
FILE = re.compile(r'^```yaml title="([^"]+)"\n(.*?)^```', re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^```console\n\$ mmcare ([^\n]+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of the page, in the folder where the test stands."""
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for name, text in FILE.findall(PAGE):
        Path(name).write_text(text, encoding="utf-8")


def test_the_page_shows_commands() -> None:
    assert len(COMMAND.findall(PAGE)) >= 2 and len(FILE.findall(PAGE)) >= 3


@pytest.mark.parametrize(("command", "output"), COMMAND.findall(PAGE))
def test_a_command_of_the_page_prints_what_stands_there(
    command: str, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(shlex.split(command))
    assert capsys.readouterr() == (output, "")


@pytest.mark.parametrize(("name", "code"), [("small.yaml", 0), ("wide.yaml", 0), ("wrong.yaml", 2)])
def test_the_specs_of_the_page(name: str, code: int) -> None:
    assert main(["spec", "check", name]) == code


@pytest.mark.parametrize("verb", [v for v in VERBS if v.group == "spec" and v.name in ("check", "show", "schema")])
def test_the_examples_of_help(verb: Verb, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    lines = (load_verb(verb).help or "").partition(EXAMPLE)[2].strip().splitlines()
    assert lines
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0, (line, capsys.readouterr())

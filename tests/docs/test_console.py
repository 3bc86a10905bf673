"""What a page shows of the command line is what comes out; what is too dear to run is a command that exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from mmcare.cli.main import EXAMPLE, load_verb, main
from mmcare.cli.verbs import VERBS, Verb

from .commands import mentioned, parse, words_of
from .markdown import Session, code_spans, pages, sessions, write_files

DEAR = ("demo", "train", "evaluate", "predict")
ALL = [session for page in pages() for session in sessions(page)]
OURS = [session for session in ALL if words_of(session.command) is not None]
SHOWN = [s for s in OURS if s.output and (words_of(s.command) or [""])[0] not in DEAR]


WAITING = "Still importing "
"""Said on a machine that is slow to import a plugin, and nowhere else."""


def expected(shown: str) -> str:
    """A pattern of what is shown; a line of three dots stands for any lines."""
    parts = re.split(r"^ *…\n", shown, flags=re.MULTILINE)
    return "(?:.*\\n)*".join(re.escape(part) for part in parts)


def named(session: Session) -> str:
    return f"{session.page}: {session.command}"


def test_the_pages_show_commands() -> None:
    assert len(SHOWN) >= 6 and len(OURS) >= 20


@pytest.mark.parametrize("session", OURS, ids=named)
def test_a_command_is_one_that_mmcare_has(session: Session) -> None:
    parse(words_of(session.command) or [])


@pytest.mark.parametrize("session", SHOWN, ids=named)
def test_a_command_prints_what_stands_below_it(
    session: Session, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(session.page, desk)
    main(words_of(session.command))
    said = capsys.readouterr()
    err = "".join(line for line in said.err.splitlines(keepends=True) if not line.startswith(WAITING))
    assert re.fullmatch(expected(session.output), err + said.out), err + said.out


@pytest.mark.parametrize("page", pages())
def test_a_command_in_the_text_is_one_that_mmcare_has(page: str) -> None:
    for span in code_spans(page):
        if span.startswith("mmcare "):
            mentioned(span)


@pytest.mark.parametrize("verb", VERBS, ids=lambda v: f"{v.group} {v.name}".strip())
def test_the_example_of_a_help_is_a_command_that_mmcare_has(verb: Verb) -> None:
    lines = (load_verb(verb).help or "").partition(EXAMPLE)[2].strip().splitlines()
    assert lines
    for line in lines:
        parse(words_of(line) or [])


@pytest.mark.parametrize("verb", [v for v in VERBS if v.group == "spec" and v.name in ("check", "show", "schema")])
def test_the_examples_of_spec_help_run(verb: Verb, desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in (load_verb(verb).help or "").partition(EXAMPLE)[2].strip().splitlines():
        assert main(shlex.split(line)[1:]) == 0, (line, capsys.readouterr())


@pytest.mark.slow
def test_the_way_of_own_patients_goes_through_from_end_to_end(
    desk_with_cohorts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk_with_cohorts / "first.yaml").unlink()  # the page makes it
    steps = [words_of(s.command) or [] for s in sessions("docs/getting-started.md") if "my-cohort" in s.command]
    steps.append(["evaluate", "runs/first"])
    assert [words[0] for words in steps] == ["cohort", "spec", "spec", "train", "train", "predict", "evaluate"]
    for words in steps:
        assert main(words) in (0, 1), (words, capsys.readouterr())  # `cohort check` ends with 1 where it warns
    assert (desk_with_cohorts / "runs" / "first" / "metrics.json").exists()

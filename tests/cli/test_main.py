"""The command line itself: errors, exit codes, pipes, names, help."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmcare.cli import main as entry
from mmcare.cli.main import EXAMPLE, command, load_verb, main
from mmcare.cli.verbs import GROUPS, VERBS, Verb

PROBE = '''
import sys
from typing import Annotated
import typer
from mmcare.errors import CohortError, Finding, Severity

def probe(what: str, *, colour_scheme: Annotated[str, typer.Option("--colour-scheme")] = "x") -> None:
    """Do what a test asks for [64, 64] times.

    Example:

        mmcare probe nothing
    """
    if what == "known":
        try:
            raise ValueError("the cause")
        except ValueError as cause:
            first = Finding(what="the age is 'si\\x1b[31mxty'.", todo="Write a number.", file="a b/ü.csv", line=3)
            second = Finding(what="one column is constant.", severity=Severity.WARNING, patient="P7")
            raise CohortError([first, second]) from cause
    if what == "unknown":
        raise ZeroDivisionError("a fault of ours")
    if what == "stop":
        raise KeyboardInterrupt
    if what == "exit":
        sys.exit("said at the end")
    if what == "no":
        raise typer.Exit(1)
    if what == "much":
        for n in range(200_000):
            print("line", n)
    if what == "odd":
        print("Größe → ✓")
'''


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The command line with one verb more, whose module lies in a folder of its own."""
    folder = tmp_path / "with a verb"
    folder.mkdir()
    (folder / "mmcare_probe.py").write_text(PROBE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(entry, "VERBS", (*VERBS, Verb("", "probe", "mmcare_probe:probe", "Probe.")))
    yield folder
    sys.modules.pop("mmcare_probe", None)


def run(code: str, folder: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter, which ends with what `code` leaves in `rc`."""
    env = {**os.environ, "PYTHONPATH": str(folder or ""), **environment}
    return subprocess.run(  # our own interpreter and our own code
        [sys.executable, "-c", f"{code}\nraise SystemExit(rc)"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=env,
        timeout=60,
        check=False,
    )


def examples_of(verb: Verb) -> list[str]:
    """The commands that its `--help` shows."""
    return (load_verb(verb).help or "").partition(EXAMPLE)[2].strip().splitlines()


WITH_PROBE = (
    "from mmcare.cli import main as m; from mmcare.cli.verbs import Verb\n"
    "m.VERBS = (*m.VERBS, Verb('', 'probe', 'mmcare_probe:probe', 'Probe.'))\n"
)

KNOWN = (
    "Error: a b/ü.csv:3: the age is 'si\\x1b[31mxty'.\n"
    "  Write a number.\n"
    "Warning: patient P7: one column is constant.\n"
)


def test_a_known_error_is_words_and_exit_code_2(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "known"]) == 2
    assert capsys.readouterr() == ("", KNOWN)


@pytest.mark.parametrize("arguments", [["probe", "known", "--traceback"], ["--traceback", "probe", "known"]])
def test_traceback_shows_where_a_known_error_was_raised(
    probe: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.endswith(KNOWN)
    assert "ValueError: the cause" in err and "mmcare_probe.py" in err


def test_an_unknown_error_keeps_its_traceback_and_asks_for_a_report(
    probe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", "unknown"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("Traceback (most recent call last):")
    assert err.endswith(
        "ZeroDivisionError: a fault of ours\n\nThis is a fault of mmcare or of a plugin, not of your input.\n"
        "Please report it, with the lines above and what `mmcare doctor` prints.\n"
    )


def test_exit_codes(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codes = {what: main(["probe", what]) for what in ("nothing", "no", "stop", "exit")}
    assert codes == {"nothing": 0, "no": 1, "stop": 130, "exit": 1}
    out, err = capsys.readouterr()
    assert out == "" and "Traceback" not in err and "said at the end" in err


def test_nobody_reads_to_the_end(probe: Path) -> None:
    code = f"{WITH_PROBE}raise SystemExit(m.main(['probe', 'much']))"
    with subprocess.Popen(  # our own interpreter and our own code
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(probe)},
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"line 0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1


def test_a_terminal_that_knows_only_ascii(probe: Path) -> None:
    done = run(f"{WITH_PROBE}rc = m.main(['probe', 'odd'])", probe, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Gr\\xf6\\xdfe \\u2192 \\u2713\n", "")
    done = run(f"{WITH_PROBE}rc = m.main(['--help'])", probe, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.returncode == 0 and "Train a spec on a cohort." in done.stdout


def test_a_mistyped_verb_or_option_is_answered_with_the_nearest(
    probe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    for arguments, words in {
        ("trian",): "No such command 'trian'. Did you mean 'train'?",
        ("plugin", "lst"): "No such command 'lst'. Did you mean 'list'?",
        ("probe", "x", "--color-scheme", "y"): "No such option: --color-scheme (Possible options: --colour-scheme)",
        ("probe", "x", "--tracebak"): "No such option: --tracebak (Possible options: --traceback)",
        ("plugin", "list", "--knd", "encoder"): "No such option: --knd (Possible options: --kind)",
        ("--vrsion",): "No such option: --vrsion (Possible options: --version)",
    }.items():
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == "" and words in err, arguments


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    import mmcare

    assert main(["--version"]) == 0
    assert capsys.readouterr() == (f"mmcare {mmcare.__version__}\n", "")


def test_help_shows_the_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    for group in ("", *GROUPS):
        assert main([*group.split(), "--help"]) == 0
        out = capsys.readouterr().out
        for verb in VERBS:
            assert (verb.group == group) == any(
                verb.name in line and verb.summary in line for line in out.splitlines()
            ), verb


def test_help_of_a_verb_keeps_its_brackets_and_its_example(probe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "-h"]) == 0
    out = capsys.readouterr().out
    assert "Do what a test asks for [64, 64] times." in out
    lines = [line.strip() for line in out.splitlines()]
    assert lines[lines.index("Example:") + 1] == "mmcare probe nothing"


@pytest.mark.parametrize("columns", [20, 40, 300])
def test_narrow_and_wide_terminals(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for arguments in (["--help"], ["plugin", "list"], ["plugin", "list", "--help"]):
        assert main(arguments) == 0
        assert "\x1b" not in capsys.readouterr().out


def test_what_must_be_quick_imports_neither_torch_nor_a_verb() -> None:
    code = (
        "import sys, mmcare; from mmcare.cli.main import main; rc = main(['--help']) + main(['spec', '--help'])\n"
        "heavy = {'torch', 'pandas', 'lightning', 'mmcare.registry'} & set(sys.modules)\n"
        "verbs = [m for m in sys.modules if m.startswith('mmcare.cli.') and m[11:] not in ('main', 'verbs')]\n"
        "print(sorted(heavy), verbs, file=sys.stderr)"
    )
    assert run(code).stderr == "[] []\n"
    code = "import sys; from mmcare.cli.main import main; rc = main(['plugin', 'list'])\nrc += 'torch' in sys.modules"
    assert run(code).returncode == 0


def test_every_verb_can_be_imported_without_torch() -> None:
    modules = sorted({verb.target.partition(":")[0] for verb in VERBS})
    code = f"import sys, {', '.join(modules)}\nrc = int('torch' in sys.modules)"
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")


EXAMPLES = [(verb, line) for verb in VERBS for line in examples_of(verb)]


@pytest.mark.parametrize("verb", VERBS, ids=str)
def test_every_verb_has_an_example_of_itself(verb: Verb) -> None:
    words = ["mmcare", *verb.group.split(), verb.name]
    assert any(line.split()[: len(words)] == words for line in examples_of(verb))  # others show what comes next


@pytest.mark.parametrize("line", [line for _, line in EXAMPLES])
def test_every_example_is_a_command_that_its_verb_takes(line: str) -> None:
    """Its options and arguments are the verb's own; what the commands do is tested with each verb."""
    context = command().make_context("mmcare", shlex.split(line)[1:])
    while hasattr(context.command, "resolve_command"):
        _, inner, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
        context = inner.make_context(inner.name, rest, parent=context)
    assert context.params or not context.command.params


def test_no_home_and_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code = "import os; os.environ.pop('HOME', None); from mmcare.cli.main import main; rc = main(['plugin', 'list'])"
    done = run(code, MMCARE_CACHE=str(tmp_path / "file" / "cache"))
    assert done.returncode == 0 and "Traceback" not in done.stderr
    done = run(code.replace("import os;", "import os; os.environ.pop('MMCARE_CACHE');"))
    assert done.returncode == 0 and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("mmcare co", ["cohort"]),
        ("mmcare plugin ", ["list", "show", "check", "new"]),
        ("mmcare plugin list --kind e", ["encoder"]),
        ("mmcare plugin list --tr", ["--traceback"]),
    ],
)
def test_completion(words: str, offered: list[str]) -> None:
    asked = {"_MMCARE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = run("from mmcare.cli.main import main; rc = main([])", **asked)
    assert done.stdout.split() == offered, done.stderr


def test_a_plugin_that_prints_and_exits_harms_neither_json_nor_exit_code(tmp_path: Path) -> None:
    info = tmp_path / "acme_exits-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-exits\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mmcare]\nexits = acme_exits_plugin\n")
    (tmp_path / "acme_exits_plugin.py").write_text(
        "import os, sys\nprint('bye')\nos.system('echo loud')\nsys.exit(3)\n"
    )
    done = run("from mmcare.cli.main import main; rc = main(['plugin', 'list', '--json'])", tmp_path)
    (found,) = [p for p in json.loads(done.stdout) if p["distribution"] == "acme-exits"]
    assert (done.returncode, found["state"], found["version"]) == (0, "broken", "1.0")
    assert found["error"] == (
        "the plugin acme-exits 1.0 calls `sys.exit(3)` when acme_exits_plugin is imported. `mmcare plugin list "
        "--traceback` shows all of it; install it again, upgrade it or remove it."
    )


def test_json_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "list", "--json"]) == 0
    assert {plugin["distribution"] for plugin in json.loads(capsys.readouterr().out)} >= {"mmcare"}


def test_the_example_of_every_verb_here_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    here: Callable[[Verb], bool] = lambda v: v.group == "plugin" or v.name == "doctor"  # noqa: E731
    for verb in filter(here, VERBS):
        for line in examples_of(verb):
            assert main(line.split()[1:]) == 0, (line, capsys.readouterr())

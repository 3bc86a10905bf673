"""`mmcare spec check`, `show` and `schema`: what they print, and with which exit code they end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mmcare.cli.main import main
from mmcare.registry import discover
from mmcare.spec import load_spec, read_layers
from mmcare.spec.schema import json_schema

EXAMPLES = Path(__file__).parents[2] / "examples"

PLUGIN = '''
from pydantic import Field
from mmcare.registry import BaselineConfig, ModalityConfig, component

class RowsConfig(ModalityConfig):
    rate: float = Field(0.5, gt=0, description="Of nothing.")

@component(kind="modality", name="rows", config=RowsConfig, summary="Rows.", gives="table")
class Rows:
    """Never made: a spec is checked without its classes."""

@component(kind="baseline", name="plain", config=BaselineConfig, summary="Plain.")
class Plain:
    """Never made."""
'''

GOOD = "mmcare: 1\nname: small\nmodalities:\n  clinical: {use: rows}\nbaseline: {use: plain}\n"
BAD = """\
mmcare: 1
name: small
modalities:
  clinical: {use: rows, rate: -1}
baseline: {use: plain}
splitt: {seed: 1}
"""
RATE = "expected a number, above 0, found -1."


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a plugin file and two specs, in which the test stands."""
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for name, text in {"small.py": PLUGIN, "good.yaml": GOOD, "bad.yaml": BAD}.items():
        Path(name).write_text(text, encoding="utf-8")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["spec", *arguments])
    return code, *capsys.readouterr()


def test_nothing_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    said = "good.yaml: nothing is wrong (baseline `small`).\n"
    assert run(capsys, "check", "good.yaml", "--plugin", "small.py") == (0, said, "")


def test_all_that_is_wrong_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "bad.yaml", "--plugin", "small.py")
    assert (code, err) == (2, "")
    assert out == (
        f"Error: bad.yaml:4:25, modalities.clinical.rate: {RATE}\n"
        "Error: bad.yaml:6:1, splitt: there is no such key. Did you mean `split`?\n"
        "bad.yaml: 2 errors.\n"
    )


def test_a_warning_does_not_end_with_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    text = (EXAMPLES / "mm-care.yaml").read_text().replace("use: table", "use: table\n    optional: true")
    text = text.replace("    use: ct\n", "    use: ct\n    optional: true\n")
    Path("optional.yaml").write_text(text)
    code, out, err = run(capsys, "check", "optional.yaml")
    assert (code, err) == (0, "")
    assert out == (
        "Warning: optional.yaml:4:1, modalities: every modality is optional: a cohort could lack them all.\n"
        "  Take `optional: true` from the one that every cohort has.\n"
        "optional.yaml: 1 warning (network `mm-care`).\n"
    )


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", "bad.yaml", "--plugin", "small.py", "--format", "json")
    assert code == 2
    assert json.loads(out)[0] == {
        "what": RATE,
        "todo": "",
        "severity": "error",
        "file": "bad.yaml",
        "line": 4,
        "column": 25,
        "key": "modalities.clinical.rate",
        "patient": None,
        "modality": None,
        "code": "value",
        "value": "-1",
    }
    assert run(capsys, "check", "good.yaml", "--plugin", "small.py", "--format", "json") == (0, "[]\n", "")


def test_annotations_for_github(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", "bad.yaml", "--plugin", "small.py", "--format", "github")
    assert code == 2
    assert out == (
        f"::error file=bad.yaml,line=4,col=25,title=modalities.clinical.rate::{RATE}\n"
        "::error file=bad.yaml,line=6,col=1,title=splitt::there is no such key. Did you mean `split`?\n"
    )
    assert run(capsys, "check", "good.yaml", "--plugin", "small.py", "--format", "github") == (0, "", "")


def test_annotations_escape_what_github_would_read(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a,b%.yaml").write_text(BAD)
    _, out, _ = run(capsys, "check", "a,b%.yaml", "--plugin", "small.py", "--set", "name=[1%]", "--format", "github")
    lines = out.splitlines()
    assert lines[0].startswith("::error title=name::") and "1%25" in lines[0]  # no file: it stands on the command line
    assert lines[1].startswith("::error file=a%2Cb%25.yaml,line=4,col=25,")


def test_a_change_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    changes = ("--set", "modalities.clinical.rate=0", "--plugin", "small.py")
    said = "Error: --set, modalities.clinical.rate: expected a number, above 0, found 0.\ngood.yaml: 1 error.\n"
    assert run(capsys, "check", "good.yaml", *changes) == (2, said, "")


def test_a_plugin_that_the_spec_brings_along_is_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    Path("small.py").write_text("open('ran', 'w').close()\n" + PLUGIN)
    Path("brings.yaml").write_text(GOOD + "plugins: [small.py]\n")
    code, out, _ = run(capsys, "check", "brings.yaml")
    assert not Path("ran").exists()
    assert code == 0 and out.splitlines()[0] == (
        "Note: brings.yaml:4:14, modalities.clinical.use: `rows` was not checked: it may come from small.py, "
        "which was not run."
    )
    assert run(capsys, "check", "brings.yaml", "--plugin", "small.py")[0] == 0
    assert Path("ran").exists()


@pytest.mark.parametrize(
    ("cohort", "message"),
    [
        ("nowhere", "Error: nowhere: there is no such folder.\n  Check the path.\n"),
        (
            "small.py",
            "Error: small.py: is a file; a cohort is a folder.\n  Name the folder that holds cohort.yaml.\n",
        ),
    ],
)
def test_what_is_no_cohort(cohort: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = f"{message}good.yaml: 1 error (baseline `small`).\n"
    assert run(capsys, "check", "good.yaml", "--plugin", "small.py", "--cohort", cohort) == (2, said, "")


ODD = ("a b", 'it\'s "quoted"', "Größe 日本", "[red]x[/red] %s {0}", "x" * 250)


@pytest.mark.parametrize("name", ODD, ids=["spaces", "quotes", "letters", "markup", "250 letters"])
def test_odd_paths_work_and_are_shown_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(name).mkdir(parents=True)
    plugin = Path(name, "small.py")
    plugin.write_text(PLUGIN)
    good, bad = Path(name, "good.yaml"), Path(name, "bad.yaml")
    good.write_text(GOOD)
    bad.write_text("extends: good.yaml\nsplitt: {seed: 1}\n")
    files = ("--plugin", str(plugin))
    assert run(capsys, "check", str(good), *files) == (0, f"{good}: nothing is wrong (baseline `small`).\n", "")
    said = f"Error: {bad}:2:1, splitt: there is no such key. Did you mean `split`?\n{bad}: 1 error.\n"
    assert run(capsys, "check", str(bad), *files) == (2, said, "")


COHORT = """\
mmcare_cohort: 1
endpoints:
  os: {time: years, event: died, horizons: [1]}
columns: {age: {}}
"""


def test_a_cohort_that_lacks_what_the_spec_asks_for(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cohort").mkdir()
    Path("cohort/cohort.yaml").write_text(COHORT)
    rows = "".join(f"P{n},{60 + n},{1 + n / 10},{n % 2}\n" for n in range(20))
    Path("cohort/patients.csv").write_text("patient_id,age,years,died\n" + rows)
    file = EXAMPLES / "mm-care.yaml"
    code, out, _ = run(capsys, "check", str(file), "--cohort", "cohort")
    assert code == 2
    assert (
        f"Error: {file}:5:3, modalities.ct: the cohort cohort holds no modality `ct`; it holds: none.\n"
        "  Take it out of the spec, mark it `optional: true`, or name the cohort's with `from:`.\n"
    ) in out
    assert "head.endpoints.lc: the cohort has no such endpoint; it has: os.\n" in out


@pytest.mark.parametrize("verb", [["check"], ["show", "--resolved", "--origin"]])
def test_no_torch_is_imported(verb: list[str]) -> None:
    arguments = ["spec", *verb, str(EXAMPLES / "demo.yaml")]
    code = f"import sys; from mmcare.cli.main import main; print(main({arguments!r}), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1], done.stderr) == (0, "0 False", "")


def test_show_lays_out_what_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("above.yaml").write_text("extends: good.yaml\nmodalities: {clinical: {rate: 1e-4}}\nsplit: {seed: 3}\n")
    said = """\
mmcare: 1
name: changed
modalities:
  clinical:
    use: rows
    rate: 0.0001
baseline:
  use: plain
split:
  seed: 3
"""
    assert run(capsys, "show", "above.yaml", "--set", "name=changed") == (0, said, "")


def test_show_says_where_each_value_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("above.yaml").write_text("extends: good.yaml\nsplit: {seed: 3}\n")
    arguments = ("above.yaml", "--origin", "--resolved", "--set", "training.lr=3e-4", "--plugin", "small.py")
    code, out, err = run(capsys, "show", *arguments)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    for line in (
        "mmcare: 1  # good.yaml:1:1",
        "    use: local/rows  # good.yaml:4:14",
        "    rate: 0.5  # default",
        "  seed: 3  # above.yaml:2:9",
        "  lr: 0.0003  # --set",
    ):
        assert line in lines


@pytest.mark.parametrize("name", ["demo", "mm-care", "mm-care-paper", "msk-luad-2020"])
def test_what_show_prints_reads_back_as_the_same_spec(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = EXAMPLES / f"{name}.yaml"
    spec = load_spec(file)
    code, out, _ = run(capsys, "show", str(file), "--resolved", "--origin")
    Path("shown.yaml").write_text(out)
    assert code == 0 and load_spec("shown.yaml") == spec
    Path("shown.yaml").write_text(run(capsys, "show", str(file))[1])
    assert read_layers(Path("shown.yaml")).data == read_layers(file).data and load_spec("shown.yaml") == spec


def test_show_resolves_no_spec_with_errors(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "show", "bad.yaml", "--resolved", "--plugin", "small.py")
    assert (code, out) == (2, "") and err.count("Error: bad.yaml:") == 2
    assert run(capsys, "show", "bad.yaml")[0] == 0  # what is written can be shown, right or wrong


def test_a_change_to_what_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    changes = ("--set", "modalities.clinical.rate=.nan", "--plugin", "small.py")
    code, out, _ = run(capsys, "check", "good.yaml", *changes)
    assert code == 2 and out.startswith("Error: --set, modalities.clinical.rate: expected ") and "found nan" in out


def test_show_writes_numbers_that_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    written = {"a": ".nan", "b": ".inf", "c": "-.inf"}
    changes = [word for name, value in written.items() for word in ("--set", f"training.{name}={value}")]
    code, out, err = run(capsys, "show", "good.yaml", *changes)
    assert (code, err) == (0, "") and out.endswith("training:\n  a: .nan\n  b: .inf\n  c: -.inf\n")


def test_schema_is_that_of_what_is_installed_and_of_the_files_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "schema")
    assert (code, err) == (0, "") and json.loads(out) == json.loads(json.dumps(json_schema(discover())))
    _, out, _ = run(capsys, "schema", "--plugin", "small.py")
    assert {"rows", "local/rows", "table"} <= set(json.loads(out)["$defs"]["modality"]["properties"]["use"]["enum"])

"""`plugin list`, `plugin show` and `plugin check` on a single file and on a broken distribution."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import mmcare.registry
from mmcare.cli.main import main

ENCODER = '''
import torch
import mmcare
from mmcare.components import Encoder, TokenLayout, Tokens
from mmcare.registry import EncoderConfig
from pydantic import Field

class RowConfig(EncoderConfig):
    scale: float = Field(2.0, gt=0, description="Factor of every value.")
    note: str = ""

@mmcare.component(kind="encoder", name="row", takes="table", config=RowConfig)
class Row(Encoder[RowConfig]):
    """The whole row as one token."""

    def __init__(self, config, layout):
        super().__init__(config, layout)
        self.dim, self.tokens = len(layout.features), TokenLayout.pooled("row")

    def forward(self, batch):
        values = torch.where(batch.measured, batch.values, 0.0) * self.config.scale
        return Tokens(values[:, None], torch.ones(len(batch), 1, dtype=torch.bool))
'''


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "my row.py"
    path.write_text(ENCODER)
    return str(path)


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    info = tmp_path / "site" / "acme_broken-2.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-broken\nVersion: 2.1\n")
    (info / "entry_points.txt").write_text("[mmcare]\nbroken = acme_broken_plugin\n")
    (tmp_path / "site" / "acme_broken_plugin.py").write_text("print('hello')\n1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    mmcare.registry.look_again()
    yield
    mmcare.registry.look_again()


def test_list_shows_a_component_a_line_and_what_is_broken(
    file: str, broken: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugin", "list", "--plugin", file, "--kind", "encoder"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split() == ["kind", "name", "distribution", "version", "state", "import"]
    digest = mmcare.registry.read_local(Path(file)).sha256[:12]
    assert ["encoder", "row", "local", digest, "ready"] in [line.split() for line in out.splitlines()]
    (line,) = [line.split() for line in out.splitlines() if "acme-broken" in line]
    assert line[:5] == ["-", "-", "acme-broken", "2.1", "broken"]
    assert "head" not in {line.split()[0] for line in out.splitlines()}
    assert (
        "Error: the plugin acme-broken 2.1 cannot be imported: ZeroDivisionError: division by zero. `mmcare plugin "
        "list --traceback` shows all of it; install it again, upgrade it or remove it.\n"
    ) in err
    assert "acme_broken_plugin.py" not in err
    assert main(["plugin", "list", "--traceback"]) == 0
    assert 'acme_broken_plugin.py", line 2, in <module>' in capsys.readouterr().err


def test_list_as_json(file: str, broken: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "list", "--json", "--plugin", file]) == 0
    found = {plugin["distribution"]: plugin for plugin in json.loads(capsys.readouterr().out)}
    assert found["local"]["components"] == [
        {
            "kind": "encoder",
            "name": "row",
            "summary": "The whole row as one token.",
            "takes": "table",
            "gives": None,
        }
    ]
    assert (found["acme-broken"]["state"], found["acme-broken"]["version"]) == ("broken", "2.1")
    assert "ZeroDivisionError" in found["acme-broken"]["traceback"]


def test_show_gives_fields_and_yaml(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "show", "local/row", "--plugin", file]) == 0
    digest = mmcare.registry.read_local(Path(file)).sha256[:12]
    out = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    assert out == (
        "encoder row: The whole row as one token.\n"
        f"from local {digest}, local/row, takes table\n"
        "\n"
        "key      type               default  meaning\n"
        "scale    a number, above 0  2.0      Factor of every value.\n"
        'note     text               ""\n'
        "weights  text or null       null     Where the weights start from: a weights file or a run folder.\n"
        "freeze   true or false      false    Keep the weights as they are while training.\n"
        "pooled   true or false      false    Give one token for the whole modality instead of a set.\n"
        "\n"
        "modalities:\n"
        "  MODALITY:\n"
        "    encoder:\n"
        "      use: row\n"
        "      scale: 2.0  # Factor of every value.\n"
        '      note: ""'
    )


def test_show_as_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "show", "row", "--plugin", file, "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["qualified"], shown["takes"], shown["fields"][0]["key"]) == ("local/row", "table", "scale")


def test_show_of_what_is_not_there(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "show", "roww", "--plugin", file]) == 2
    assert capsys.readouterr().err == (
        "Error: there is no component 'roww'; did you mean `row`?\n  `mmcare plugin list` shows what there is.\n"
    )


def test_check_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "check", str(tmp_path)]) == 2
    assert capsys.readouterr() == (
        "",
        f"Error: {tmp_path}: is a folder, not a component or a distribution.\n"
        "  Install it (`pip install --editable DIR`), then check it by its name.\n",
    )


def test_check_of_a_file_says_what_ran_failed_and_did_not_apply(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "check", file]) == 1
    first, *checks, total = capsys.readouterr().out.splitlines()
    assert first == "encoder local/row"
    assert "  failed         config: every field has a description: config fields without a description: note" in checks
    (skipped,) = [line for line in checks if line.startswith("  did not apply  encoder: builds on the meta device")]
    assert skipped.endswith(": it has no parameters")
    counts = [sum(line.startswith(f"  {verdict} ") for line in checks) for verdict in ("passed", "failed", "did not")]
    assert total == f"{len(checks)} checks: {counts[0]} passed, {counts[1]} failed, {counts[2]} did not apply."
    assert sum(counts) == len(checks)

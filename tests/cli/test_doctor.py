"""`doctor` says what is wrong, and names it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import mmcare.registry
from mmcare.cli.environment import unmet_requirements
from mmcare.cli.main import main


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A plugin that asks for what nobody has."""
    info = tmp_path / "site" / "acme_picky-1.0.dist-info"
    info.mkdir(parents=True)
    needs = "".join(
        f"Requires-Dist: {text}\n"
        for text in ("numpy<1", "acme-absent>=2", 'acme-windows; sys_platform == "win32"', 'acme-x; extra == "x"')
    )
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-picky\nVersion: 1.0\n{needs}")
    (info / "entry_points.txt").write_text("[mmcare]\npicky = acme_picky_plugin\n")
    (tmp_path / "site" / "acme_picky_plugin.py").write_text("raise RuntimeError('no licence')\n")
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    mmcare.registry.look_again()
    yield tmp_path / "site"
    mmcare.registry.look_again()


def test_fighting_pins_are_named_with_both_sides(site: Path) -> None:
    mine = [str(finding) for finding in unmet_requirements() if "acme-picky" in str(finding)]
    upgrade = "where two distributions disagree, upgrade the older one."
    assert sorted(mine) == [
        f'acme-picky 1.0 needs acme-absent>=2, and it is not installed. Run `pip install "acme-absent>=2"`; {upgrade}',
        f"acme-picky 1.0 needs numpy<1, and numpy {np.__version__} is installed. "
        f'Run `pip install "numpy<1"`; {upgrade}',
    ]


def test_json_holds_everything(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert found["versions"]["mmcare"] == mmcare.__version__
    assert found["cache"]["folder"] == str(tmp_path / "cache") and found["cache"]["writable"]
    assert found["plugins"]["acme-picky 1.0"] == "broken, 0 components"
    assert any("no licence" in finding["what"] for finding in found["findings"])
    assert any(device.startswith("cpu: ") for device in found["devices"])


def test_text_names_a_cache_that_cannot_be_written(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "file" / "cache"))
    assert main(["doctor"]) == 1
    assert (
        f"Warning: {tmp_path}/file/cache: the cache folder cannot be written: Not a directory. "
        "Everything works, only slower.\n  Set `MMCARE_CACHE` to a folder that can be written.\n"
    ) in capsys.readouterr().out

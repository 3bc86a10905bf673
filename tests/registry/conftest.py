"""Tiny real distributions: a `dist-info` and a module in a folder on the path, as an installer would leave them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

import mmcare.registry

GOOD = '''
from pydantic import Field
from mmcare.registry import Component, EncoderConfig, hookimpl

MMCARE_API = 1

class SlopeConfig(EncoderConfig):
    """Keys of the slope."""
    width_mm: float = Field(3.0, gt=0, description="Width of the window in mm.")

@hookimpl
def mmcare_components():
    yield Component(kind="encoder", name="{name}", summary="A slope.", config=SlopeConfig,
                    target="{target}", takes="table")
'''


class Install(Protocol):
    """Writes a distribution into a folder, by default the site of the test; gives the name of its light module."""

    def __call__(
        self,
        distribution: str,
        source: str | None,
        *,
        version: str = "1.0",
        entry_point: str = "",
        module: str = "",
        folder: Path | None = None,
    ) -> str: ...


Python = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def good() -> Callable[..., str]:
    """Source of a light module that offers an encoder of this name."""

    def source(name: str, target: str = "mmcare_nowhere:Slope") -> str:
        return GOOD.format(name=name, target=target)

    return source


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a cache folder of its own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("MMCARE_CACHE", str(folder))
    return folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path of this process, to install into; discovery starts anew before and after."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    mmcare.registry.look_again()
    yield folder
    mmcare.registry.look_again()
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """See `Install`."""

    def write(
        distribution: str,
        source: str | None,
        *,
        version: str = "1.0",
        entry_point: str = "",
        module: str = "",
        folder: Path | None = None,
    ) -> str:
        where = folder or tmp_path / "site"
        module = module or distribution.replace("-", "_") + "_plugin"
        info = where / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[mmcare]\n{entry_point or distribution} = {module}\n")
        (info / "RECORD").write_text(f"{info.name}/METADATA,,\n{info.name}/entry_points.txt,,\n{module}.py,,\n")
        if source is not None:
            (where / f"{module}.py").write_text(source)
        return module

    return write


@pytest.fixture
def fresh_python(own_cache: Path, tmp_path: Path) -> Python:
    """Run code in a fresh interpreter, with the site of the test on its path."""

    def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "MMCARE_CACHE": str(own_cache), **environment}
        return subprocess.run(  # our own interpreter and our own code
            [sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60, check=False
        )

    return run

"""Every component of the workspace is held against its contract by the tests of its distribution."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmcare.registry import discover
from mmcare.testing import component_checks

ROOT = Path(__file__).parents[2]
MEMBERS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
TESTS = [ROOT / "tests" / "builtin" / "test_contract.py"]
TESTS += [ROOT / member / "tests" / "test_contract.py" for member in MEMBERS]


def distributions() -> set[str]:
    projects = [ROOT / "pyproject.toml", *(ROOT / member / "pyproject.toml" for member in MEMBERS)]
    return {tomllib.loads(project.read_text())["project"]["name"] for project in projects}


def checked_by(file: Path) -> Iterator[str]:
    """The ids of the checks that a test file is parametrised with."""
    spec = importlib.util.spec_from_file_location(f"contract_{file.parent.parent.name}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for mark in module.test_contract.pytestmark:
        if mark.name == "parametrize":
            yield from (parameter.id for parameter in mark.args[1])


def test_every_check_of_every_component_is_run_by_its_distributions_tests() -> None:
    entries = [entry for entry in discover().entries() if entry.provider.distribution in distributions()]
    assert {entry.provider.distribution for entry in entries} == distributions()
    due = {
        f"{entry.component.kind}:{entry.component.name}: {name}"
        for entry in entries
        for name, _ in component_checks(entry)
    }
    assert {name for file in TESTS for name in checked_by(file)} == due


@pytest.mark.parametrize("entry", discover().entries(), ids=lambda e: f"{e.component.kind} {e.component.name}")
def test_every_kind_has_checks_of_its_own(entry) -> None:  # type: ignore[no-untyped-def]
    names = [name for name, _ in component_checks(entry)]
    assert any(name.startswith(f"{entry.component.kind}: ") for name in names)
    assert len(names) == len(set(names)), "ids tell checks apart"

"""What the distributions say of themselves, the citation, and what the pages quote of the project."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

from .markdown import ROOT, blocks, text_of

CORE = tomllib.loads(text_of("pyproject.toml"))
MEMBERS = CORE["tool"]["uv"]["workspace"]["members"]
PROJECTS = [".", *MEMBERS, "examples/plugins/pet"]
LEAST = {"torch": "2.9", "lifelines": "0.30.3", "numba": "0.61", "timm-3d": "1.0.1"}
"""Below these the parts do not work together."""


def project(folder: str) -> dict:
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(folder: str) -> list[Requirement]:
    found = project(folder)
    extras = [line for lines in found.get("optional-dependencies", {}).values() for line in lines]
    return [Requirement(line) for line in (*found["dependencies"], *extras)]


@pytest.mark.parametrize("folder", PROJECTS)
def test_a_distribution_says_what_it_is(folder: str) -> None:
    found = project(folder)
    assert found["description"].endswith(".") or "MM-Care" in found["description"]
    assert (found["license"], found["requires-python"]) == ("Apache-2.0", ">=3.11")
    assert "# " in (ROOT / folder / found["readme"]).read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", PROJECTS)
def test_a_distribution_asks_for_versions_that_work_together(folder: str) -> None:
    asked = {requirement.name: requirement.specifier for requirement in requirements(folder)}
    for name, least in LEAST.items():
        if name in asked:
            lowest = {clause.version for clause in asked[name] if clause.operator == ">="}
            assert lowest == {least}, (name, str(asked[name]))
    if "timm-3d" in asked:
        assert {"timm", "torchvision", "numba"} <= set(asked)  # which timm-3d imports and does not declare


@pytest.mark.parametrize("folder", MEMBERS)
def test_a_plugin_needs_the_core_of_its_line_and_is_in_the_extra(folder: str) -> None:
    found = project(folder)
    core = next(r for r in requirements(folder) if r.name == "mmcare")
    assert str(core.specifier) == "<0.2,>=0.1" and core.specifier.contains(CORE["project"]["version"])
    assert found["name"] in CORE["project"]["optional-dependencies"]["all"]
    assert CORE["tool"]["uv"]["sources"][found["name"]] == {"workspace": True}
    assert list(found["entry-points"]) == ["mmcare"]


def test_the_citation_names_the_paper() -> None:
    found = YAML(typ="safe").load(text_of("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors", "version", "license"} <= set(found)
    assert found["version"] == CORE["project"]["version"] and found["license"] == "Apache-2.0"
    paper = found["preferred-citation"]
    assert {"type", "title", "authors", "doi", "year"} <= set(paper)
    assert re.fullmatch(r"10\.\d{4,9}/\S+", paper["doi"]) and paper["doi"] in text_of("README.md")


def test_the_case_of_a_bad_input_is_one_of_the_tests() -> None:
    (quoted,) = [block.text for block in blocks("CONTRIBUTING.md", "text") if block.text.startswith("@case")]
    assert quoted in text_of("tests/spec/test_mistakes.py")


def test_the_rooms_are_named_in_the_order_that_is_held() -> None:
    contract = next(c for c in CORE["tool"]["importlinter"]["contracts"] if c["name"].startswith("Rooms"))
    rooms = [re.findall(r"\w+", layer) for layer in contract["layers"]]
    (drawn,) = [b.text for b in blocks("CONTRIBUTING.md", "text") if b.text.startswith("cli >")]
    shown = [re.findall(r"\w+", layer) for layer in drawn.partition("spec >")[0].split(">")]
    assert [sorted(layer) for layer in shown] == [sorted(layer) for layer in rooms]


def test_the_rooms_all_exist() -> None:
    (drawn,) = [b.text for b in blocks("CONTRIBUTING.md", "text") if b.text.startswith("cli >")]
    rooms = set(re.findall(r"[a-z]+", drawn)) - {"without", "torch"}
    assert {room for room in rooms if not list(Path(ROOT, "mmcare").glob(f"{room}*"))} == set()

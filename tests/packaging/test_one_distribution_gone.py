"""Each plugin distribution of the workspace, uninstalled: all else works, and a spec that needs it says what to do."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmcare.registry.known import CORE, KNOWN

ROOT = Path(__file__).parents[2]
Without = Callable[[str, str], subprocess.CompletedProcess[str]]


def workspace() -> list[str]:
    """Names of the workspace's plugin distributions."""
    members = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    return [tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]["name"] for member in members]


ALWAYS = ("mmcare-plugin-imaging", "mmcare-plugin-esm")
"""Gone in every run of the tests; the others in the slow ones."""

HEAD = "head: {use: dual-task, endpoints: {os: {}}}\n"
COX = "modalities: {clinical: {use: table}}\nbaseline: {use: cox-ph}\n"
TABLE = "modalities: {clinical: {use: table, encoder: {use: mlp}}}\n" + HEAD
TOKENS = "{use: precomputed, encoder: {use: precomputed}}"
READY = f"modalities: {{ready: {TOKENS}}}\n{HEAD}"

NEEDS = {
    "modality": ("modalities.some", "modalities:\n  some: {use: NAME}\nbaseline: {use: cox-ph}\n"),
    "encoder": ("modalities.some.encoder", "modalities:\n  some: {use: precomputed, encoder: {use: NAME}}\n" + HEAD),
    "fusion": ("fusion", READY.replace("{ready:", f"{{more: {TOKENS}, ready:") + "fusion: {use: NAME}\n"),
    "head": ("head", READY.replace(HEAD, "head: {use: NAME}\n")),
    "baseline": ("baseline", "modalities: {ready: {use: precomputed}}\nbaseline: {use: NAME}\n"),
}
"""By kind: the key of the part, and a spec whose part of that kind is to be named."""


def spec_of(name: str) -> tuple[str, str, str]:
    """A spec with a component of the distribution; where its name stands, and what is said once it is gone."""
    kind, (component, *_) = next((k, names) for k, names in KNOWN[name].items() if k in NEEDS)
    key, text = NEEDS[kind]
    text = "mmcare: 1\n" + text.replace("NAME", component)
    before = text[: text.index(f"use: {component}")]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return text, f"{line}:{column}, {key}.use", f"{kind} `{component}`"


def spec_without(name: str) -> str:
    """A spec that needs nothing of the distribution."""
    other = {"mmcare-plugin-clinical": READY, "mmcare-plugin-prognosis": COX}
    return f"mmcare: 1\n{other.get(name, TABLE)}"


CODE = """
import contextlib, io, json, sys
from mmcare.cli.main import main

def run(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return code, out.getvalue(), err.getvalue()

def fails(entry):
    try:
        entry.load()
    except Exception as error:
        return str(error)

said = {
    "list": run("plugin", "list", "--json"),
    "needs": run("spec", "check", "needs.yaml"),
    "does without": run("spec", "check", "does-without.yaml"),
    "torch": "torch" in sys.modules,
    "doctor": run("doctor", "--json"),
}
from mmcare.registry import discover
said["not loaded"] = [message for e in discover().entries() if (message := fails(e))]
print(json.dumps(said))
"""


def test_every_distribution_of_the_workspace_is_known() -> None:
    assert set(workspace()) == set(KNOWN) - {CORE}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ALWAYS else pytest.mark.slow) for name in workspace()]
)
def test_without_one_distribution_all_else_works(name: str, without: Without, tmp_path: Path) -> None:
    text, place, component = spec_of(name)
    (tmp_path / "needs.yaml").write_text(text)
    (tmp_path / "does-without.yaml").write_text(spec_without(name))
    done = without(name, CODE)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])

    code, out, _ = said["list"]
    states = {plugin["distribution"]: plugin["state"] for plugin in json.loads(out)}
    assert (code, states) == (0, {other: "ready" for other in KNOWN if other != name})
    assert said["not loaded"] == [], "the class behind every other component can be imported"

    assert said["needs"][:2] == [
        2,
        f"Error: needs.yaml:{place}: {component} is offered by {name}, which is not installed.\n"
        f"  Install it: `pip install {name}`.\n"
        "needs.yaml: 1 error.\n",
    ]
    code, out, _ = said["does without"]
    assert (code, out.partition(" (")[0]) == (0, "does-without.yaml: nothing is wrong")
    assert not said["torch"], "neither the list nor the checks import torch"

    code, out, _ = said["doctor"]
    found = json.loads(out)
    assert (code, found["findings"]) == (0, []) and not any(plugin.startswith(name) for plugin in found["plugins"])

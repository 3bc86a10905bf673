"""Each plugin distribution of the workspace, uninstalled: all else works, and a spec that needs it says what to do."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Case:
    """A component of the distribution with the place of its `use` in a spec, and a spec that does without all of it."""

    needs: str
    place: str
    component: str
    does_without: str


TABLE = "  clinical: {use: table, encoder: {use: mlp}}\n"
GENES = "  genomic: {use: gene-graph, encoder: {use: gcn}}\n"
CT = "  ct: {use: ct, encoder: {use: resnet3d}}\n"
READY = "  ready: {use: precomputed, encoder: {use: precomputed}}\n"
HEAD = "head: {use: dual-task, endpoints: {os: {}}}\n"
FUSION = "fusion: {use: concat}\n"
COX = "modalities: {clinical: {use: table}}\nbaseline: {use: cox-ph}\n"
TABLE_ALONE = f"modalities:\n{TABLE}{HEAD}"

CASES = {
    "mmcare-plugin-imaging": Case(f"modalities:\n{CT}{HEAD}", "3:8, modalities.ct.use", "modality `ct`", TABLE_ALONE),
    "mmcare-plugin-clinical": Case(
        TABLE_ALONE, "3:14, modalities.clinical.use", "modality `table`", f"modalities:\n{GENES}{READY}{FUSION}{HEAD}"
    ),
    "mmcare-plugin-genomic": Case(
        f"modalities:\n{GENES}{HEAD}", "3:13, modalities.genomic.use", "modality `gene-graph`", TABLE_ALONE
    ),
    "mmcare-plugin-gcn": Case(
        f"modalities:\n{GENES}{HEAD}", "3:40, modalities.genomic.encoder.use", "encoder `gcn`", TABLE_ALONE
    ),
    "mmcare-plugin-fusion": Case(
        f"modalities:\n{TABLE}{READY}{FUSION}{HEAD}", "5:10, fusion.use", "fusion `concat`", TABLE_ALONE
    ),
    "mmcare-plugin-prognosis": Case(TABLE_ALONE, "4:8, head.use", "head `dual-task`", COX),
    "mmcare-plugin-baselines": Case(COX, "3:12, baseline.use", "baseline `cox-ph`", TABLE_ALONE),
}

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


def test_every_distribution_of_the_workspace_is_tried() -> None:
    assert set(CASES) == set(workspace()) == set(KNOWN) - {CORE}


@pytest.mark.parametrize("name", CASES)
def test_without_one_distribution_all_else_works(name: str, without: Without, tmp_path: Path) -> None:
    case = CASES[name]
    (tmp_path / "needs.yaml").write_text(f"mmcare: 1\n{case.needs}")
    (tmp_path / "does-without.yaml").write_text(f"mmcare: 1\n{case.does_without}")
    done = without(name, CODE)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])

    code, out, _ = said["list"]
    states = {plugin["distribution"]: plugin["state"] for plugin in json.loads(out)}
    assert (code, states) == (0, {other: "ready" for other in KNOWN if other != name})
    assert said["not loaded"] == [], "the class behind every other component can be imported"

    code, out, _ = said["needs"]
    assert code == 2 and out.startswith(
        f"Error: needs.yaml:{case.place}: {case.component} is offered by {name}, which is not installed.\n"
        f"  Install it: `pip install {name}`.\n"
    )
    assert said["does without"][0] == 0, said["does without"]
    assert not said["torch"], "neither the list nor the checks import torch"

    code, out, _ = said["doctor"]
    found = json.loads(out)
    assert (code, found["findings"]) == (0, []) and not any(plugin.startswith(name) for plugin in found["plugins"])

"""`run.json`: what a run says of itself, and what is said where it says nonsense, or something newer."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import mmcare
from mmcare.errors import RunError
from mmcare.run import Run, load_segmenter_run

from .conftest import Ask, Copy, refusal

RESTORE = "Restore it from a copy of the run, or train again."


def edited(run: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    file = run / "run.json"
    data = json.loads(file.read_text())
    edit(data)
    file.write_text(json.dumps(data))
    return file


def test_it_lists_every_file_but_logs_and_what_resuming_needs(network: Run) -> None:
    there = {p.relative_to(network.path).as_posix() for p in network.path.rglob("*") if p.is_file()}
    apart = {name for name in there if name.split("/")[0] in ("logs", "resume", "run.json")}
    assert set(network.manifest.files) == there - apart
    assert there - apart == {
        "README.md",
        "card.md",
        "cohort.json",
        "decision/refits.safetensors",
        "decision/state.json",
        "decision/state.safetensors",
        "members/00/inputs.json",
        "members/00/weights.safetensors",
        "outcomes.json",
        "preprocessing/clinical.json",
        "reference/training.safetensors",
        "spec.yaml",
        "splits.csv",
    }
    assert not any(name.endswith((".pkl", ".pt", ".pth", ".pickle", ".joblib")) for name in there)


def test_it_names_every_plugin_with_its_version(network: Run, with_local_code: Run) -> None:
    def plugins(run: Run) -> dict[str, str]:
        return {plugin.distribution: plugin.version for plugin in run.manifest.plugins}

    names = ("mmcare-plugin-clinical", "mmcare-plugin-prognosis")
    assert plugins(network) == {name: version(name) for name in names}
    (local,) = with_local_code.spec.plugins
    assert plugins(with_local_code) == {**{name: version(name) for name in names}, "local": local.sha256[:12]}


def test_what_it_says_is_read_as_it_was_written(network: Run) -> None:
    assert mmcare.load_run(network.path).manifest == network.manifest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ":1:1: is not JSON: Expecting value."),
        ("{", ":1:2: is not JSON: Expecting property name enclosed in double quotes."),
        (b"\xfe\xff", ": is not UTF-8 at byte 0."),
    ],
)
def test_a_manifest_that_is_no_json_is_refused(network: Run, copy: Copy, text: str | bytes, said: str) -> None:
    file = copy(network) / "run.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert refusal(file.parent) == f"{file}{said} {RESTORE}"


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda d: d.pop("kind"), ["kind: is missing."]),
        (lambda d: d.update(colour="red"), ["colour: is no key of this file."]),
        (lambda d: d.update(mmcare_run=[]), ["mmcare_run: must be a valid integer; found `[]`."]),
        (
            lambda d: d.update(kind="nework", epochs="two"),
            [
                "kind: must be 'network', 'baseline' or 'segmenter'; found `nework`.",
                "epochs: must be a valid integer; found `two`.",
            ],
        ),
        (lambda d: d["files"]["spec.yaml"].pop("sha256"), ["files.spec.yaml.sha256: is missing."]),
        (
            lambda d: d["files"]["spec.yaml"].update(bytes=-1),
            ["files.spec.yaml.bytes: must be greater than or equal to 0; found `-1`."],
        ),
    ],
)
def test_values_that_cannot_be_are_all_named(
    network: Run, copy: Copy, edit: Callable[[dict[str, Any]], object], said: list[str]
) -> None:
    file = edited(copy(network), edit)
    assert refusal(file.parent).splitlines() == [f"{file}, {line} {RESTORE}" for line in said]


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/hostname", "a/../../b"])
def test_a_manifest_cannot_point_outside(network: Run, copy: Copy, name: str) -> None:
    file = edited(copy(network), lambda d: d["files"].update({name: {"bytes": 0, "sha256": "0" * 64}}))
    assert refusal(file.parent) == (
        f"{file}, files.{name}.[key]: a file of the run is named relative to its folder, such as "
        f"`members/00/weights.safetensors`; found `{name}`. {RESTORE}"
    )


def test_a_list_is_no_manifest(network: Run, copy: Copy) -> None:
    file = copy(network) / "run.json"
    file.write_text("[1]")
    assert refusal(file.parent) == f"{file}: must be an object; found `[1]`. {RESTORE}"


def test_a_run_of_a_newer_version_says_which_and_what_to_upgrade(network: Run, copy: Copy) -> None:
    file = edited(copy(network), lambda d: (d.update(mmcare_run=2, soul=True), d["versions"].update(mmcare="7.1.0")))
    assert refusal(file.parent) == (
        f"{file}: the run has format 2 (made by mmcare 7.1.0); this is mmcare {version('mmcare')}, which reads format "
        "1. Upgrade: pip install --upgrade mmcare"
    )


def test_a_kind_that_the_spec_does_not_describe_is_refused(network: Run, copy: Copy) -> None:
    file = edited(copy(network), lambda d: d.update(kind="baseline"))
    assert refusal(file.parent) == (
        f"{file}, kind: says that the run is a baseline; its spec.yaml describes a network. {RESTORE}"
    )


def test_a_run_that_is_none_of_a_segmenter_is_not_opened_as_one(network: Run, copy: Copy) -> None:
    file = edited(copy(network), lambda d: d.update(kind="segmenter"))
    with pytest.raises(RunError) as caught:
        load_segmenter_run(file.parent)
    assert str(caught.value) == (
        f"{file}, kind: says that the run is a segmenter; its spec.yaml describes a network. {RESTORE}"
    )


@pytest.mark.parametrize(
    ("then", "reads"),
    [("0.1.0", True), ("0.1.0rc1", True), ("0.0.9", False), ("0.1.7", False), ("0.2.0", False), ("1.1.0", False)],
)
def test_a_plugin_reads_runs_of_its_line_forwards(network: Run, copy: Copy, then: str, reads: bool) -> None:
    now = version("mmcare-plugin-prognosis")
    assert now == "0.1.0", "the versions above are around this one"
    run = copy(network)
    edited(run, lambda d: d["plugins"][1].update(version=then))
    if reads:
        assert mmcare.load_run(run).manifest.plugins[1].version == then
    else:
        assert refusal(run) == (
            f"{run}: the run was made with mmcare-plugin-prognosis {then}; version 0.1.0 is installed. "
            f"Install it: pip install 'mmcare-plugin-prognosis=={then}'"
        )


def test_a_plugin_that_is_gone_is_named_with_the_command(network: Run, copy: Copy, cohort: Path, ask: Ask) -> None:
    run = copy(network)
    edited(run, lambda d: d["plugins"].append({"distribution": "mmcare-plugin-pet", "version": "0.4.2"}))
    code, out, err = ask("predict", run, "--cohort", cohort)
    assert (code, out) == (2, "")
    assert err == (
        f"Error: {run}: the run was made with mmcare-plugin-pet 0.4.2; it is not installed.\n"
        "  Install it: pip install 'mmcare-plugin-pet==0.4.2'\n"
    )

"""`spec describe`: parts, shapes, parameters; with letters for what the data decide, or a cohort's numbers."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mmcare.cli.main import EXAMPLE, load_verb, main
from mmcare.cli.verbs import VERBS
from mmcare.synthetic import draw, write_cohort

EXAMPLES = Path(__file__).parents[2] / "examples"
BY_HAND = """\
mmcare: 1
name: by-hand
modalities:
  clinical: {use: table, encoder: {use: mlp, hidden: [4]}}
  genomic: {use: gene-graph, encoder: {use: gcn, dim: 8, layers: 1}}
fusion: {use: concat, dim: 16}
head: {use: dual-task, endpoints: {os: {model: discrete}}}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    Path("spec.yaml").write_text(BY_HAND)


def rows(out: str) -> dict[str, list[str]]:
    """Cells of the table by part, without the component."""
    lines = [line for line in out.splitlines() if "/" in line]
    return {line.split()[0]: [cell.strip() for cell in line.split("  ") if cell.strip()][2:] for line in lines}


def test_letters_without_a_cohort(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spec", "describe", "spec.yaml"]) == 0
    out = capsys.readouterr().out
    found = rows(out)
    assert {part: cells[:2] for part, cells in found.items()} == {
        "modalities.clinical.encoder": ["(b, F)", "(b, F, 4)"],
        "modalities.genomic.encoder": ["(b, V, 1)", "(b, V, 8)"],
        "fusion": ["F + V tokens", "(B, 1, 16)"],
        "head": ["(B, 1, 16)", "2 arms x os"],
    }
    assert out.splitlines()[-2:] == [
        "B, patients; b, patients who have the modality; F, features of the table; V, genes",
        "Parameters that depend on the data's sizes are counted for small ones; `--cohort DIR` gives its own.",
    ]


def test_numbers_with_a_cohort(capsys: pytest.CaptureFixture[str]) -> None:
    write_cohort(draw("heterogeneous", 30, 0), Path("cohort"), size_voxels=8, spacing_mm=8.0)
    assert main(["spec", "describe", "spec.yaml", "--cohort", "cohort"]) == 0
    out = capsys.readouterr().out
    found = rows(out)
    assert found["modalities.clinical.encoder"][:2] == ["(b, 11)", "(b, 11, 4)"]
    assert found["modalities.genomic.encoder"][:2] == ["(b, 24, 1)", "(b, 24, 8)"]
    assert found["fusion"][0] == "35 tokens"
    total = sum(int(cells[2].replace(",", "")) for cells in found.values())
    assert f"by-hand: {total:,} parameters" in out


def test_frozen_parts_are_marked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spec", "describe", "spec.yaml", "--set", "fusion.freeze=true"]) == 0
    assert rows(capsys.readouterr().out)["fusion"][2].endswith(" (0 trained)")


def test_a_baseline_has_parts_and_no_shapes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spec", "describe", str(EXAMPLES / "msk-luad-2020-cox.yaml")]) == 0
    out = capsys.readouterr().out
    assert [line.split()[:2] for line in out.splitlines() if "/" in line] == [
        ["modalities.clinical", "mmcare-plugin-clinical/table"],
        ["baseline", "mmcare-plugin-baselines/cox-ph"],
    ]
    assert out.endswith("\nmsk-luad-2020-cox: a baseline\n")


def test_a_cohort_that_lacks_a_modality(capsys: pytest.CaptureFixture[str]) -> None:
    write_cohort(draw("heterogeneous", 12, 0), Path("cohort"), size_voxels=8, spacing_mm=8.0)
    dictionary = Path("cohort/cohort.yaml")
    without = YAML(typ="safe").load(dictionary)
    del without["modalities"]["genomic"]
    YAML(typ="safe").dump(without, dictionary)
    assert main(["spec", "describe", "spec.yaml", "--cohort", "cohort"]) == 2
    assert capsys.readouterr().err.endswith(
        "Error: cohort, modality genomic: the cohort holds no modality `genomic`; it holds: ct.\n"
        "  Add `genomic` to `modalities` of cohort.yaml, take it out of the spec, or mark it `optional: true` there.\n"
    )
    assert (
        main(["spec", "describe", "spec.yaml", "--cohort", "cohort", "--set", "modalities.genomic.optional=true"]) == 0
    )
    assert rows(capsys.readouterr().out)["modalities.genomic.encoder"][0] == "(b, V, 1)"


def test_a_plugin_whose_constructor_raises(capsys: pytest.CaptureFixture[str]) -> None:
    plugin = (EXAMPLES / "plugins" / "my_encoder.py").read_text()
    start = "        super().__init__(config, layout)\n"
    assert plugin.count(start) == 1
    raising = plugin.replace(start, f'{start}        raise ValueError("8 heads do not divide a width of 12.")\n')
    Path("my_encoder.py").write_text(raising)
    given = ("spec.yaml", "--plugin", "my_encoder.py", "--set", "modalities.clinical.encoder.use=my-encoder")
    assert main(["spec", "describe", *given]) == 2
    version = hashlib.sha256(raising.encode()).hexdigest()[:12]
    assert capsys.readouterr() == (
        "",
        f"Error: modalities.clinical.encoder: encoder `my-encoder` of local {version} cannot be made: ValueError: 8 "
        "heads do not divide a width of 12.\n"
        "  Mend my_encoder.py, or the part's values.\n",
    )


def test_the_example_of_its_help_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(EXAMPLES.parent)
    verb = next(verb for verb in VERBS if (verb.group, verb.name) == ("spec", "describe"))
    lines = (load_verb(verb).help or "").partition(EXAMPLE)[2].strip().splitlines()
    assert lines and all(main(line.split()[1:]) == 0 for line in lines), capsys.readouterr()

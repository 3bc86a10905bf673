"""From a cohort's mutations to a run that predicts, with a checkpoint of two layers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

import mmcare
from mmcare.formats import read_maf
from mmcare.synthetic import draw, write_cohort
from mmcare_genomic.protein_change import parse_change

SPEC = """\
mmcare: 1
name: variants
modalities:
  genomic:
    use: variants
    encoder: {{use: esm, checkpoint: {checkpoint}, window: 32, around: 4, dim: 8}}
head: {{use: dual-task, endpoints: {{os: {{model: discrete}}}}}}
training: {{max_epochs: 1}}
"""


def write_proteins(cohort: Path) -> None:
    """Alanine, with the residues that the cohort's changes name at their places; none of KEAP1."""
    proteins: dict[str, list[str]] = {}
    for mutation in read_maf(cohort / "mutations.maf"):
        protein = proteins.setdefault(mutation.gene, [])
        for position, residue in parse_change(mutation.protein_change).residues:
            protein += "A" * (position + 10 - len(protein))
            protein[position - 1] = residue
    records = [f">{gene}\n{''.join(p)}\n" for gene, p in proteins.items() if p and gene != "KEAP1"]
    (cohort / "proteins.fasta").write_text("".join(records))
    dictionary = cohort / "cohort.yaml"
    text = dictionary.read_text().replace("    network:", "    proteins: proteins.fasta\n    network:")
    dictionary.write_text(text)


def test_a_run_is_trained_stored_and_predicts_without_the_checkpoints_weights(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # the checkpoint is seen from the spec's file
    cohort = tmp_path / "cohort"
    write_cohort(draw("heterogeneous", 60, 0), cohort, size_voxels=8, spacing_mm=8.0)
    write_proteins(cohort)
    brought = tmp_path / "tiny"
    shutil.copytree(checkpoint, brought)
    (tmp_path / "spec.yaml").write_text(SPEC.format(checkpoint="tiny"))
    run = mmcare.fit(tmp_path / "spec.yaml", cohort)
    first = run.predict(cohort)
    assert len(first.patients) == 60 and any("not sequenced" in why.values() for why in first.absent.values())
    known = [row for row, why in enumerate(first.absent.values()) if not why]
    at_three = first.prognosis.endpoints["os"].at_horizons[known, 0, 1]
    assert bool(at_three.isfinite().all())
    (brought / "model.safetensors").unlink()
    again = mmcare.load_run(run.path).predict(cohort)
    torch.testing.assert_close(
        again.prognosis.endpoints["os"].at_horizons, first.prognosis.endpoints["os"].at_horizons, equal_nan=True
    )
    said = " ".join(str(finding) for finding in first.findings)
    assert "are of unknown effect" in said and "KEAP1" in said

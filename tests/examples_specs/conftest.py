"""A small tri-modal cohort on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcare.cache import Cache
from mmcare.cohort import Cohort, read_cohort
from mmcare.formats import read_maf
from mmcare.synthetic import draw, write_cohort
from mmcare_genomic.protein_change import parse_change

PATIENTS = 10


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """CT of 96 mm, clinical table, genomes with proteins; besides `os` and `lc` it names the endpoint `rfs`."""
    folder: Path = tmp_path_factory.mktemp("synthetic") / "cohort"
    write_cohort(draw("heterogeneous", PATIENTS, seed=0), folder, size_voxels=24, spacing_mm=4.0)
    dictionary = folder / "cohort.yaml"
    more = "endpoints:\n  rfs: {time: os_years, event: os_event, horizons: [1, 3]}\n"
    text = dictionary.read_text().replace("endpoints:\n", more)
    dictionary.write_text(text.replace("    network:", "    proteins: proteins.fasta\n    network:"))
    write_proteins(folder)
    return read_cohort(folder)


def write_proteins(folder: Path) -> None:
    """Stand-ins for reference proteins: alanine, with the residues that the cohort's changes name at their places."""
    proteins: dict[str, list[str]] = {}
    for mutation in read_maf(folder / "mutations.maf"):
        protein = proteins.setdefault(mutation.gene, [])
        for position, residue in parse_change(mutation.protein_change).residues:
            protein += "A" * (position + 10 - len(protein))
            protein[position - 1] = residue
    records = [f">{gene}\n{''.join(residues)}\n" for gene, residues in proteins.items() if residues]
    (folder / "proteins.fasta").write_text("".join(records))

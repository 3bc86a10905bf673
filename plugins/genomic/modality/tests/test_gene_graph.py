"""The gene graph's panels: what was tested, what was not, and what becomes of every mutation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from mmcare.components import Absent, Prepared, Source
from mmcare_genomic import tumour_genomes
from mmcare_genomic.gene_graph import GeneGraph
from mmcare_genomic.plugin import GeneGraphConfig
from mmcare_genomic.tumour_genomes import read_genomes

FILES = {
    "mutations.maf": "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\tHGVSp_Short\n"
    "EGFR\tP1\tMissense_Mutation\tp.L858R\n"
    "EGFR\tP1\tMissense_Mutation\tp.T790M\n"
    "STK11\tP1\tNonsense_Mutation\tp.Q37*\n"
    "KRAS\tP2\tMissense_Mutation\tp.G12C\n"
    "STK11\tP2\tMissense_Mutation\tp.F354L\n"  # not on P2's panel
    "KRAS\tP3\tSilent\tp.G12G\n"
    "TP53\tP5\tMissense_Mutation\tp.R175H\n"  # without a panel
    "TP53\tP9\tMissense_Mutation\tp.R175H\n"  # no patient of the cohort
    "TTN\tP1\tMissense_Mutation\tp.R1H\n"  # on no panel
    "\tP1\tMissense_Mutation\tp.R1H\n",  # no gene
    "panels.tsv": "SAMPLE_ID\tmutations\nP1\tbig\nP2\tsmall\nP3\tsmall\nP4\tunlisted\n",
    "panel_genes.tsv": "panel\tgene\nbig\tEGFR\nbig\tKRAS\nbig\tSTK11\nbig\tMLL2\nsmall\tEGFR\nsmall\tKRAS\n",
    "network.tsv": "gene_a\tgene_b\tscore\nKRAS\tEGFR\t0.9\nEGFR\tELSEWHERE\t0.8\nKRAS\tKMT2D\t0.3\n",
    "patients.csv": "patient_id\nP1\nP2\nP3\nP4\nP5\n",
}
ENTRY = {name.partition(".")[0]: name for name in FILES if name != "patients.csv"}


@pytest.fixture
def source(tmp_path: Path) -> Source:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return Source(root=tmp_path, key="genomic", entry=ENTRY, columns={}, patients_file="patients.csv", id="patient_id")


def graph(**keys: Any) -> GeneGraph:
    return GeneGraph(GeneGraphConfig(**keys))


def prepared(modality: GeneGraph, source: Source, patients: Sequence[str]) -> dict[str, Prepared]:
    found = {patient: modality.read(source, patient) for patient in patients}
    assert all(isinstance(item, Prepared) for item in found.values())
    return found


def test_a_gene_outside_the_panel_is_not_measured_and_not_wild_type(source: Source) -> None:
    modality = graph()
    items = prepared(modality, source, ["P1", "P2", "P3"])
    state = modality.fit(source, items.values())
    assert modality.layout(state).nodes == ("EGFR", "KMT2D", "KRAS", "STK11")  # MLL2 by its name of today
    batch = modality.collate(list(items.values()), torch.arange(3), state)
    assert batch.measured[..., 0].tolist() == [[True] * 4, [True, False, True, False], [True, False, True, False]]
    assert batch.values[..., 0].tolist() == [[1, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert modality.raw_values(items["P2"], state) == ("wild type", None, "mutated", None)


def test_a_gene_without_an_edge_is_a_node_of_its_own(source: Source) -> None:
    modality = graph()
    items = prepared(modality, source, ["P1", "P2", "P3"])
    state = modality.fit(source, items.values())
    layout = modality.layout(state)
    ends = [tuple(sorted(layout.nodes[i] for i in pair)) for pair in layout.edges.T]
    named = dict(zip(ends, layout.weights.tolist(), strict=True))
    assert named == {("EGFR", "KRAS"): 0.9, ("KMT2D", "KRAS"): 0.3}
    assert [str(finding) for finding in modality.findings(items, state)] == [
        "1 of 4 genes have no edge in the network; each is a node of its own."
    ]
    assert graph(least_score=0.5).fit(source, items.values()).arrays["weights"].tolist() == [0.9]


def test_without_a_network_every_gene_stands_alone(source: Source) -> None:
    entry = {name: file for name, file in ENTRY.items() if name != "network"}
    alone = Source(
        root=source.root, key="genomic", entry=entry, columns={}, patients_file="patients.csv", id="patient_id"
    )
    modality = graph()
    items = prepared(modality, alone, ["P1"])
    state = modality.fit(alone, items.values())
    assert state.arrays["edges"].shape == (2, 0)
    assert modality.findings(items, state)[0].what.startswith("4 of 4 genes have no edge")


def test_mutated_genes_that_are_no_node_are_counted(source: Source) -> None:
    """G15: named nodes are those asked for; what the patients have elsewhere is said."""
    modality = graph(genes=("EGFR", "KRAS"))
    items = prepared(modality, source, ["P1", "P2"])
    state = modality.fit(source, items.values())
    assert [str(finding) for finding in modality.findings(items, state)] == [
        "1 of 3 mutated genes of patients (33 %) lie in 1 genes that are no node of the graph (STK11)."
    ]
    assert graph(min_mutated=1).fit(source, items.values()).values["nodes"] == ["EGFR", "KRAS", "STK11"]


def test_who_was_not_sequenced_is_absent(source: Source) -> None:
    modality = graph()
    assert modality.read(source, "P5") == Absent("not sequenced")
    assert modality.read(source, "P4") == Absent("the genes of panel unlisted are not known")


def test_every_row_is_in_one_class_and_gaps_are_said(source: Source) -> None:
    """G16, too."""
    found = read_genomes(source, GeneGraphConfig().classes)
    assert found.rows == {
        "used": 4,
        "outside the patient's panel": 1,
        "not counted: Silent": 1,
        "of a patient without a panel": 1,
        "of a sample that is no patient of the cohort": 1,
        "of a gene that no panel lists": 1,
        "no gene": 1,
    }
    assert sum(found.rows.values()) == 10, "every row is in exactly one class"
    said = [str(finding).replace(f"{source.root}/", "") for finding in graph().check(source)]
    assert said == [
        "mutations.maf: left out: 1 mutation with no gene (line 11). Fill the cells in, or remove the rows.",
        "panel_genes.tsv: has no genes of the panel `unlisted` (1 patients). "
        "Add its genes; until then these patients count as not sequenced.",
        "panels.tsv: 1 patients have mutations and no panel, such as P5: they count as not sequenced. Add their panel.",
        "mutations.maf: 1 mutations are of 1 samples that are no patient of the cohort, such as P9: they are left out. "
        "Name samples by patient id, or add the patients.",
        "mutations.maf: 10 mutation rows: 4 used, 1 no gene, 1 outside the patient's panel, 1 not counted: Silent, "
        "1 of a patient without a panel, 1 of a sample that is no patient of the cohort, "
        "1 of a gene that no panel lists.",
    ]


def test_the_mutation_file_is_parsed_once(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed, true = [], tumour_genomes.read_maf
    monkeypatch.setattr(tumour_genomes, "read_maf", lambda path: (parsed.append(path), true(path))[1])
    modality = graph()
    for patient in ("P1", "P2", "P3", "P4", "P5"):
        modality.read(source, patient)
    modality.check(source)
    assert len(parsed) == 1


def test_a_changed_mutation_file_is_parsed_again(source: Source) -> None:
    import os

    modality = graph()
    assert "EGFR" in modality.read(source, "P1").values["mutated"]
    file = source.file("mutations")
    file.write_text(FILES["mutations.maf"].replace("EGFR", "KRAS"))
    os.utime(file, ns=(1, 1))
    assert "EGFR" not in modality.read(source, "P1").values["mutated"]

"""Mutations, panels, networks, gene sets and sequences."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmcare.errors import CohortError, Severity
from mmcare.formats import (
    Edge,
    Mutation,
    current_symbol,
    impact_panels,
    read_cbioportal_study,
    read_edges,
    read_fasta,
    read_gmt,
    read_maf,
    read_panel_genes,
    read_panel_matrix,
)

Write = Callable[[str, str | bytes], Path]
MAF = "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\tHGVSp_Short\n"


def said(findings: tuple[object, ...]) -> list[str]:
    return [str(finding) for finding in findings]


def test_maf_rows_are_typed_and_the_others_counted(write: Write) -> None:
    path = write(
        "m.maf",
        f"#version 2.4\n{MAF}EGFR\tS1\tMissense_Mutation\tp.L858R\n\tS1\tSilent\t\nKRAS\t\tSilent\t\nTP53\tS2\t\t\n"
        "Unknown\tS2\tIGR\t\nCRLF2\tS2\t3'Flank\t\n",
    )
    mutations = read_maf(path)
    assert mutations.values == (
        Mutation("EGFR", "S1", "Missense_Mutation", "p.L858R", line=3),
        Mutation("CRLF2", "S2", "3'Flank", "", line=8),
    )
    assert (mutations.n_read, dict(mutations.left_out)) == (6, {"no gene": 2, "no sample": 1, "no variant class": 1})
    assert said(mutations.findings) == [
        f"{path}: left out: 2 mutations with no gene (line 4, line 7). Fill the cells in, or remove the rows.",
        f"{path}: left out: 1 mutation with no sample (line 5). Fill the cells in, or remove the rows.",
        f"{path}: left out: 1 mutation with no variant class (line 6). Fill the cells in, or remove the rows.",
    ]


def test_maf_without_its_columns_or_tabs(write: Write) -> None:
    path = write("m.maf", MAF.replace("Hugo_Symbol", "Gene") + "EGFR\tS1\tSilent\t\n")
    with pytest.raises(CohortError) as caught:
        read_maf(path)
    assert str(caught.value) == (
        f"{path}:1, Hugo_Symbol: there is no column 'Hugo_Symbol'; the file has: Gene, Tumor_Sample_Barcode, "
        "Variant_Classification, HGVSp_Short. Name one of these, or add the column."
    )
    path = write("c.maf", MAF.replace("\t", ",") + "EGFR,S1,Silent,\n")
    with pytest.raises(CohortError) as caught:
        read_maf(path)
    assert str(caught.value) == (
        f"{path}:1, Hugo_Symbol,Tumor_Sample_Barcode,Varian…: the columns are separated by commas; a MAF is separated "
        "by tabs. Save it as tab-separated text."
    )


def test_maf_without_protein_changes_says_so(write: Write) -> None:
    path = write("m.maf", "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\nEGFR\tS1\tSilent\n")
    mutations = read_maf(path)
    assert mutations.values == (Mutation("EGFR", "S1", "Silent", "", line=2),)
    assert [finding.severity for finding in mutations.findings] == [Severity.WARNING]
    assert said(mutations.findings) == [
        f"{path}, HGVSp_Short: there is no column 'HGVSp_Short': the change of the protein is unknown for every "
        "mutation. Annotate the file (for example with vcf2maf or Genome Nexus) where an encoder reads protein changes."
    ]


def test_panel_matrix(write: Write) -> None:
    path = write("p.txt", "SAMPLE_ID\tmutations\tcna\nS1\tA\tA\nS2\tNA\tA\nS3\tB\tB\n")
    panels = read_panel_matrix(path)
    assert panels.values == (("S1", "A"), ("S3", "B"))
    assert said(panels.findings) == [
        f"{path}, mutations: left out: 1 sample with no panel (line 3 (S2)). Name the panel of each."
    ]
    assert len(read_panel_matrix(path, "cna")) == 3
    twice = write("p.txt", "SAMPLE_ID\tmutations\nS1\tA\nS1\tB\n")
    with pytest.raises(CohortError) as caught:
        read_panel_matrix(twice)
    assert str(caught.value) == f"{path}:3: the sample 'S1' is there twice, in lines 2 and 3. Keep one."


def test_panel_genes_from_a_table_and_from_cbioportal(write: Write) -> None:
    table = write("g.tsv", "panel\tgene\nA\tEGFR\nA\tKRAS\nB\tEGFR\n")
    assert read_panel_genes(table) == {"A": {"EGFR", "KRAS"}, "B": {"EGFR"}}
    single = write("a.txt", "stable_id: A\ndescription: two genes: a test.\ngene_list: EGFR\tKRAS\n")
    assert read_panel_genes(single) == {"A": {"EGFR", "KRAS"}}
    empty = write("e.txt", "stable_id: A\ndescription: none\n")
    with pytest.raises(CohortError) as caught:
        read_panel_genes(empty)
    assert str(caught.value) == (
        f"{empty}: a gene panel needs a `stable_id:` and a tab-separated `gene_list:`; one of them is absent or empty. "
        "Export the panel again."
    )


def test_impact_panels_hold_as_many_genes_as_their_names_say_and_grow() -> None:
    panels = impact_panels()
    assert {name: len(genes) for name, genes in panels.items()} == {
        "IMPACT341": 341,
        "IMPACT410": 410,
        "IMPACT468": 468,
    }
    assert panels["IMPACT341"] < panels["IMPACT410"] < panels["IMPACT468"]


def test_edges_of_both_forms(write: Write) -> None:
    generic = write("n.tsv", "gene_a\tgene_b\tscore\nEGFR\tKRAS\t0.9\n")
    export = write("s.tsv", "#node1\tnode2\thomology\tcombined_score\nEGFR\tKRAS\t0\t0.9\n")
    assert read_edges(generic).values == read_edges(export).values == (Edge("EGFR", "KRAS", 0.9),)


def test_edges_of_no_use_are_counted(write: Write) -> None:
    path = write(
        "n.tsv",
        "gene_a\tgene_b\tscore\nA\tB\t0.9\nB\tA\t0.9\nA\tA\t0.5\nA\t\t0.5\nA\tC\t900\nB\tC\thigh\nB\tA\t0.8\nC\tD\t1\n",
    )
    edges = read_edges(path)
    assert edges.values == (Edge("A", "B", 0.9), Edge("C", "D", 1.0))
    assert edges.n_read == 8
    assert said(edges.findings) == [
        f"{path}, score: 1 of 8 cells with text that is no number (line 7 'high'). "
        "Write a number with a decimal point, leave the cell empty, or list the text under the column's `missing`.",
        f"{path}: left out: 1 edge there twice, also as b-a (line 3).",
        f"{path}: left out: 1 edge from a gene to itself (line 4). Remove them: a graph convolution adds its own.",
        f"{path}: left out: 1 edge without a gene (line 5). Name both genes.",
        f"{path}: left out: 2 edges with a score outside 0 to 1 (line 6, line 7). "
        "Write the score as a probability (STRING's downloads hold it times 1000).",
        f"{path}: left out: 1 edge there twice with two scores (line 8). Keep the right one.",
    ]
    other = write("o.tsv", "a\tb\n1\t2\n")
    with pytest.raises(CohortError) as caught:
        read_edges(other)
    assert str(caught.value) == (
        f"{other}:1: the columns gene_a, gene_b, score (or STRING's #node1, node2, combined_score) are needed; the "
        "file has: a, b. Rename the columns."
    )


def test_gmt(write: Write) -> None:
    path = write(
        "r.gmt", "Glycolysis\tR-1\tHK1\tHK2\tHK1\nEmpty\tR-2\nGlycolysis\tR-1\tPKM\n\nGlycolysis\tR-3\tPKM\t\n"
    )
    pathways = read_gmt(path)
    assert [(p.name, p.identifier, p.genes, p.line) for p in pathways] == [
        ("Glycolysis", "R-1", ("HK1", "HK2"), 1),
        ("Glycolysis", "R-3", ("PKM",), 5),
    ]
    assert (pathways.n_read, dict(pathways.left_out)) == (5, {"blank line": 1, "no gene": 1, "pathway twice": 1})
    assert said(pathways.findings) == [
        f"{path}:2: the pathway 'Empty' names no gene and is left out; a line is name, identifier, genes, separated by "
        "tabs. Add its genes, or remove the line.",
        f"{path}:3: the pathway 'Glycolysis' is there twice, in lines 1 and 3; the second is left out. Remove one.",
    ]


def test_fasta(write: Write) -> None:
    path = write(
        "p.fasta",
        ">EGFR|NP_1 receptor\nMRPS\ngtag*\n>BAD\nMRJS\n>STOP\nMR*S\n>EGFR\nMA\n>NONE\n>U sel\nMU\n",
    )
    proteins = read_fasta(path)
    assert [(p.name, p.header, p.sequence, p.line) for p in proteins] == [
        ("EGFR", "EGFR|NP_1 receptor", "MRPSGTAG", 1),
        ("U", "U sel", "MU", 11),
    ]
    assert (proteins.n_read, dict(proteins.left_out)) == (6, {"no residues": 1, "letter": 2, "name twice": 1})
    assert said(proteins.findings) == [
        f"{path}:4: the record 'BAD' holds 'J' (leucine or isoleucine, not said which) at position 3 of 4; it is left "
        "out. Use the protein's reference sequence.",
        f"{path}:6: the record 'STOP' holds '*' (a stop inside the protein) at position 3 of 4; it is left out. "
        "Use the protein's reference sequence.",
        f"{path}:8: the record 'EGFR' is there twice, in lines 1 and 8; it is left out. Keep one, or rename it.",
        f"{path}:10: the record 'NONE' has no residues; it is left out. Add its sequence, or remove it.",
    ]
    with pytest.raises(CohortError) as caught:
        read_fasta(write("x.fasta", "MRPS\n"))
    assert str(caught.value).endswith(
        "x.fasta:1: FASTA begins with a header line '>name'; found 'MRPS'. Name a FASTA file."
    )


def test_a_folder_that_is_no_study(tmp_path: Path) -> None:
    (tmp_path / "data_mutations.txt").write_text(MAF)
    with pytest.raises(CohortError) as caught:
        read_cbioportal_study(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: a study folder of cBioPortal needs data_clinical_patient.txt, data_clinical_sample.txt, "
        "data_mutations.txt, data_gene_panel_matrix.txt; absent: data_clinical_patient.txt, data_clinical_sample.txt, "
        "data_gene_panel_matrix.txt. Name the folder that holds them."
    )


def test_the_study_of_604_lung_adenocarcinomas(real_data: Path) -> None:
    start = time.process_time()
    study = read_cbioportal_study(real_data / "msk-luad-2020")
    assert time.process_time() - start < 3
    assert [len(part) for part in (study.patients, study.samples, study.mutations, study.panels)] == [
        604,
        604,
        4814,
        604,
    ]
    assert study.findings == ()
    assert sum(status.startswith("1") for status in study.patients.column("RFS_STATUS")) == 98


def test_every_published_mutation_lies_on_the_panel_of_its_sample(real_data: Path) -> None:
    """The panels' gene lists come from elsewhere than the mutations: 4,814 rows agree, once old symbols are renamed."""
    study = read_cbioportal_study(real_data / "msk-luad-2020")
    panel_of = dict(study.panels)
    genes = impact_panels()
    outside = {
        mutation.gene
        for mutation in study.mutations
        if current_symbol(mutation.gene) not in genes[panel_of[mutation.sample]]
    }
    assert outside == set()


def test_published_networks_and_proteins(real_data: Path) -> None:
    edges = read_edges(real_data / "networks" / "string_nsclc_interactions.tsv")
    assert edges.n_read == 1782
    assert len({gene for edge in edges for gene in (edge.gene_a, edge.gene_b)}) == 68
    assert len(read_gmt(real_data / "networks" / "ReactomePathways.gmt")) == 2444
    proteins = {protein.name: protein for protein in read_fasta(real_data / "proteins" / "lung_cancer_proteins.fasta")}
    assert len(proteins) == 21
    assert (len(proteins["CD274"].sequence), proteins["EGFR"].sequence[857]) == (290, "L")

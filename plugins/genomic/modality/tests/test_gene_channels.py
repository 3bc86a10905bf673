"""The gene graph's channels, markers and edges, on a cohort of four patients written here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmcare.components import Absent, Column, Prepared, Source
from mmcare.errors import CohortError
from mmcare_genomic.gene_graph import GeneGraph
from mmcare_genomic.gene_matrix import read_matrix
from mmcare_genomic.networks import graph_edges, pathway_edges
from mmcare_genomic.plugin import GeneGraphConfig

FILES = {
    "patients.csv": "patient_id,pdl1,tmb\nP1,50,4\nP2,,8\nP3,0,\nP4,10,\n",
    "mutations.maf": "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\tHGVSp_Short\n"
    "EGFR\tP1\tMissense_Mutation\tp.L858R\nKRAS\tP2\tMissense_Mutation\tp.G12C\n",
    "panels.tsv": "SAMPLE_ID\tmutations\nP1\tbig\nP2\tsmall\n",
    "panel_genes.tsv": "panel\tgene\nbig\tEGFR\nbig\tKRAS\nbig\tMYC\nsmall\tKRAS\n",
    "cna.txt": "Hugo_Symbol\tEntrez_Gene_Id\tP1\tP2\tP3\nEGFR\t1956\t2\t0\t-2\nMYC\t4609\tNA\t1\t-1.5\n",
    "expression.csv": "gene,P1,P3,P4\nEGFR,3,1,7\nKRAS,0,15,\nMLL,1,1,1\n",
    "network.tsv": "gene_a\tgene_b\tscore\nKRAS\tEGFR\t0.9\npdl1\tEGFR\t0.5\nEGFR\tOTHER\t0.8\n",
    "reactome.gmt": "A\tR-1\tEGFR\tKRAS\tMYC\nB\tR-2\tMYC\tKRAS\nC\tR-3\tEGFR\tKRAS\tX1\tX2\tX3\n",
}
ENTRY = {
    "mutations": "mutations.maf",
    "panels": "panels.tsv",
    "panel_genes": "panel_genes.tsv",
    "copy_number": "cna.txt",
    "expression": "expression.csv",
    "network": "network.tsv",
    "pathways": "reactome.gmt",
}


@pytest.fixture
def source(tmp_path: Path) -> Source:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    columns = {"pdl1": Column(name="pdl1", unit="%"), "tmb": Column(name="tmb", unit="mutations/Mb")}
    return Source(
        root=tmp_path, key="genomic", entry=ENTRY, columns=columns, patients_file="patients.csv", id="patient_id"
    )


def everything(**keys: Any) -> GeneGraph:
    return GeneGraph(GeneGraphConfig(channels=("mutation", "copy-number", "expression"), markers=("pdl1",), **keys))


def prepared(graph: GeneGraph, source: Source, *patients: str) -> list[Prepared]:
    found = [graph.read(source, patient) for patient in patients]
    assert all(isinstance(item, Prepared) for item in found)
    return [graph.prepare(item, None) for item in found]


def test_each_channel_has_its_own_measured_flag(source: Source) -> None:
    graph = everything(genes=("EGFR", "KRAS", "MYC", "KMT2A"))
    items = prepared(graph, source, "P1", "P2", "P3", "P4")
    fitted = graph.fit(source, items)
    layout = graph.layout(fitted)
    assert layout.nodes == ("EGFR", "KRAS", "MYC", "KMT2A", "pdl1")
    assert layout.channels == ("mutation", "copy-number", "expression", "marker")
    batch = graph.collate(items, torch.arange(4), fitted)
    nan = torch.nan
    # mutation and copy number, one row a gene; P3 and P4 were not sequenced, P2's panel holds KRAS alone
    expected = {
        "P1": [[1, 1], [0, nan], [0, nan], [nan, nan], [nan, nan]],
        "P2": [[nan, nan], [1, nan], [nan, nan], [nan, nan], [nan, nan]],
        "P3": [[nan, -1], [nan, nan], [nan, -0.75], [nan, nan], [nan, nan]],
        "P4": [[nan, nan]] * 5,
    }
    for row, values in enumerate(expected.values()):
        wanted = torch.tensor(values, dtype=torch.float32)
        assert torch.equal(batch.measured[row, :, :2], ~wanted.isnan())
        torch.testing.assert_close(batch.values[row, :, :2], wanted.nan_to_num(0.0))
    assert batch.measured[..., 2].int().tolist() == [[1, 1, 0, 1, 0], [0] * 5, [1, 1, 0, 1, 0], [1, 0, 0, 1, 0]]
    assert batch.measured[..., 3].int().tolist() == [[0, 0, 0, 0, 1], [0] * 5, [0, 0, 0, 0, 1], [0, 0, 0, 0, 1]]


def test_expression_and_markers_are_scaled_by_the_training_patients_alone(source: Source) -> None:
    graph = everything(genes=("EGFR",), expression_log2=True)
    items = prepared(graph, source, "P1", "P3", "P4")
    fitted = graph.fit(source, items[:2])
    batch = graph.collate(items, torch.arange(3), fitted)
    logs, shares = np.log2([4.0, 2.0, 8.0]), np.array([50.0, 0.0, 10.0])
    for column, node, values in ((2, 0, logs), (3, 1, shares)):
        low, high = np.quantile(values[:2], [0.25, 0.75])
        expected = (values - np.median(values[:2])) / ((high - low) / 1.349)
        np.testing.assert_allclose(batch.values[:, node, column], expected, rtol=1e-5)


def test_a_value_far_out_is_cut_at_five_spreads(source: Source) -> None:
    (source.root / "expression.csv").write_text("gene,P1,P3,P4\nEGFR,1,2,7400\n")
    graph = GeneGraph(GeneGraphConfig(channels=("expression",)))
    items = prepared(graph, source, "P1", "P3", "P4")
    batch = graph.collate(items, torch.arange(3), graph.fit(source, items[:2]))
    assert float(batch.values[2, 0, 0]) == 5


def test_ranks_are_places_among_the_training_patients(source: Source) -> None:
    """An outlier is no farther out than the largest training value; equal values share their places."""
    train = [f"T{i}" for i in range(5)]
    (source.root / "patients.csv").write_text("patient_id\n" + "\n".join([*train, "N1", "N2", "N3"]) + "\n")
    (source.root / "expression.csv").write_text(f"gene,{','.join(train)},N1,N2,N3\nEGFR,0,0,0,2,4,7400,-1,3\n")
    graph = GeneGraph(GeneGraphConfig(channels=("expression",), expression_scale="rank"))
    items = prepared(graph, source, *train, "N1", "N2", "N3")
    fitted = graph.fit(source, items[:5])
    values = graph.collate(items, torch.arange(8), fitted).values[:, 0, 0].double().numpy() / np.sqrt(3)
    assert values[0] == values[1] == values[2] == pytest.approx(-0.5)
    np.testing.assert_allclose(values[3:], [0.5, 1, 1, -1, 0.75], atol=1e-6)


def test_a_patient_is_absent_only_where_nothing_at_all_was_measured(source: Source) -> None:
    assert everything().read(source, "P4") != Absent("not sequenced")
    graph = GeneGraph(GeneGraphConfig(channels=("mutation", "copy-number")))
    assert graph.read(source, "P4") == Absent("not sequenced; no copy numbers")
    assert GeneGraph(GeneGraphConfig()).read(source, "P3") == Absent("not sequenced")


def test_the_default_is_mutations_alone_over_the_panels_genes(source: Source) -> None:
    graph = GeneGraph(GeneGraphConfig())
    items = prepared(graph, source, "P1", "P2")
    assert items[1] == Prepared({"covered": ["KRAS"], "mutated": ["KRAS"]})
    fitted = graph.fit(source, items)
    assert graph.layout(fitted).nodes == ("EGFR", "KRAS", "MYC")
    batch = graph.collate(items, torch.arange(2), fitted)
    assert batch.values[..., 0].tolist() == [[1, 0, 0], [0, 1, 0]]
    assert batch.measured[..., 0].int().tolist() == [[1, 1, 1], [0, 1, 0]]
    assert graph.raw_values(items[1], fitted) == (None, "mutated", None)


def test_the_report_shows_what_was_measured_in_words(source: Source) -> None:
    graph = everything(genes=("EGFR", "KRAS", "MYC"))
    items = prepared(graph, source, "P1", "P3")
    fitted = graph.fit(source, items)
    assert [feature.unit for feature in graph.features(fitted)] == ["", "", "", "%"]
    assert graph.raw_values(items[0], fitted) == (
        "mutated, copy number +2, expression 3",
        "wild type, expression 0",
        "wild type",
        50.0,
    )
    assert graph.raw_values(items[1], fitted)[2] == "copy number -1.5"


def test_edges_of_network_and_pathways_are_joined(source: Source) -> None:
    nodes = frozenset({"EGFR", "KRAS", "MYC", "pdl1"})
    network = graph_edges(source, GeneGraphConfig(), nodes)
    assert network == {("EGFR", "KRAS"): 0.9, ("EGFR", "pdl1"): 0.5}, "a marker is linked by the network's own edge"
    # pathway A has 3 genes (1/2 a pair), B 2 (1), C 5 (1/4, though only two of them are nodes)
    shared = {("EGFR", "KRAS"): 0.75, ("EGFR", "MYC"): 0.5, ("KRAS", "MYC"): 1.0}
    assert pathway_edges(source, 50, nodes) == shared
    assert pathway_edges(source, 4, nodes) == {**shared, ("EGFR", "KRAS"): 0.5}
    joined = graph_edges(source, GeneGraphConfig(edges=("network", "pathways")), nodes)
    assert joined == {**shared, ("EGFR", "KRAS"): 0.9, ("EGFR", "pdl1"): 0.5}
    fitted = everything(edges=("pathways",)).fit(source, prepared(everything(), source, "P1", "P2"))
    assert fitted.arrays["edges"].tolist() == [[0, 0, 1], [1, 2, 2]]


def said(error: BaseException, source: Source) -> list[str]:
    return [line.removeprefix(f"{source.root}/") for line in str(error).splitlines()]


def test_g14_a_copy_number_that_is_none_is_found_and_not_measured(source: Source) -> None:
    (source.root / "cna.txt").write_text("Hugo_Symbol\tP1\tP2\nEGFR\t7\t-5\nMYC\t0.3\t1\n")
    matrix = read_matrix(source, "copy_number")
    assert np.isnan(matrix.values["P1"]).all() and matrix.values["P2"].tolist()[1] == 1
    assert [said(f, source) for f in matrix.findings] == [
        [
            "cna.txt: 3 cells are no discrete copy number (EGFR of P1 is 7, MYC of P1 is 0.3, EGFR of P2 is -5); "
            "allowed are -2, -1.5, -1, 0, 1 and 2. They count as not measured. Call discrete copy numbers (GISTIC's, "
            "as cBioPortal's data_cna), not ratios or counts."
        ]
    ]


def test_g10_a_gene_twice_counts_by_a_stated_rule(source: Source) -> None:
    (source.root / "expression.csv").write_text("gene,P1,P2\nMLL,1,\nEGFR,2,2\nKMT2A,3,4\n")
    matrix = read_matrix(source, "expression")
    assert matrix.genes == ("KMT2A", "EGFR")
    assert (matrix.values["P1"].tolist(), matrix.values["P2"].tolist()) == ([1, 2], [4, 2])
    assert [said(f, source) for f in matrix.findings] == [
        ["expression.csv: the gene 'KMT2A' is there 2 times, in lines 2, 4; the first measured value counts. Keep one."]
    ]
    (source.root / "cna.txt").write_text("gene\tP1\tP2\nMLL\t0\t2\nKMT2A\t-2\t-1\n")
    matrix = read_matrix(source, "copy_number")
    assert (matrix.values["P1"].tolist(), matrix.values["P2"].tolist()) == ([-2], [2])
    assert [said(f, source) for f in matrix.findings] == [
        ["cna.txt: the gene 'KMT2A' is there 2 times, in lines 2, 3; the copy number farthest from 0 counts. Keep one."]
    ]


def test_g11_a_transposed_matrix_is_told_from_one_of_other_patients(source: Source) -> None:
    (source.root / "expression.csv").write_text("id,EGFR,KRAS,MYC,MET\nP1,1,2,3,4\nP2,1,2,3,4\n")
    with pytest.raises(CohortError) as caught:
        read_matrix(source, "expression")
    assert said(caught.value, source) == [
        "expression.csv: the rows look like patients (P1, P2) and the columns like genes (EGFR, KRAS, MYC, …); a row "
        "is a gene, a column a patient. Transpose the table."
    ]
    (source.root / "cna.txt").write_text("gene\tQ1\nEGFR\t0\n")
    with pytest.raises(CohortError) as caught:
        read_matrix(source, "copy_number")
    assert said(caught.value, source) == [
        "cna.txt: none of the 1 columns (Q1) is a patient of the cohort. Name columns by patient id."
    ]


def test_a_logarithm_of_negative_expression_is_refused(source: Source) -> None:
    (source.root / "expression.csv").write_text("gene,P1\nEGFR,-0.5\n")
    with pytest.raises(CohortError) as caught:
        everything(expression_log2=True).read(source, "P1")
    assert said(caught.value, source) == [
        "expression.csv, patient P1: EGFR of P1 is -0.5: `expression_log2` needs counts or TPM, from 0 up. Set "
        "`expression_log2: false` where the values are logarithms or z-scores."
    ]


def test_a_marker_without_a_column_is_refused_in_training_and_said_at_prediction(source: Source) -> None:
    graph = GeneGraph(GeneGraphConfig(markers=("tps",)))
    items = prepared(graph, source, "P1")
    with pytest.raises(CohortError) as caught:
        graph.fit(source, items)
    assert said(caught.value, source) == [
        "cohort.yaml, columns: there is no number column `tps` for a marker; the columns of numbers are: pdl1, tmb. "
        "Name one of these under `markers`, or describe the column."
    ]
    trained = GeneGraph(GeneGraphConfig(markers=("pdl1",)))
    fitted = trained.fit(source, prepared(trained, source, "P1", "P2"))
    other = Source(
        root=source.root, key="genomic", entry=ENTRY, columns={}, patients_file="patients.csv", id="patient_id"
    )
    found = prepared(trained, other, "P1")
    assert not trained.collate(found, torch.arange(1), fitted).measured[0, -1].any()
    assert [str(f) for f in trained.findings({"P1": found[0]}, fitted)][-1] == (
        "pdl1: the cohort has no column `pdl1`: the marker counts as not measured for everyone."
    )


@pytest.mark.parametrize("key", ["channels", "edges"])
def test_a_channel_twice_or_none_is_refused(key: str) -> None:
    word = {"channels": "mutation", "edges": "network"}[key]
    for value in ((), (word, word)):
        with pytest.raises(ValueError, match="name at least one, and each once"):
            GeneGraphConfig(**{key: value})


def test_the_copy_numbers_of_msk_2020_are_read_whole(tmp_path: Path, real_data: Path) -> None:
    file = real_data / "msk-luad-2020" / "data_cna.txt"
    samples = file.read_text().splitlines()[0].split("\t")[1:]
    (tmp_path / "patients.csv").write_text("\n".join(["patient_id", *samples]) + "\n")
    source = Source(
        root=tmp_path,
        key="genomic",
        entry={"copy_number": str(file)},
        columns={},
        patients_file="patients.csv",
        id="patient_id",
    )
    matrix = read_matrix(source, "copy_number")
    assert len(matrix.values) == 604
    assert {f.code for f in matrix.findings} == {"gene-twice"}
    assert len(matrix.genes) == 469, "476 rows: six genes under two symbols or more, such as FAM123B and AMER1"
    levels, counts = np.unique(np.concatenate(list(matrix.values.values())), return_counts=True)
    assert levels.tolist() == [-2.0, -1.5, 0.0, 2.0] and counts.sum() == 604 * 469


def test_reactome_links_genes_that_the_string_table_lacks(source: Source, real_data: Path) -> None:
    networks = real_data / "networks"
    real = Source(
        root=networks,
        key="genomic",
        entry={"network": "string_nsclc_interactions.tsv", "pathways": "ReactomePathways.gmt"},
        columns={},
        patients_file="patients.csv",
        id="patient_id",
    )
    nodes = frozenset({"EGFR", "TP53", "STK11", "MTOR", "KEAP1", "CD274", "PDCD1"})
    by_string = {gene for pair in graph_edges(real, GeneGraphConfig(), nodes) for gene in pair}
    assert by_string & {"STK11", "KEAP1", "CD274"} == set()
    joined = graph_edges(real, GeneGraphConfig(edges=("network", "pathways")), nodes)
    assert {("MTOR", "STK11"), ("CD274", "PDCD1")} <= set(joined)
    assert all(0 < weight <= 1 for weight in joined.values())
    wide = graph_edges(real, GeneGraphConfig(edges=("pathways",), largest_pathway=300), nodes)
    assert not any("KEAP1" in pair for pair in joined) and ("KEAP1", "TP53") in wide

"""The recipe `msk-luad-2020` on a study of four patients in the published form."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcare.cohort import read_cohort
from mmcare.errors import CohortError
from mmcare.workflow.cohort_make import make_cohort

PATIENT = [
    *("PATIENT_ID", "AGE_AT_SURGERY", "SEX", "SMOKING_HISTORY", "SMOKING_PACK_YEARS", "SUV", "CT_SIZE", "CN_STATUS"),
    *("DLCO", "FEV1", "RFS_MONTHS", "RFS_STATUS", "OS_MONTHS", "OS_STATUS"),
]
SAMPLE = [
    *("SAMPLE_ID", "PATIENT_ID", "PATHOLOGIC_STAGE", "PN_STATUS"),
    *("PREDOMINANT_HISTOLOGIC_SUBTYPE", "FGA_FACETS", "TMB"),
]
FILES = {
    "data_clinical_patient.txt": (
        PATIENT,
        "A 61 Male Ever 30 2.1 1.5 0 80 90 12.5 1:Recurrence 20 0:LIVING",
        "B 70 Female Never 0 NA 2.5 0 NA 88 31 0:No 31 0:LIVING",
        "C 55 Male Ever 12 5 3 1 70 75 8 0:No 8 1:DECEASED",
        "D 66 Male Ever 12 5 3 1 70 75 9 0:No 9 0:LIVING",
    ),
    "data_clinical_sample.txt": (
        SAMPLE,
        "A-T1 A 1 0 Acinar 0.1 5",
        "A-T2 A 2 0 Acinar 0.2 6",
        "B-T1 B 3 2 Solid 0.3 7",
        "C-T1 C 1 0 Lepidic 0 1",
        "X-T1 X 1 0 Lepidic 0 1",
    ),
    "data_mutations.txt": (
        ["Hugo_Symbol", "Tumor_Sample_Barcode", "Variant_Classification", "HGVSp_Short"],
        "EGFR A-T1 Missense_Mutation p.L858R",
        "KRAS A-T2 Missense_Mutation p.G12C",
        "STK11 B-T1 Nonsense_Mutation p.Q37*",
        "TP53 X-T1 Missense_Mutation p.R175H",
    ),
    "data_gene_panel_matrix.txt": (
        ["SAMPLE_ID", "mutations"],
        "A-T1 IMPACT468",
        "A-T2 IMPACT468",
        "B-T1 IMPACT341",
        "C-T1 IMPACT341",
    ),
}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    folder.mkdir()
    for name, (header, *rows) in FILES.items():
        lines = ["\t".join(header), *("\t".join(row.split(" ")) for row in rows)]
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def test_every_row_is_used_or_left_out_for_a_reason(study: Path, tmp_path: Path) -> None:
    counts = make_cohort("msk-luad-2020", study, tmp_path / "out")
    assert {name: (count.read, count.used, dict(count.left_out)) for name, count in counts.items()} == {
        "samples": (
            5,
            3,
            {"a further sample of the patient": 1, "of a patient who is not in the patients' table": 1},
        ),
        "patients": (4, 3, {"without a sample": 1}),
        "panels": (4, 3, {"of a sample that is not used": 1}),
        "mutations": (4, 2, {"of a sample that is not used": 2}),
    }


def test_the_cohort_says_what_is_known_when(study: Path, tmp_path: Path) -> None:
    make_cohort("msk-luad-2020", study, tmp_path / "out")
    cohort = read_cohort(tmp_path / "out")
    assert cohort.arms == ("surgery",)
    outcomes = cohort.outcomes(cohort.outcome_layout(), ("A", "B", "C"))
    assert outcomes.event[:, 0].tolist() == [1, 0, 0]  # a death without recurrence is censored
    assert outcomes.time[:, 0].tolist() == pytest.approx([12.5 / 12, 31 / 12, 8 / 12])
    after = {name for name, column in cohort.dictionary.columns.items() if column.available_at == "after"}
    assert after == {
        "pathologic_stage",
        "pathologic_n",
        "histologic_subtype",
        "fraction_genome_altered",
        "mutations_per_mb",
    }
    assert cohort.dictionary.modalities["genomic"]["available_at"] == "after"
    assert "network" not in cohort.dictionary.modalities["genomic"]
    assert (tmp_path / "out" / "PROVENANCE.md").read_text().startswith("# Provenance")
    row = cohort.source("clinical", gives="table").row("B")  # type: ignore[union-attr]
    assert (row["suv_max"], row["dlco"], row["fev1"]) == ("", "", "88")


def test_a_network_is_taken_along(study: Path, tmp_path: Path) -> None:
    network = tmp_path / "string.tsv"
    network.write_text("gene_a\tgene_b\tscore\nEGFR\tKRAS\t0.9\n")
    make_cohort("msk-luad-2020", study, tmp_path / "out", {"network": str(network)})
    assert read_cohort(tmp_path / "out").dictionary.modalities["genomic"]["network"] == "network.tsv"


def test_a_panel_of_another_study_is_refused_and_nothing_is_left(study: Path, tmp_path: Path) -> None:
    matrix = study / "data_gene_panel_matrix.txt"
    matrix.write_text(matrix.read_text().replace("A-T1\tIMPACT468", "A-T1\tDFCI-ONCOPANEL-3"))
    with pytest.raises(CohortError) as error:
        make_cohort("msk-luad-2020", study, tmp_path / "out")
    assert str(error.value) == (
        "the panel DFCI-ONCOPANEL-3 is not one of this study's: IMPACT341, IMPACT410, IMPACT468. "
        "Take the files of the study `luad_mskcc_2020`."
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study"]


def test_a_table_of_another_form_is_refused(study: Path, tmp_path: Path) -> None:
    table = study / "data_clinical_patient.txt"
    table.write_text(table.read_text().replace("CT_SIZE", "CT_DIAMETER"))
    with pytest.raises(CohortError, match="there is no column 'CT_SIZE'"):
        make_cohort("msk-luad-2020", study, tmp_path / "out")

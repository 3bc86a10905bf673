"""Studies in cBioPortal's published file formats, written here, as cohorts."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import pytest

from mmcare.cli.main import main
from mmcare.cohort import read_cohort
from mmcare.components import Counts
from mmcare.errors import CohortError
from mmcare.workflow.cohort_make import Made, make

PATIENTS = """\
#Patient Identifier\tSex\tAge\tAdjuvant\tOverall Status\tOverall Months\tDisease Free Status\tDisease Free Months
#Identifier of the patient\tSex at birth\tAge at diagnosis\tTherapy after surgery\tStatus\tMonths\tStatus\tMonths
#STRING\tSTRING\tNUMBER\tSTRING\tSTRING\tNUMBER\tSTRING\tNUMBER
#1\t1\t1\t1\t1\t1\t1\t1
PATIENT_ID\tSEX\tAGE\tADJUVANT_TX\tOS_STATUS\tOS_MONTHS\tDFS_STATUS\tDFS_MONTHS
A\tMale\t61\tNo\t1:DECEASED\t30\t1:Recurred/Progressed\t12.5
B\tFemale\t70\tYes\t0:LIVING\t61.2\t0:DiseaseFree\t61.2
C\tMale\t>89\t[Not Available]\tLIVING\t8\tDiseaseFree\t8
D\tFemale\t66\tNo\talive and well\t9\t[Not Available]\tNA
E\tFemale\t50\tNo\t0:LIVING\t20\t0:DiseaseFree\t20
"""
SAMPLES = """\
#Sample Identifier\tPatient Identifier\tSample Type\tTMB
#Identifier\tIdentifier\tPrimary or metastasis\tMutations a megabase
#STRING\tSTRING\tSTRING\tNUMBER
#1\t1\t1\t1
SAMPLE_ID\tPATIENT_ID\tSAMPLE_TYPE\tTMB
A-M\tA\tMetastasis\t9
A-P\tA\tPrimary\t5
B-1\tB\tPrimary\t2
B-2\tB\tPrimary\t3
C-1\tC\tMetastasis\t1
D-1\tD\tPrimary\t4
X-1\tX\tPrimary\t4
"""
MAF = "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\tHGVSp_Short\n"
MUTATIONS = "EGFR\tA-P\tMissense_Mutation\tp.L858R\nKRAS\tA-M\tMissense_Mutation\tp.G12C\nTP53\tB-2\tSilent\tp.R1R\n"
FILES = {
    "meta_study.txt": "type_of_cancer: luad\ncancer_study_identifier: luad_test\nname: A study: of five\npmid: 1\n",
    "meta_clinical_patient.txt": "genetic_alteration_type: CLINICAL\ndatatype: PATIENT_ATTRIBUTES\n"
    "data_filename: data_clinical_patient.txt\n",
    "data_clinical_patient.txt": PATIENTS,
    "meta_clinical_sample.txt": "genetic_alteration_type: CLINICAL\ndatatype: SAMPLE_ATTRIBUTES\n"
    "data_filename: tumours.txt\n",
    "tumours.txt": SAMPLES,
    "meta_mutations.txt": "genetic_alteration_type: MUTATION_EXTENDED\ndatatype: MAF\nstable_id: mutations\n"
    "data_filename: data_mutations.txt\n",
    "data_mutations.txt": MAF + MUTATIONS,
    "meta_gene_panel_matrix.txt": "genetic_alteration_type: GENE_PANEL_MATRIX\ndatatype: GENE_PANEL_MATRIX\n"
    "data_filename: data_gene_panel_matrix.txt\n",
    "data_gene_panel_matrix.txt": "SAMPLE_ID\tmutations\tcna\nA-P\tSMALL\tSMALL\nA-M\tSMALL\tSMALL\nB-1\tNA\tNA\n"
    "B-2\tWES\tWES\nC-1\tGONE\tGONE\n",
    "data_gene_panel_small.txt": "stable_id: SMALL\ndescription: two genes.\ngene_list: EGFR\tKRAS\n",
    "meta_cna.txt": "genetic_alteration_type: COPY_NUMBER_ALTERATION\ndatatype: DISCRETE\nstable_id: gistic\n"
    "data_filename: data_cna.txt\n",
    "data_cna.txt": "Hugo_Symbol\tEntrez_Gene_Id\tA-P\tB-2\tZ-9\nMYC\t4609\t2\t-1\t0\n\t1\t0\t0\t0\n",
    "meta_z.txt": "genetic_alteration_type: MRNA_EXPRESSION\ndatatype: Z-SCORE\nstable_id: rna_z\n"
    "data_filename: z.txt\n",
    "z.txt": "Hugo_Symbol\tA-P\nEGFR\t1.5\n",
    "meta_tpm.txt": "genetic_alteration_type: MRNA_EXPRESSION\ndatatype: CONTINUOUS\nstable_id: tpm\n"
    "data_filename: tpm.txt\n",
    "tpm.txt": "Hugo_Symbol\tA-P\tB-2\nEGFR\t15\t3\nALK\t1\t0\n",
    "data_sv.txt": "Sample_Id\nA-P\n",
    "notes.docx": "no data\n",
}


def write_study(folder: Path, files: Mapping[str, str] = FILES) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_study(tmp_path / "study")


@pytest.fixture
def made(study: Path, tmp_path: Path) -> Made:
    return make("cbioportal", study, tmp_path / "out")


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix in (".tsv", ".maf") else ","))


def said(made: Made, code: str) -> list[str]:
    return [str(finding).partition("/study")[2] or str(finding) for finding in made.findings if finding.code == code]


def test_every_file_sample_and_row_is_used_or_left_out_for_a_reason(made: Made) -> None:
    counts = {name: (count.read, count.used, dict(count.left_out)) for name, count in made.counts.items()}
    assert counts == {
        "files": (
            18,
            15,
            {
                "structural variants": 1,
                "no data file of the published format": 1,
                "a further expression profile": 1,
            },
        ),
        "samples": (
            7,
            4,
            {"of a patient who is not in the patients' table": 1, "a further sample of the patient": 2},
        ),
        "patients": (5, 4, {"without a sample": 1}),
        "copy number": (3, 2, {"of a sample that is not used, or unknown": 1}),
        "expression": (2, 2, {}),
        "panels": (5, 3, {"no panel": 1, "of a sample that is not used": 1}),
        "mutations": (3, 2, {"of a sample that is not used": 1}),
    }


def test_of_several_samples_one_is_chosen_by_a_stated_rule_and_named(made: Made, tmp_path: Path) -> None:
    """Of A the primary tumour though it comes second, of B the primary that was sequenced; C has a metastasis alone."""
    assert said(made, "several-samples") == [
        "/tumours.txt: 2 patients with several samples, 2 of which are left out: the first primary tumour counts, "
        "sequenced ones before others; without a primary tumour the first sample (A: A-P, B: B-2). Remove the other "
        "samples from the table where another one is meant."
    ]
    rows = table(tmp_path / "out" / "patients.csv")
    assert [(row["patient_id"], row["tmb"]) for row in rows] == [("A", "5"), ("B", "3"), ("C", "1"), ("D", "4")]
    mutated = table(tmp_path / "out" / "mutations.maf")
    assert [(row["Hugo_Symbol"], row["Tumor_Sample_Barcode"]) for row in mutated] == [("EGFR", "A"), ("TP53", "B")]


def test_status_and_months_become_endpoints_and_odd_statuses_are_named(made: Made, tmp_path: Path) -> None:
    cohort = read_cohort(tmp_path / "out")
    layout = cohort.outcome_layout()
    outcomes = cohort.outcomes(layout, ("A", "B", "C", "D"))
    assert [e.name for e in layout.endpoints] == ["os", "dfs"]
    assert [list(e.horizons) for e in layout.endpoints] == [[1, 3, 5], [1, 3, 5]]
    assert outcomes.event[:3].tolist() == [[1, 1], [0, 0], [0, 0]]
    assert outcomes.time[:3, 0].tolist() == pytest.approx([30 / 12, 61.2 / 12, 8 / 12])
    assert outcomes.time[3].isnan().all()
    assert said(made, "status") == [
        "/data_clinical_patient.txt, OS_STATUS: 1 status that is none: allowed are `0:…` and `1:…` "
        "(line 9 'alive and well'); it counts as not known. Write 0 for censored and 1 for the event."
    ]


def test_types_and_descriptions_come_from_the_header_lines(made: Made, tmp_path: Path) -> None:
    columns = read_cohort(tmp_path / "out").dictionary.columns
    assert (columns["age"].type, columns["age"].missing) == ("number", (">89",))
    assert (columns["sex"].type, columns["sex"].available_at) == ("category", "decision")
    assert columns["adjuvant_tx"].available_at == columns["tmb"].available_at == "after"
    text = (tmp_path / "out" / "cohort.yaml").read_text()
    assert '  age: {type: number, missing: [">89"]}  # Age; Age at diagnosis\n' in text
    assert said(made, "no-number") == [
        "/data_clinical_patient.txt, AGE: 1 of 4 known cells of a NUMBER is no number ('>89'); they count as not "
        "known. Write numbers, or state another type in the third header line."
    ]


def test_g16_a_panel_without_its_genes_is_named_with_what_becomes_of_its_patients(made: Made, study: Path) -> None:
    assert said(made, "panel-without-genes") == [
        "the genes of the panel `GONE` are not known: its 1 patient (C) count as not sequenced. Put the panel's file "
        "data_gene_panel_GONE.txt into the study folder, or name it with --panel-genes."
    ]
    genes = study.parent / "data_gene_panel_GONE.txt"
    genes.write_text("stable_id: GONE\ngene_list: ALK\n")
    again = make("cbioportal", study, study.parent / "again", {"panel_genes": str(genes)})
    assert said(again, "panel-without-genes") == []
    listed = table(study.parent / "again" / "panel_genes.tsv")
    assert [row["gene"] for row in listed if row["panel"] == "GONE"] == ["ALK"]


def test_an_exome_covers_every_gene_that_the_study_names_and_a_small_panel_its_own(made: Made, tmp_path: Path) -> None:
    listed = table(tmp_path / "out" / "panel_genes.tsv")
    exome = {row["gene"] for row in listed if row["panel"] == "exome"}
    assert {"EGFR", "KRAS", "TP53", "MYC", "ALK"} <= exome
    assert [row["gene"] for row in listed if row["panel"] == "SMALL"] == ["EGFR", "KRAS"]
    assert table(tmp_path / "out" / "panels.tsv") == [
        {"SAMPLE_ID": "A", "mutations": "SMALL"},
        {"SAMPLE_ID": "B", "mutations": "exome"},
        {"SAMPLE_ID": "C", "mutations": "GONE"},
    ]


def test_the_expression_profile_is_chosen_and_a_choice_that_is_not_there_is_refused(made: Made, study: Path) -> None:
    assert said(made, "profiles") == [
        ": the study has the expression profiles tpm, rna_z: tpm is used. Choose another with --expression."
    ]
    make("cbioportal", study, study.parent / "z", {"expression": "rna_z"})
    assert table(study.parent / "z" / "expression.tsv") == [{"Hugo_Symbol": "EGFR", "A": "1.5"}]
    with pytest.raises(CohortError) as error:
        make("cbioportal", study, study.parent / "none", {"expression": "fpkm"})
    assert str(error.value) == (
        f"{study}: there is no expression profile `fpkm`; the study has: tpm, rna_z. "
        "Name one of these with --expression."
    )


def test_matrices_come_by_patient_and_rows_without_a_gene_are_named(made: Made, tmp_path: Path) -> None:
    assert table(tmp_path / "out" / "copy_number.tsv") == [{"Hugo_Symbol": "MYC", "A": "2", "B": "-1"}]
    assert said(made, "no-gene") == [
        "/data_cna.txt: left out: 1 row without a gene symbol (line 3). Fill in Hugo_Symbol."
    ]


def test_without_a_panel_matrix_the_case_list_says_who_was_sequenced(tmp_path: Path) -> None:
    files = {name: text for name, text in FILES.items() if "panel" not in name}
    files["case_lists/cases_sequenced.txt"] = "stable_id: luad_test_sequenced\ncase_list_ids: A-P\tC-1\n"
    made = make("cbioportal", write_study(tmp_path / "study", files), tmp_path / "out")
    assert said(made, "sequenced") == [": which samples were sequenced is told by the case list cases_sequenced.txt."]
    panels = table(tmp_path / "out" / "panels.tsv")
    assert [(row["SAMPLE_ID"], row["mutations"]) for row in panels] == [("A", "exome"), ("C", "exome")]


def test_without_any_list_only_mutated_samples_count_as_sequenced(tmp_path: Path) -> None:
    files = {name: text for name, text in FILES.items() if "panel" not in name}
    made = make("cbioportal", write_study(tmp_path / "study", files), tmp_path / "out")
    assert said(made, "sequenced") == [": which samples were sequenced is told by having a mutation."]
    assert made.counts["panels"] == Counts(3, 2, {"of a sample that is not used": 1})


def test_a_study_without_header_lines_and_without_a_patients_table(tmp_path: Path) -> None:
    files = {
        "data_clinical_sample.txt": "SAMPLE_ID\tPATIENT_ID\tAGE\tOS_MONTHS\tOS_STATUS\nS1\tP1\t60\t20\tDECEASED\n"
        "S2\tP2\t70\t30\tLIVING\n"
    }
    make("cbioportal", write_study(tmp_path / "study", files), tmp_path / "out")
    cohort = read_cohort(tmp_path / "out")
    assert cohort.patients == ("P1", "P2")
    assert cohort.dictionary.columns["age"].type == "number"
    assert list(cohort.dictionary.endpoints) == ["os"]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "meta_clinical_sample.txt",
            "SAMPLE_ATTRIBUTES",
            "TIMELINE",
            "{study}: is no study folder of cBioPortal: there is no clinical table of samples "
            "(data_clinical_sample.txt, or the file that a meta file of datatype SAMPLE_ATTRIBUTES names). "
            "Name the folder that holds it.",
        ),
        (
            "meta_z.txt",
            "MRNA_EXPRESSION\ndatatype: Z-SCORE",
            "MUTATION_EXTENDED\ndatatype: MAF",
            "{study}: two files claim to be the study's mutations: data_mutations.txt, z.txt. "
            "Keep one of them, with its meta file.",
        ),
        (
            "data_clinical_patient.txt",
            "\nB\tFemale",
            "\nA\tFemale",
            "{study}/data_clinical_patient.txt:7, PATIENT_ID: `A` is there twice, in lines 6 and 7. Keep one.",
        ),
    ],
)
def test_what_is_no_study_is_refused_and_nothing_is_left(
    study: Path, name: str, old: str, new: str, message: str
) -> None:
    text = (study / name).read_text()
    assert old in text
    (study / name).write_text(text.replace(old, new, 1))
    with pytest.raises(CohortError) as error:
        make("cbioportal", study, study.parent / "out")
    assert str(error.value) == message.format(study=study)
    assert [path.name for path in study.parent.iterdir()] == ["study"]


def test_a_meta_file_whose_data_file_is_absent_is_named(study: Path) -> None:
    (study / "z.txt").unlink()
    made = make("cbioportal", study, study.parent / "out")
    assert said(made, "no-data-file") == [
        "/meta_z.txt: names the data file z.txt, which is not in the folder; it is passed over. "
        "Download the study again: large files may be missing."
    ]


def test_header_lines_of_another_length_are_not_used_and_said(study: Path) -> None:
    path = study / "tumours.txt"
    path.write_text(path.read_text().replace("#STRING\tSTRING\tSTRING\tNUMBER", "#STRING\tSTRING\tNUMBER"))
    made = make("cbioportal", study, study.parent / "out")
    assert said(made, "clinical-header") == [
        "/tumours.txt:3: the header line has another number of cells than the 4 columns; the header lines are not "
        "used. Types are told from the values; complete the four lines to state them."
    ]


def test_the_verb_shows_what_was_left_out(study: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = study.parent / "out"
    assert main(["cohort", "import-cbioportal", str(study), "--out", str(out)]) == 0
    shown = capfd.readouterr()
    assert shown.out == f"{out}\n"
    assert "mutations: 3 read, 2 used; 1 left out: of a sample that is not used\n" in shown.err
    assert f"Next: mmcare cohort check {out}\n" in shown.err
    provenance = (out / "PROVENANCE.md").read_text()
    assert "- study: luad_test\n- name: A study: of five\n" in provenance
    assert "| mutations | 3 | 2 | 1 of a sample that is not used |" in provenance
    assert str(study.parent) not in provenance

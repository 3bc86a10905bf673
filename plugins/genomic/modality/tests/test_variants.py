"""The variants modality on five patients written here, and on the real study."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmcare.components import Absent, Prepared, Source
from mmcare.errors import CohortError
from mmcare.formats import impact_panels
from mmcare_genomic.plugin import VariantsConfig
from mmcare_genomic.slots import AS_REFERENCE, NOT_TESTED, UNKNOWN_EFFECT
from mmcare_genomic.variants import Variants

HEADER = "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\tHGVSp_Short\n"
ROWS = [
    ("EGFR", "P1", "p.C3R"),
    ("EGFR", "P1", "p.D4del"),
    ("KRAS", "P1", "p.X3_splice"),
    ("EGFR", "P2", "p.C3R"),
    ("KRAS", "P2", "p.A2="),
    ("KEAP1", "P2", "p.R320Q"),
    ("MET", "P2", "p.A2V"),
    ("EGFR", "P3", "p.C3R"),
    ("EGFR", "P3", "p.X4_splice"),
    ("KRAS", "P4", "p.G9D"),
    ("KRAS", "P4", "p.G12D"),
    ("EGFR", "P5", "p.C3R"),
    ("KRAS", "P1", ""),
]
ENTRY = {
    "mutations": "mutations.maf",
    "panels": "panels.tsv",
    "panel_genes": "panel_genes.tsv",
    "proteins": "proteins.fasta",
}


@pytest.fixture
def source(tmp_path: Path) -> Source:
    lines = [f"{gene}\t{patient}\tMissense_Mutation\t{change}\n" for gene, patient, change in ROWS]
    (tmp_path / "mutations.maf").write_text(HEADER + "".join(lines))
    panels = {"P1": "big", "P2": "big", "P3": "small", "P4": "big", "P6": "unlisted"}
    (tmp_path / "panels.tsv").write_text(
        "SAMPLE_ID\tmutations\n" + "".join(f"{patient}\t{panel}\n" for patient, panel in panels.items())
    )
    genes = [("big", gene) for gene in ("EGFR", "KRAS", "KEAP1")] + [("small", "EGFR")]
    (tmp_path / "panel_genes.tsv").write_text("panel\tgene\n" + "".join(f"{p}\t{g}\n" for p, g in genes))
    (tmp_path / "proteins.fasta").write_text(">EGFR|x\nMACDEFGHIKLM\n>KRAS\nMACDEFGH\n>ALK\nMAJ\n")
    return Source(root=tmp_path, key="genomic", entry=ENTRY, columns={}, patients_file="patients.csv", id="patient_id")


def prepared(modality: Variants, source: Source, *patients: str) -> dict[str, Prepared]:
    found = {patient: modality.read(source, patient) for patient in patients}
    assert all(isinstance(item, Prepared) for item in found.values())
    return {patient: modality.prepare(item, None) for patient, item in found.items()}


def test_each_gene_of_each_patient_is_in_its_state(source: Source) -> None:
    modality = Variants(VariantsConfig())
    items = prepared(modality, source, "P1", "P2", "P3", "P4")
    fitted = modality.fit(source, items.values())
    layout = modality.layout(fitted)
    assert (layout.slots, layout.references) == (("EGFR", "KRAS"), ("MACDEFGHIKLM", "MACDEFGH"))
    batch = modality.collate(list(items.values()), torch.arange(4), fitted)
    assert batch.keys == ("EGFR p.C3R", "EGFR p.D4del")
    assert batch.sequences == ("MARDEFGHIKLM", "MACEFGHIKLM"), "each distinct sequence is there once"
    unknown, reference, nothing = UNKNOWN_EFFECT, AS_REFERENCE, NOT_TESTED
    assert batch.index.tolist() == [
        [[0, 1], [unknown, nothing]],
        [[0, nothing], [reference, nothing]],
        [[0, unknown], [nothing, nothing]],
        [[reference, nothing], [unknown, nothing]],
    ]
    assert modality.raw_values(items["P1"], fitted) == (
        "p.C3R, p.D4del",
        "p.X3_splice (effect unknown: a splice site), a mutation (effect unknown: no protein change given)",
    )
    assert modality.raw_values(items["P3"], fitted) == ("p.C3R, p.X4_splice (effect unknown: a splice site)", None)
    assert modality.raw_values(items["P4"], fitted)[0] == "wild type"


def test_a_named_gene_without_a_sequence_is_a_slot_of_unknown_effects(source: Source) -> None:
    modality = Variants(VariantsConfig(genes=("KEAP1", "KRAS")))
    items = prepared(modality, source, "P1", "P2")
    fitted = modality.fit(source, items.values())
    assert modality.layout(fitted).references == ("", "MACDEFGH")
    index = modality.collate(list(items.values()), torch.arange(2), fitted).index
    assert index[..., 0].tolist() == [[AS_REFERENCE, UNKNOWN_EFFECT], [UNKNOWN_EFFECT, AS_REFERENCE]]


def test_who_was_not_sequenced_is_absent(source: Source) -> None:
    modality = Variants(VariantsConfig())
    assert modality.read(source, "P5") == Absent("not sequenced")
    assert modality.read(source, "P6") == Absent("the genes of panel unlisted are not known")


def test_every_row_is_counted_by_what_it_says_and_by_what_became_of_it(source: Source) -> None:
    found = {f.code: str(f).replace(f"{source.root}/", "") for f in Variants(VariantsConfig()).check(source)}
    assert found["change-kinds"] == (
        "mutations.maf: 13 mutation rows by what they say: 8 substitution, 2 splice site, 1 in-frame deletion, 1 no "
        "protein change given, 1 silent."
    )
    assert found["change-fates"] == (
        "mutations.maf: 13 mutation rows by what became of them: 5 applied, 2 effect unknown: a splice site, 1 effect "
        "unknown: no protein change given, 1 effect unknown: no reference sequence of the gene, 1 effect unknown: the "
        "position is beyond the protein, 1 effect unknown: the reference has another residue there, 1 of a patient "
        "without a panel, 1 outside the patient's panel."
    )


def test_g07_g08_a_residue_that_differs_and_a_position_beyond_the_protein_are_named(source: Source) -> None:
    (source.root / "mutations.maf").write_text(
        f"{HEADER}KRAS\tP4\tMissense_Mutation\tp.R4D\nKRAS\tP2\tMissense_Mutation\tp.G12D\n"
    )
    (finding,) = [f for f in Variants(VariantsConfig()).check(source) if f.code == "other-residue"]
    assert str(finding).replace(f"{source.root}/", "") == (
        "mutations.maf:2: KRAS: 2 rows do not fit the reference sequence of 8 residues: p.R4D of P4 (D there, not R), "
        "p.G12D of P2 (position 12 is beyond the protein). Their effect counts as unknown. Bring the sequence of the "
        "isoform that the file counts on, as `proteins` of the cohort's entry."
    )


def test_g12_a_protein_of_no_use_is_named_by_record_and_position(source: Source) -> None:
    (finding,) = [f for f in Variants(VariantsConfig()).check(source) if f.code == "record-left-out"]
    assert str(finding).replace(f"{source.root}/", "") == (
        "proteins.fasta:5: the record 'ALK' holds 'J' (leucine or isoleucine, not said which) at position 3 of 3; it "
        "is left out. Use the protein's reference sequence."
    )


def test_a_shift_is_suggested_and_used_once_it_is_written(source: Source) -> None:
    rows = "".join(f"EGFR\tP1\tMissense_Mutation\t{change}\n" for change in ("p.D2R", "p.G5R", "p.K8R", "p.C3R"))
    (source.root / "mutations.maf").write_text(HEADER + rows)
    (finding,) = [f for f in Variants(VariantsConfig()).check(source) if f.code == "other-residue"]
    assert str(finding).endswith(
        "With +2 added to their positions all of them fit: they count on another isoform. Write `shifts: {EGFR: 2}` in "
        "the spec, or bring that isoform's sequence as `proteins`."
    )
    shifted = Variants(VariantsConfig(shifts={"EGFR": 2}))
    assert not [f for f in shifted.check(source) if f.code == "other-residue"]
    (item,) = prepared(shifted, source, "P1").values()
    assert item.values["sequences"] == {
        "EGFR": {
            "p.D2R": "MACREFGHIKLM",
            "p.G5R": "MACDEFRHIKLM",
            "p.K8R": "MACDEFGHIRLM",
            "p.C3R": "MARDEFGHIKLM",  # fits as it stands, and is left alone
        }
    }


def test_unknown_effects_are_counted_by_patient_and_gene(source: Source) -> None:
    modality = Variants(VariantsConfig())
    items = prepared(modality, source, "P1", "P2", "P3", "P4")
    fitted = modality.fit(source, items.values())
    assert [str(finding) for finding in modality.findings(items, fitted)] == [
        "5 changes of 3 patients are of unknown effect: KRAS 4, EGFR 1.",
        "1 changed genes of patients are no slot, for want of a sequence: KEAP1 1. Add their sequences to `proteins`, "
        "or name them under `genes`: their effect is unknown then.",
    ]


def test_another_reading_frame_is_not_applied_to_the_reference(source: Source) -> None:
    (source.root / "mutations.maf").write_text(
        f"{HEADER}CDKN2Ap14ARF\tP1\tMissense_Mutation\tp.C3R\nCDKN2Ap16INK4A\tP1\tMissense_Mutation\tp.D4R\n"
    )
    (source.root / "panel_genes.tsv").write_text("panel\tgene\nbig\tCDKN2A\n")
    (source.root / "proteins.fasta").write_text(">CDKN2A\nMACDEFGH\n")
    (item,) = prepared(Variants(VariantsConfig()), source, "P1").values()
    assert item.values["sequences"] == {"CDKN2A": {"p.D4R": "MACREFGH"}}
    assert item.values["unknown"] == {"CDKN2A": {"p.C3R": "another reading frame than the reference"}}


def test_another_reference_than_in_training_is_refused(source: Source) -> None:
    modality = Variants(VariantsConfig())
    fitted = modality.fit(source, prepared(modality, source, "P1").values())
    (source.root / "proteins.fasta").write_text(">EGFR\nMACDEFGHIKLMW\n")
    with pytest.raises(CohortError) as caught:
        modality.collate(list(prepared(modality, source, "P1").values()), torch.arange(1), fitted)
    assert str(caught.value) == (
        "EGFR: the reference sequence of EGFR is not the one that the model was trained with. Use the cohort's "
        "`proteins` of training: changes of another isoform mean something else."
    )


def test_proteins_of_no_panel_gene_are_refused(source: Source) -> None:
    (source.root / "proteins.fasta").write_text(">P00533\nMACD\n")
    modality = Variants(VariantsConfig())
    with pytest.raises(CohortError) as caught:
        modality.fit(source, prepared(modality, source, "P1").values())
    assert str(caught.value).replace(f"{source.root}/", "") == (
        "proteins.fasta: none of the 1 proteins is of a gene that a panel covers. Name the records of `proteins` by "
        "gene symbol (`>EGFR`), or name `genes` in the spec."
    )


def test_genes_are_replaced_by_those_of_the_background(source: Source) -> None:
    modality = Variants(VariantsConfig())
    items = list(prepared(modality, source, "P1", "P2", "P4").values())
    fitted = modality.fit(source, items)
    own = modality.collate(items[1:2], torch.arange(1), fitted)
    other = modality.collate(items[:1], torch.arange(1), fitted)
    found = modality.replace(own, torch.tensor([[False, True]]), other)
    said = [[found.sequences[i] for i in slot if i >= 0] for slot in found.index[0].tolist()]
    assert said == [["MARDEFGHIKLM", "MACEFGHIKLM"], []]
    assert found.index[0, 1].tolist() == [AS_REFERENCE, NOT_TESTED]


def test_the_real_study_with_21_proteins(tmp_path: Path, real_data: Path) -> None:
    study = real_data / "msk-luad-2020"
    lines = [f"{panel}\t{gene}\n" for panel, genes in impact_panels().items() for gene in genes]
    (tmp_path / "panel_genes.tsv").write_text("panel\tgene\n" + "".join(lines))
    entry = {
        "mutations": str(study / "data_mutations.txt"),
        "panels": str(study / "data_gene_panel_matrix.txt"),
        "panel_genes": "panel_genes.tsv",
        "proteins": str(real_data / "proteins" / "lung_cancer_proteins.fasta"),
    }
    source = Source(root=tmp_path, key="g", entry=entry, columns={}, patients_file="patients.csv", id="patient_id")
    modality = Variants(VariantsConfig())
    found = modality.check(source)
    (kinds,) = [f.what for f in found if f.code == "change-kinds"]
    assert kinds.startswith("4,814 mutation rows by what they say: 3,598 substitution, 448 nonsense, 333 frameshift, ")
    assert "21 no protein change given" in kinds
    (fates,) = [f.what for f in found if f.code == "change-fates"]
    assert sum(int(part.split()[0].replace(",", "")) for part in fates.split(": ", 1)[1].split(", ")) == 4814
    said = {f.what.split(":")[0]: f for f in found if f.code == "other-residue"}
    assert set(said) == {"KRAS", "MET"}
    assert "p.R151S of P-" in said["KRAS"].what and "another isoform" not in said["KRAS"].what
    met = ("p.D1010H", "p.K902I", "p.K957T", "p.Y1003F", "p.H1094R", "p.W1320C")
    assert all(change in said["MET"].what for change in met) and "shifts: {MET: 18}" in said["MET"].todo
    samples = [line.split("\t")[0] for line in (study / "data_gene_panel_matrix.txt").read_text().splitlines()[1:]]
    items = prepared(modality, source, *samples)
    fitted = modality.fit(source, items.values())
    batch = modality.collate(list(items.values()), torch.arange(len(items)), fitted)
    assert len(batch.sequences) == len(set(zip(batch.keys, batch.sequences, strict=True)))
    assert batch.index.shape[:2] == (len(items), 21)
    applied = sum(len(changes) for item in items.values() for changes in item.values["sequences"].values())
    assert int((batch.index >= 0).sum()) == applied

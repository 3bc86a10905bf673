"""Sequences from a FASTA file a patient."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmcare.components import Absent, Prepared, Source
from mmcare.errors import CohortError
from mmcare_genomic.plugin import SequenceConfig
from mmcare_genomic.sequence import SequenceModality


@pytest.fixture
def source(tmp_path: Path) -> Source:
    (tmp_path / "P1.fa").write_text(">promoter one\nACGTAC\nGT\n>exon\nTTT\n")
    (tmp_path / "P2.fa").write_text(">exon\nttt\n>other\nA\n")
    return Source(
        root=tmp_path,
        key="dna",
        entry={"files": "{patient}.fa"},
        columns={},
        patients_file="patients.csv",
        id="patient_id",
    )


def prepared(modality: SequenceModality, source: Source, *patients: str) -> list[Prepared]:
    items = [modality.read(source, patient) for patient in patients]
    assert all(isinstance(item, Prepared) for item in items)
    return [modality.prepare(item, None) for item in items]


def test_records_are_slots_and_each_distinct_sequence_is_there_once(source: Source) -> None:
    modality = SequenceModality(SequenceConfig(alphabet="dna"))
    items = prepared(modality, source, "P1", "P2")
    fitted = modality.fit(source, items[:1])
    layout = modality.layout(fitted)
    assert (layout.slots, layout.references) == (("exon", "promoter"), ())
    assert layout.alphabet.startswith("ACGTN")
    batch = modality.collate(items, torch.arange(2), fitted)
    assert batch.sequences == ("TTT", "ACGTACGT")
    assert batch.index.tolist() == [[[0], [1]], [[0], [-1]]]
    assert modality.raw_values(items[1], fitted) == ("3 letters", None)
    assert [str(f) for f in modality.findings({"P2": items[1]}, fitted)] == [
        "1 records are no slot of the model, such as other: they are not used."
    ]
    swapped = modality.replace(
        batch.take(torch.tensor([0]), torch.arange(1)),
        torch.tensor([[True, False]]),
        batch.take(torch.tensor([1]), torch.arange(1)),
    )
    assert swapped.index.tolist() == [[[0], [-1]]]


def test_named_slots_are_those_used(source: Source) -> None:
    modality = SequenceModality(SequenceConfig(alphabet="dna", slots=("promoter",)))
    items = prepared(modality, source, "P1")
    assert modality.layout(modality.fit(source, items)).slots == ("promoter",)
    assert modality.layout(None).slots == ("promoter",)


def test_a_patient_without_a_file_is_absent_and_the_file_is_the_cache_key(source: Source) -> None:
    modality = SequenceModality(SequenceConfig(alphabet="dna"))
    assert modality.read(source, "P9") == Absent("no FASTA file")
    assert modality.files(source, "P9") == ()
    assert modality.files(source, "P1") == (source.root / "P1.fa",)


def said(error: BaseException, source: Source) -> list[str]:
    return [line.replace(f"{source.root}/", "") for line in str(error).splitlines()]


def test_a_letter_of_another_alphabet_is_named(source: Source) -> None:
    (source.root / "P1.fa").write_text(">exon\nACGE\n>intron\nACU\n")
    with pytest.raises(CohortError) as caught:
        SequenceModality(SequenceConfig(alphabet="dna")).read(source, "P1")
    todo = "Set `alphabet` in the spec to what the file holds, or mend the record."
    assert said(caught.value, source) == [
        "P1.fa:1, patient P1: the record 'exon' holds 'E' at position 4 of 4, which is no letter of dna; allowed are "
        f"ACGTNRYSWKMBDHV. {todo}",
        "P1.fa:3, patient P1: the record 'intron' holds 'U' at position 3 of 3, which is no letter of dna; allowed are "
        f"ACGTNRYSWKMBDHV. {todo}",
    ]


def test_g12_a_record_of_no_use_is_named_by_patient_and_position(source: Source) -> None:
    (source.root / "P1.fa").write_text(">a\nMA*L\n>b\nMA\n>b\nMK\n")
    with pytest.raises(CohortError) as caught:
        SequenceModality(SequenceConfig()).read(source, "P1")
    assert said(caught.value, source) == [
        "P1.fa:1, patient P1: the record 'a' holds '*' (a stop inside the protein) at position 3 of 4; it is left out. "
        "Use the protein's reference sequence.",
        "P1.fa:5, patient P1: the record 'b' is there twice, in lines 3 and 5; it is left out. Keep one, or rename it.",
    ]


def test_a_cohort_entry_without_files_is_named(source: Source) -> None:
    empty = Source(root=source.root, key="dna", entry={}, columns={}, patients_file="p.csv", id="patient_id")
    with pytest.raises(CohortError) as caught:
        SequenceModality(SequenceConfig()).read(empty, "P1")
    assert said(caught.value, source) == [
        "cohort.yaml, modalities.dna: the entry `files` is missing; found: none. Add `files: FILE` to it."
    ]

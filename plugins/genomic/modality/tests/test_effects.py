"""Changes applied to a reference of twelve residues, and to the real proteins."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mmcare.formats import read_fasta, read_maf
from mmcare_genomic.effects import Effect, Unknown, effect_of
from mmcare_genomic.isoforms import suggested_shift
from mmcare_genomic.protein_change import Kind, parse_change

REFERENCE = "MACDEFGHIKLM"

APPLIED = {
    "p.C3R": "MARDEFGHIKLM",
    "p.C3*": "MA",
    "p.C3=": REFERENCE,
    "p.M12M": REFERENCE,
    "p.D4del": "MACEFGHIKLM",
    "p.D4_F6del": "MACGHIKLM",
    "p.D4dup": "MACDDEFGHIKLM",
    "p.D4_F6dup": "MACDEFDEFGHIKLM",
    "p.D4_E5insWW": "MACDWWEFGHIKLM",
    "p.D4_E5insW*": "MACDW",
    "p.D4delinsWY": "MACWYEFGHIKLM",
    "p.D4_F6delinsW": "MACWGHIKLM",
    "p.D4_F6delinsW*": "MACW",
    "p.D4_F6delins*": "MAC",
    "p.DE4W*": "MACW",
    # the stop is the third residue of the new frame, W being the first
    "p.D4Wfs*3": "MACWX",
    "p.D4fs*3": "MACXX",
    "p.D4Wfs*1": "MAC",
    # the stop became W, and stands three residues after it
    "p.*13Wext*3": "MACDEFGHIKLMWXX",
}

UNKNOWN = {
    "p.X4_splice": Unknown.SPLICE,
    "p.M1?": Unknown.START_LOST,
    "p.M1V": Unknown.START_LOST,
    "p.D4Wfs": Unknown.NO_END,
    "p.D4Wfs*?": Unknown.NO_END,
    "p.*13W": Unknown.NO_END,
    "p.M1_M12del": Unknown.START_LOST,
    "p.R4W": Unknown.OTHER_RESIDUE,
    "p.D4_R6del": Unknown.OTHER_RESIDUE,
    "p.DR4W*": Unknown.OTHER_RESIDUE,
    "p.M1_M2insA": Unknown.OTHER_RESIDUE,
    "p.*12Wext*3": Unknown.OTHER_RESIDUE,
    "p.A14W": Unknown.BEYOND,
    "p.D4_A99del": Unknown.BEYOND,
    "p.X99_splice": Unknown.BEYOND,
    "": Unknown.NOT_GIVEN,
    "*42*": Unknown.NOT_UNDERSTOOD,
}


@pytest.mark.parametrize("text", APPLIED)
def test_a_change_is_applied(text: str) -> None:
    assert effect_of(parse_change(text), REFERENCE) == Effect(APPLIED[text])


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_cannot_be_applied_says_why(text: str) -> None:
    assert effect_of(parse_change(text), REFERENCE) == Effect(None, UNKNOWN[text])


def test_without_a_sequence_nothing_is_applied() -> None:
    assert effect_of(parse_change("p.C3R"), None) == Effect(None, Unknown.NO_REFERENCE)


def test_a_shift_moves_every_position() -> None:
    assert effect_of(parse_change("p.C1_D2del"), REFERENCE, shift=2) == Effect("MAEFGHIKLM")
    assert effect_of(parse_change("p.L10R"), REFERENCE, shift=1) == Effect("MACDEFGHIKRM")
    assert effect_of(parse_change("p.L12R"), REFERENCE, shift=2).unknown is Unknown.BEYOND


def test_a_shift_is_suggested_from_three_sites_on() -> None:
    changes = [parse_change(text) for text in ("p.D2R", "p.G5R", "p.K8_L9del")]
    assert suggested_shift(changes, REFERENCE) == 2
    assert suggested_shift(changes[:2], REFERENCE) is None
    assert suggested_shift([*changes, parse_change("p.W1R")], REFERENCE) is None


def test_all_751_substitutions_go_through_but_nine_that_do_not_fit(real_data: Path) -> None:
    records = read_fasta(real_data / "proteins" / "lung_cancer_proteins.fasta")
    references = {record.name: record.sequence for record in records}
    rows = [
        (mutation.gene, change)
        for mutation in read_maf(real_data / "msk-luad-2020" / "data_mutations.txt")
        if mutation.gene in references and (change := parse_change(mutation.protein_change)).kind is Kind.SUBSTITUTION
    ]
    effects = [(gene, change, effect_of(change, references[gene])) for gene, change in rows]
    unknown = [(gene, change, effect.unknown) for gene, change, effect in effects if effect.sequence is None]
    assert len(rows) == 751
    assert Counter((gene, why) for gene, _, why in unknown) == {
        ("MET", Unknown.OTHER_RESIDUE): 8,
        ("KRAS", Unknown.OTHER_RESIDUE): 1,
    }
    assert [change.text for gene, change, _ in unknown if gene == "KRAS"] == ["p.R151S"]
    assert suggested_shift([change for gene, change, _ in unknown if gene == "MET"], references["MET"]) == 18
    for gene, change, effect in effects:
        if effect.sequence is not None:  # one residue differs, the one named
            place = change.start - 1
            differing = [i for i, (a, b) in enumerate(zip(effect.sequence, references[gene], strict=True)) if a != b]
            assert differing == [place] and effect.sequence[place] == change.inserted

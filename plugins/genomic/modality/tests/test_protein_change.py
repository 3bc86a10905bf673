"""The grammar of protein changes, alone and beside the package hgvs."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcare.formats import read_maf
from mmcare_genomic.protein_change import Kind, ProteinChange, parse_change

CASES = {
    "p.L858R": (Kind.SUBSTITUTION, 858, 858, ((858, "L"),), "R", None),
    "p.Q569*": (Kind.NONSENSE, 569, 569, ((569, "Q"),), "*", None),
    "p.L747Qfs*12": (Kind.FRAMESHIFT, 747, 747, ((747, "L"),), "Q", 12),
    "p.L747fs": (Kind.FRAMESHIFT, 747, 747, ((747, "L"),), "", None),
    "p.L747Qfs*?": (Kind.FRAMESHIFT, 747, 747, ((747, "L"),), "Q", None),
    "p.S257del": (Kind.DELETION, 257, 257, ((257, "S"),), "", None),
    "p.E746_A750del": (Kind.DELETION, 746, 750, ((746, "E"), (750, "A")), "", None),
    "p.N239dup": (Kind.DUPLICATION, 239, 239, ((239, "N"),), "", None),
    "p.A767_V769dup": (Kind.DUPLICATION, 767, 769, ((767, "A"), (769, "V")), "", None),
    "p.H773_V774insAH": (Kind.INSERTION, 773, 774, ((773, "H"), (774, "V")), "AH", None),
    "p.G776delinsVV": (Kind.DELINS, 776, 776, ((776, "G"),), "VV", None),
    "p.R186_E187delinsL*": (Kind.DELINS, 186, 187, ((186, "R"), (187, "E")), "L*", None),
    "p.QE1252H*": (Kind.DELINS, 1252, 1253, ((1252, "Q"), (1253, "E")), "H*", None),
    "p.*179Rext*8": (Kind.EXTENSION, 179, 179, ((179, "*"),), "R", 8),
    "p.*179R": (Kind.EXTENSION, 179, 179, ((179, "*"),), "R", None),
    "p.M1?": (Kind.START_LOST, 1, 1, ((1, "M"),), "", None),
    "p.M1V": (Kind.START_LOST, 1, 1, ((1, "M"),), "", None),
    "p.L858=": (Kind.SILENT, 858, 858, ((858, "L"),), "", None),
    "p.L858L": (Kind.SILENT, 858, 858, ((858, "L"),), "", None),
    "p.X97_splice": (Kind.SPLICE, 97, 97, (), "", None),
}


@pytest.mark.parametrize("text", CASES)
def test_each_form_is_read(text: str) -> None:
    kind, start, end, residues, inserted, tail = CASES[text]
    for written in (text, text.removeprefix("p."), f" {text} "):
        assert parse_change(written) == ProteinChange(written, kind, start, end, residues, inserted, tail)


@pytest.mark.parametrize(
    "text",
    [
        "*42*",
        "p.L0R",
        "p.B858R",
        "p.Leu858Arg",
        "p.l858r",
        "p.L858",
        "p.E750_A746del",
        "p.H773_V775insAH",
        "p.L858R;p.T790M",
        "p.L747Qfs*0",
        "p.L٣R",
        "p.G776delins",
        "NP_005219.2:p.L858R",
    ],
)
def test_what_is_outside_the_grammar_is_not_understood(text: str) -> None:
    assert parse_change(text) == ProteinChange(text, Kind.NOT_UNDERSTOOD)


def test_no_text_is_no_change_given() -> None:
    assert [parse_change(text).kind for text in ("", "  ", "p.")] == [Kind.NOT_GIVEN] * 3


@given(st.text(max_size=30) | st.from_regex(r"p\.[A-Z*]{1,3}\d{1,4}[A-Z_*]{0,3}(fs|del|ins|dup|ext|=)?[A-Z*\d]{0,4}"))
def test_any_text_has_exactly_one_kind_and_positions_in_order(text: str) -> None:
    change = parse_change(text)
    assert change.text == text and change.kind in Kind
    assert change.kind in (Kind.NOT_GIVEN, Kind.NOT_UNDERSTOOD) or 1 <= change.start <= change.end


THREE = dict(
    zip(
        "ACDEFGHIKLMNPQRSTVWY*",
        re.findall("...", "AlaCysAspGluPheGlyHisIleLysLeuMetAsnProGlnArgSerThrValTrpTyrTer"),
        strict=True,
    )
)


def in_three_letters(change: ProteinChange) -> str:
    """The change as hgvs writes it; empty where there is no such form."""
    named = [f"{THREE[residue]}{position}" for position, residue in change.residues]
    site = "_".join(dict.fromkeys([*named[:1], *named[-1:]]))
    new = "".join(THREE[letter] for letter in change.inserted)
    tail = "" if change.tail is None else f"Ter{change.tail}"
    forms = {
        Kind.SUBSTITUTION: f"{site}{new}",
        Kind.NONSENSE: f"{site}Ter",
        Kind.FRAMESHIFT: f"{site}{new}fs{tail}",
        Kind.DELETION: f"{site}del",
        Kind.DUPLICATION: f"{site}dup",
        Kind.INSERTION: f"{site}ins{new}",
        Kind.DELINS: f"{site}delins{new}",
        Kind.EXTENSION: f"{site}{new}ext{tail}",
        Kind.START_LOST: f"{site}?",
        Kind.SILENT: f"{site}=",
    }
    return forms.get(change.kind, "")


def rule(change: ProteinChange) -> str:
    """Under which rule we and hgvs disagree."""
    if change.kind is Kind.SPLICE:
        return "cBioPortal's _splice, which HGVS does not have"
    if not change.text.startswith("p."):
        return "p. is missing"
    return "several residues before the position"


DISAGREEMENTS = {
    "cBioPortal's _splice, which HGVS does not have": 240,
    "several residues before the position": 2,
    "p. is missing": 2,
}


def test_we_read_what_hgvs_reads_and_each_disagreement_is_under_a_rule() -> None:
    file = Path(__file__).parent / "data" / "hgvs_verdicts.tsv"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    agreed, refused, disagreed = 0, 0, Counter[str]()
    for row in csv.DictReader(lines, delimiter="\t"):
        change, rows = parse_change(row["protein_change"]), int(row["rows"])
        if row["hgvs"]:
            assert in_three_letters(change) == row["hgvs"], f"{change.text}: hgvs reads {row['hgvs']}"
            agreed += rows
        elif change.kind is Kind.NOT_UNDERSTOOD:
            refused += rows
        else:
            disagreed[rule(change)] += rows
    assert disagreed == DISAGREEMENTS
    assert (agreed, refused, agreed + refused + disagreed.total()) == (4535, 14, 4793)


def test_the_docs_state_each_disagreement_with_its_count() -> None:
    page = (Path(__file__).parents[4] / "docs" / "variants.md").read_text()
    for name, rows in DISAGREEMENTS.items():
        assert f"| {name.replace('_splice', '`_splice`').replace('p. is', '`p.` is')} | {rows} |" in page


def test_all_rows_of_msk_2020_fall_into_exactly_one_class(real_data: Path) -> None:
    mutations = read_maf(real_data / "msk-luad-2020" / "data_mutations.txt")
    kinds = Counter(parse_change(mutation.protein_change).kind for mutation in mutations)
    assert kinds == {
        Kind.SUBSTITUTION: 3598,
        Kind.NONSENSE: 448,
        Kind.FRAMESHIFT: 333,
        Kind.SPLICE: 240,
        Kind.DELETION: 71,
        Kind.DELINS: 58,
        Kind.DUPLICATION: 23,
        Kind.NOT_GIVEN: 21,
        Kind.NOT_UNDERSTOOD: 14,
        Kind.START_LOST: 5,
        Kind.INSERTION: 2,
        Kind.EXTENSION: 1,
    }
    assert kinds.total() == mutations.n_read == 4814

"""Protein sequences in FASTA."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mmcare.errors import CohortError, Finding, cut
from mmcare.formats.rows import Rows
from mmcare.formats.text import read_text

__all__ = ["Protein", "read_fasta"]

# The 20 residues, selenocysteine and pyrrolysine, and the ambiguity codes that protein language models know.
_RESIDUES = frozenset("ACDEFGHIKLMNPQRSTVWYUOBZX")


@dataclass(frozen=True, slots=True)
class Protein:
    """One record: the first word of its header up to a `|`, the whole header, the residues, and the header's line."""

    name: str
    header: str
    sequence: str
    line: int


def read_fasta(path: Path | str) -> Rows[Protein]:
    """The proteins of a FASTA file; a record of no use is left out, and found. A final `*` (the stop) is dropped.

    A record is of no use where a letter is no residue (such as J, or a `*` inside), where it is empty, or where its
    name was there before.

    Raises:
        CohortError: The file is of no use: absent, empty, not UTF-8, or not FASTA.
    """
    path = Path(path)
    values, findings, left_out = ([], [], {"no residues": 0, "letter": 0, "name twice": 0})
    first: dict[str, int] = {}
    records = list(_records(path))
    for protein in records:
        place = next((i for i, letter in enumerate(protein.sequence) if letter not in _RESIDUES), None)
        if not protein.sequence:
            left_out["no residues"] += 1
            findings.append(_finding(path, protein, "has no residues", "Add its sequence, or remove it."))
        elif place is not None:
            left_out["letter"] += 1
            findings.append(_finding(path, protein, _letter(protein, place), "Use the protein's reference sequence."))
        elif protein.name in first:
            left_out["name twice"] += 1
            what = f"is there twice, in lines {first[protein.name]} and {protein.line}"
            findings.append(_finding(path, protein, what, "Keep one, or rename it."))
        else:
            first[protein.name] = protein.line
            values.append(protein)
    return Rows(tuple(values), len(records), {r: n for r, n in left_out.items() if n}, tuple(findings))


def _records(path: Path) -> Iterator[Protein]:
    blocks: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.startswith(">"):
            blocks.append((number, line[1:].strip(), []))
        elif blocks:
            blocks[-1][2].append("".join(line.split()))
        elif line.strip():
            what = f"FASTA begins with a header line '>name'; found '{cut(line, 40)}'."
            raise CohortError(Finding(file=path, line=number, what=what, todo="Name a FASTA file.", code="not-fasta"))
    for number, header, lines in blocks:
        name = header.split("|")[0].split()[0] if header.split("|")[0].split() else ""
        sequence = "".join(lines).upper().removesuffix("*")
        yield Protein(name, header, sequence, number)


def _letter(protein: Protein, place: int) -> str:
    letter = protein.sequence[place]
    why = {"J": "leucine or isoleucine, not said which", "*": "a stop inside the protein"}.get(letter, "no residue")
    return f"holds '{letter}' ({why}) at position {place + 1} of {len(protein.sequence)}"


def _finding(path: Path, protein: Protein, what: str, todo: str) -> Finding:
    text = f"the record '{cut(protein.name, 40)}' {what}; it is left out."
    return Finding(file=path, line=protein.line, what=text, todo=todo, code="record-left-out")

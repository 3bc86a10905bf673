"""Gene sets in the GMT format: a pathway a line, as Reactome and MSigDB publish them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmcare.errors import Finding, cut
from mmcare.formats.rows import Rows
from mmcare.formats.text import read_text

__all__ = ["Pathway", "read_gmt"]


@dataclass(frozen=True, slots=True)
class Pathway:
    """One gene set: its name, the second field of its line (an identifier or address), its genes, and the line."""

    name: str
    identifier: str
    genes: tuple[str, ...]
    line: int


def read_gmt(path: Path | str) -> Rows[Pathway]:
    """The pathways of a GMT file; a line without a gene and the second of two equal pathways are left out, and found.

    Two pathways are equal where name and identifier are. A gene named twice in one line counts once.

    Raises:
        CohortError: The file is of no use: absent, empty or not UTF-8.

    Source:
        MSigDB documentation, "GMT: Gene Matrix Transposed file format".
    """
    path = Path(path)
    first: dict[tuple[str, str], int] = {}
    values, findings, left_out = ([], [], {"blank line": 0, "no gene": 0, "pathway twice": 0})
    lines = read_text(path).splitlines()
    for number, line in enumerate(lines, start=1):
        pathway = _pathway(line, number)
        key = (pathway.name, pathway.identifier)
        if not line.strip():
            left_out["blank line"] += 1
        elif not pathway.genes:
            left_out["no gene"] += 1
            findings.append(_no_gene(path, pathway))
        elif key in first:
            left_out["pathway twice"] += 1
            findings.append(_twice(path, pathway, first[key]))
        else:
            first[key] = number
            values.append(pathway)
    return Rows(tuple(values), len(lines), {r: n for r, n in left_out.items() if n}, tuple(findings))


def _pathway(line: str, number: int) -> Pathway:
    name, identifier, *genes = [cell.strip() for cell in f"{line}\t".split("\t")]
    return Pathway(name, identifier, tuple(dict.fromkeys(gene for gene in genes if gene)), number)


def _no_gene(path: Path, pathway: Pathway) -> Finding:
    what = f"the pathway '{cut(pathway.name)}' names no gene and is left out; a line is name, identifier, genes, "
    what += "separated by tabs."
    return Finding(file=path, line=pathway.line, what=what, todo="Add its genes, or remove the line.", code="no-gene")


def _twice(path: Path, pathway: Pathway, first: int) -> Finding:
    what = f"the pathway '{cut(pathway.name)}' is there twice, in lines {first} and {pathway.line}; the second is "
    what += "left out."
    return Finding(file=path, line=pathway.line, what=what, todo="Remove one.", code="duplicate-pathway")

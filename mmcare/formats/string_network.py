"""Gene networks as edge lists: STRING's export, or any table of `gene_a`, `gene_b` and `score`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmcare.errors import CohortError, Finding, Severity
from mmcare.formats.rows import Rows, counted, first_lines
from mmcare.formats.table import Table, read_table

__all__ = ["Edge", "read_edges"]

_FORMS = (("gene_a", "gene_b", "score"), ("#node1", "node2", "combined_score"), ("node1", "node2", "combined_score"))
_TWICE = "there twice, also as b-a"
_TODO = {
    "without a gene": "Name both genes.",
    "from a gene to itself": "Remove them: a graph convolution adds its own.",
    _TWICE: "",
    "there twice with two scores": "Keep the right one.",
    "with a score outside 0 to 1": "Write the score as a probability (STRING's downloads hold it times 1000).",
}


@dataclass(frozen=True, slots=True)
class Edge:
    """An undirected edge between two genes, with its score in 0 to 1."""

    gene_a: str
    gene_b: str
    score: float


def read_edges(path: Path | str) -> Rows[Edge]:
    """The edges of a network; those of no use are left out, and found: no gene, to itself, twice, score not in 0 to 1.

    Args:
        path: A table with the columns `gene_a`, `gene_b` and `score`, or STRING's tabular export (`#node1`, `node2`,
            `combined_score`).

    Raises:
        CohortError: The file is of no use, or has neither form of columns.

    Source:
        STRING 12 (Szklarczyk et al., Nucleic Acids Res 2023, 10.1093/nar/gkac1000).
    """
    table = read_table(path)
    column_a, column_b, column_score = _form(table)
    scores, findings = table.numbers(column_score)
    values: list[Edge] = []
    seen: dict[frozenset[str], float] = {}
    left_out: dict[str, list[str]] = {}
    rows = zip(table.column(column_a), table.column(column_b), scores.tolist(), table.lines, strict=True)
    for gene_a, gene_b, score, line in rows:
        edge = Edge(gene_a.strip(), gene_b.strip(), score)
        reason = _reason(edge, seen)
        if reason:
            left_out.setdefault(reason, []).append(f"line {line}")
        else:
            values.append(edge)
            seen[frozenset((edge.gene_a, edge.gene_b))] = edge.score
    counts = {**table.left_out, **{f"edge {reason}": len(places) for reason, places in left_out.items()}}
    found = (*table.findings, *findings, *(_left_out(table, r, p) for r, p in left_out.items()))
    return Rows(tuple(values), table.n_read, counts, found)


def _form(table: Table) -> tuple[str, str, str]:
    for form in _FORMS:
        if set(form) <= set(table.columns):
            return form
    what = "the columns gene_a, gene_b, score (or STRING's #node1, node2, combined_score) are needed; the file has: "
    what += f"{', '.join(table.columns)}."
    raise CohortError(Finding(file=table.file, line=1, what=what, todo="Rename the columns.", code="no-column"))


def _reason(edge: Edge, seen: dict[frozenset[str], float]) -> str:
    if not (edge.gene_a and edge.gene_b):
        return "without a gene"
    if edge.gene_a == edge.gene_b:
        return "from a gene to itself"
    if not 0 <= edge.score <= 1:
        return "with a score outside 0 to 1"
    first = seen.get(frozenset((edge.gene_a, edge.gene_b)))
    if first is None:
        return ""
    return _TWICE if first == edge.score else "there twice with two scores"


def _left_out(table: Table, reason: str, places: list[str]) -> Finding:
    what = f"left out: {counted(len(places), 'edge')} {reason} ({first_lines(places)})."
    severity = Severity.NOTE if reason == _TWICE else Severity.WARNING
    return Finding(file=table.file, what=what, todo=_TODO[reason], severity=severity, code="edge-left-out")

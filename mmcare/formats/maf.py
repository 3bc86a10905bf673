"""Mutations in the Mutation Annotation Format (MAF), also as cBioPortal's `data_mutations.txt`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats.rows import Rows, counted, first_lines
from mmcare.formats.table import Table, read_table

__all__ = ["Mutation", "read_maf"]

_COLUMNS = ("Hugo_Symbol", "Tumor_Sample_Barcode", "Variant_Classification", "HGVSp_Short")
_NEEDED = ("Hugo_Symbol", "Tumor_Sample_Barcode", "Variant_Classification")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One mutation of one tumour sample.

    Attributes:
        gene: Gene symbol as the file writes it.
        sample: Tumour sample.
        classification: MAF's class of the variant, such as `Missense_Mutation`.
        protein_change: The change of the protein, such as `p.L858R`; empty where there is none.
        line: 1-based line of the file.
    """

    gene: str
    sample: str
    classification: str
    protein_change: str
    line: int


def read_maf(path: Path | str) -> Rows[Mutation]:
    """The mutations of a tab-separated MAF; a row without gene, sample or class is left out, and found.

    Leading `#` lines are comments. Without a column `HGVSp_Short` every `protein_change` is empty; a finding says so.

    Raises:
        CohortError: The file is of no use: not tab-separated, or without one of the columns that every MAF has.

    Source:
        GDC MAF format v1.0.0, docs.gdc.cancer.gov; cBioPortal file formats, "Mutation data".
    """
    path = Path(path)
    table = read_table(path, separator="\t", comment="#", quoted=False)
    _check_tabs(table)
    table.require(_NEEDED)
    values: list[Mutation] = []
    left_out: dict[str, list[str]] = {}
    for mutation in _mutations(table):
        reason = _reason(mutation)
        if reason:
            left_out.setdefault(reason, []).append(f"line {mutation.line}")
        else:
            values.append(mutation)
    counts = {**table.left_out, **{reason: len(lines) for reason, lines in left_out.items()}}
    findings = [*table.findings, *_no_protein_change(table), *(_left_out(path, r, p) for r, p in left_out.items())]
    return Rows(tuple(values), table.n_read, counts, tuple(findings))


def _mutations(table: Table) -> list[Mutation]:
    cells = [table.column(name) if name in table.columns else ("",) * len(table) for name in _COLUMNS]
    rows = zip(*cells, strict=True)
    return [
        Mutation(gene.strip(), sample.strip(), variant.strip(), change.strip(), line)
        for (gene, sample, variant, change), line in zip(rows, table.lines, strict=True)
    ]


def _reason(mutation: Mutation) -> str:
    if not mutation.gene or mutation.gene == "Unknown":
        return "no gene"
    if not mutation.sample:
        return "no sample"
    return "" if mutation.classification else "no variant class"


def _check_tabs(table: Table) -> None:
    if len(table.columns) == 1 and "," in table.columns[0]:
        raise CohortError(
            Finding(
                file=table.file,
                line=1,
                key=cut(table.columns[0], 40),
                what="the columns are separated by commas; a MAF is separated by tabs.",
                todo="Save it as tab-separated text.",
                code="separator",
            )
        )


def _no_protein_change(table: Table) -> list[Finding]:
    if "HGVSp_Short" in table.columns:
        return []
    what = "there is no column 'HGVSp_Short': the change of the protein is unknown for every mutation."
    todo = "Annotate the file (for example with vcf2maf or Genome Nexus) where an encoder reads protein changes."
    return [
        Finding(file=table.file, key="HGVSp_Short", what=what, todo=todo, severity=Severity.WARNING, code="no-hgvsp")
    ]


def _left_out(path: Path, reason: str, places: list[str]) -> Finding:
    what = f"left out: {counted(len(places), 'mutation')} with {reason} ({first_lines(places)})."
    return Finding(file=path, what=what, todo="Fill the cells in, or remove the rows.", code=reason.replace(" ", "-"))

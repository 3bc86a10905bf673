"""Gene panels: which panel a sample was sequenced with, and which genes a panel covers.

A gene outside a sample's panel was not looked at: it is missing, not wild type.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from mmcare.errors import CohortError, Finding
from mmcare.formats.rows import Rows, counted, first_lines
from mmcare.formats.table import Table, read_table
from mmcare.formats.text import read_text

__all__ = ["impact_panels", "read_panel_genes", "read_panel_matrix"]

_NOT_PROFILED = {"", "NA"}
_IMPACT = Path(__file__).with_name("impact_panels.tsv")


def read_panel_matrix(path: Path | str, profile: str = "mutations") -> Rows[tuple[str, str]]:
    """(sample, panel) for each sample of a gene panel matrix; a sample that was not profiled is left out, and found.

    Args:
        path: A table with the column `SAMPLE_ID` and a column a molecular profile, as cBioPortal writes it.
        profile: Column that names the panel.

    Raises:
        CohortError: The file is of no use, lacks a column, or names a sample twice.
    """
    table = read_table(path)
    table.require(["SAMPLE_ID", profile])
    pairs = list(zip(table.column("SAMPLE_ID"), table.column(profile), table.lines, strict=True))
    _check_once(table, pairs)
    values = tuple((sample, panel) for sample, panel, _ in pairs if panel not in _NOT_PROFILED)
    without = [f"line {line} ({sample})" for sample, panel, line in pairs if panel in _NOT_PROFILED]
    left_out = {**table.left_out, **({"no panel": len(without)} if without else {})}
    findings = (*table.findings, *([_no_panel(table.file, profile, without)] if without else []))
    return Rows(values, table.n_read, left_out, findings)


def read_panel_genes(path: Path | str) -> Mapping[str, frozenset[str]]:
    """The genes of each panel.

    Args:
        path: A table with the columns `panel` and `gene`, or one panel in cBioPortal's gene panel format
            (`stable_id:` and a tab-separated `gene_list:`).

    Raises:
        CohortError: The file is of no use, lacks a column, or leaves a panel or gene empty.
    """
    path = Path(path)
    text = read_text(path)
    if text.startswith("stable_id:"):
        return _one_panel(path, text)
    table = read_table(path, comment="#")
    table.require(["panel", "gene"])
    panels: dict[str, set[str]] = {}
    for panel, gene, line in zip(table.column("panel"), table.column("gene"), table.lines, strict=True):
        if not (panel.strip() and gene.strip()):
            what = "the row names no panel or no gene; both are needed."
            raise CohortError(Finding(file=path, line=line, what=what, todo="Fill it in, or remove the row."))
        panels.setdefault(panel.strip(), set()).add(gene.strip())
    return {panel: frozenset(genes) for panel, genes in panels.items()}


@cache
def impact_panels() -> Mapping[str, frozenset[str]]:
    """The genes of the three MSK-IMPACT assays that the published studies of 2014 to 2020 used.

    Returns:
        `IMPACT341` (341 genes), `IMPACT410` (410) and `IMPACT468` (468), each within the next. Symbols as listed by
        the assay; `current_symbol` brings older symbols of mutation files to them.

    Source:
        Cheng et al., J Mol Diagn 2015, 10.1016/j.jmoldx.2014.12.006; Zehir et al., Nat Med 2017, 10.1038/nm.4333.
    """
    return read_panel_genes(_IMPACT)


def _one_panel(path: Path, text: str) -> Mapping[str, frozenset[str]]:
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
    genes = frozenset(gene.strip() for gene in fields.get("gene_list", "").split("\t") if gene.strip())
    if not (fields["stable_id"] and genes):
        what = "a gene panel needs a `stable_id:` and a tab-separated `gene_list:`; one of them is absent or empty."
        raise CohortError(Finding(file=path, what=what, todo="Export the panel again.", code="panel-without-genes"))
    return {fields["stable_id"]: genes}


def _check_once(table: Table, pairs: list[tuple[str, str, int]]) -> None:
    first: dict[str, int] = {}
    findings = []
    for sample, _, line in pairs:
        if sample in first:
            what = f"the sample '{sample}' is there twice, in lines {first[sample]} and {line}."
            findings.append(Finding(file=table.file, line=line, what=what, todo="Keep one.", code="duplicate-sample"))
        first.setdefault(sample, line)
    if findings:
        raise CohortError(findings)


def _no_panel(path: Path, profile: str, places: list[str]) -> Finding:
    what = f"left out: {counted(len(places), 'sample')} with no panel ({first_lines(places)})."
    return Finding(file=path, key=profile, what=what, todo="Name the panel of each.", code="no-panel")

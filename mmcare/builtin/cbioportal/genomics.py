"""The molecular profiles of a study under the patients' ids: panels, mutations, copy numbers, expression."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmcare.builtin.cbioportal.samples import Samples, by_patient, some
from mmcare.components import CohortWriter, Counts
from mmcare.errors import Finding, Severity
from mmcare.formats import Mutation, Rows, Table, impact_panels, read_panel_genes, read_table
from mmcare.formats.cbioportal_files import Profile, StudyFiles, read_meta
from mmcare.formats.rows import counted, first_lines
from mmcare.formats.text import read_text

__all__ = ["EXOME", "Sequencing", "known_panels", "read_sequencing", "write_matrix", "write_mutations", "write_panels"]

EXOME = "exome"
"""The panel of whole-exome and whole-genome samples: every gene that the study names."""
_WHOLE = {"WES", "WXS", "WGS", "WHOLE-EXOME", "WHOLE_EXOME"}


@dataclass(frozen=True, slots=True)
class Sequencing:
    """The panel of each sequenced sample, and what that was told from."""

    panels: Rows[tuple[str, str]]
    said_by: str


def known_panels(files: Iterable[Path]) -> Mapping[str, frozenset[str]]:
    """Genes by panel: those of the files, and the MSK-IMPACT assays' own lists.

    Raises:
        CohortError: A file is of no use.
    """
    panels = dict(impact_panels())
    for file in files:
        panels.update(read_panel_genes(file))
    return panels


def read_sequencing(files: StudyFiles, matrix: Rows[tuple[str, str]] | None, mutations: Rows[Mutation]) -> Sequencing:
    """Which samples were sequenced, and with which panel: by the panel matrix; else by the meta file and the case list.

    Without a panel matrix the samples are those of `cases_sequenced.txt`, of a MAF's `#sequenced_samples:` line, or
    those with a mutation, in this order; their panel is the meta file's `gene_panel`, else the whole exome.
    """
    if matrix is not None:
        return Sequencing(_whole_renamed(matrix), "the gene panel matrix")
    assert files.mutations is not None, "asked for only where there are mutations"
    samples, said_by = _sequenced(files, files.mutations.file, mutations)
    panel = files.mutations.meta.get("gene_panel") or EXOME
    values = tuple((sample, EXOME if panel.upper() in _WHOLE else panel) for sample in samples)
    return Sequencing(Rows(values, len(values)), said_by)


def write_panels(
    sequencing: Sequencing,
    genes: Mapping[str, frozenset[str]],
    study_genes: Collection[str],
    samples: Samples,
    writer: CohortWriter,
) -> Counts:
    """The panel of each patient, and the genes of each panel; panels whose genes are not known are named."""
    rows, counts = by_patient(sequencing.panels, samples, lambda row: row[0])
    listed = {**genes, EXOME: frozenset(study_genes)}
    panels = sorted({panel for _, (_, panel) in rows})
    for panel in panels:
        if panel not in listed:
            writer.finding(_no_genes(panel, [patient for patient, (_, name) in rows if name == panel]))
    writer.table("panels.tsv", ["SAMPLE_ID", "mutations"], [(patient, panel) for patient, (_, panel) in rows])
    pairs = [(panel, gene) for panel in panels for gene in sorted(listed.get(panel, ()))]
    writer.table("panel_genes.tsv", ["panel", "gene"], pairs)
    return counts


def write_mutations(mutations: Rows[Mutation], samples: Samples, writer: CohortWriter) -> Counts:
    """The mutations of the used samples."""
    rows, counts = by_patient(mutations, samples, lambda mutation: mutation.sample)
    columns = ["Hugo_Symbol", "Tumor_Sample_Barcode", "Variant_Classification", "HGVSp_Short"]
    cells = [(m.gene, patient, m.classification, m.protein_change or None) for patient, m in rows]
    writer.table("mutations.maf", columns, cells)
    return counts


def write_matrix(profile: Profile, name: str, samples: Samples, writer: CohortWriter) -> tuple[Counts, Table]:
    """A matrix of genes by samples as genes by patients; samples that are not used are left out, and counted.

    A gene is named by `Hugo_Symbol`; a row that has `Entrez_Gene_Id` alone is left out, and found.
    """
    table = read_table(profile.file, separator="\t", comment="#", quoted=False)
    table.require(["Hugo_Symbol"])
    columns = [column for column in table.columns if column not in ("Hugo_Symbol", "Entrez_Gene_Id", "Cytoband")]
    used = [column for column in columns if column in samples.patient]
    places = [table.columns.index(column) for column in used]
    symbol = table.columns.index("Hugo_Symbol")
    named = [row for row in table.rows if row[symbol].strip() not in ("", "NA")]
    header = ["Hugo_Symbol", *(samples.patient[column] for column in used)]
    writer.table(name, header, ([row[symbol].strip(), *(row[place] for place in places)] for row in named))
    for finding in (*table.findings, *_unnamed(table, symbol)):
        writer.finding(finding)
    left_out = some("of a sample that is not used, or unknown", len(columns) - len(used))
    return Counts(len(columns), len(used), left_out), table


def _whole_renamed(matrix: Rows[tuple[str, str]]) -> Rows[tuple[str, str]]:
    values = tuple((sample, EXOME if panel.upper() in _WHOLE else panel) for sample, panel in matrix)
    return Rows(values, matrix.n_read, matrix.left_out, matrix.findings)


def _sequenced(files: StudyFiles, maf: Path, mutations: Rows[Mutation]) -> tuple[Sequence[str], str]:
    if files.sequenced is not None:
        listed = read_meta(files.sequenced).get("case_list_ids", "").split()
        return list(dict.fromkeys(listed)), f"the case list {files.sequenced.name}"
    line = next((line for line in read_text(maf).splitlines() if line.startswith("#sequenced_samples:")), "")
    if line:
        return list(dict.fromkeys(line.partition(":")[2].split())), f"the line `#sequenced_samples:` of {maf.name}"
    return list(dict.fromkeys(mutation.sample for mutation in mutations)), "having a mutation"


def _no_genes(panel: str, patients: Sequence[str]) -> Finding:
    what = f"the genes of the panel `{panel}` are not known: its {counted(len(patients), 'patient')} "
    what += f"({first_lines(list(patients))}) count as not sequenced."
    todo = f"Put the panel's file data_gene_panel_{panel}.txt into the study folder, or name it with --panel-genes."
    return Finding(what=what, todo=todo, severity=Severity.WARNING, code="panel-without-genes")


def _unnamed(table: Table, symbol: int) -> list[Finding]:
    rows = zip(table.rows, table.lines, strict=True)
    lines = [f"line {line}" for row, line in rows if row[symbol].strip() in ("", "NA")]
    if not lines:
        return []
    what = f"left out: {counted(len(lines), 'row')} without a gene symbol ({first_lines(lines)})."
    todo = "Fill in Hugo_Symbol."
    return [Finding(file=table.file, what=what, todo=todo, severity=Severity.WARNING, code="no-gene")]

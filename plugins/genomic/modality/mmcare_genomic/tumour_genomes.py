"""What was sequenced and what was found, by patient: read once a cohort."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mmcare.components import Source
from mmcare.errors import Finding, Severity
from mmcare.formats import current_symbol, read_edges, read_maf, read_panel_genes, read_panel_matrix

__all__ = ["TumourGenomes", "network_edges", "read_genomes"]


@dataclass(frozen=True, slots=True)
class TumourGenomes:
    """The sequencing results of a cohort; samples are named by their patients.

    Attributes:
        panel: Each sequenced patient's panel.
        genes: The genes of each panel, by current symbol.
        mutated: Genes with a counted mutation within the patient's panel.
        rows: How many rows of the mutation file fell into each class; the classes sum to the rows.
        findings: What the readers said.
    """

    panel: Mapping[str, str]
    genes: Mapping[str, frozenset[str]]
    mutated: Mapping[str, frozenset[str]]
    rows: Mapping[str, int]
    findings: tuple[Finding, ...]


def read_genomes(source: Source, classes: tuple[str, ...]) -> TumourGenomes:
    """The genomes of a cohort.

    Raises:
        CohortError: A file is absent or of no use.
    """
    files = [source.file(name) for name in ("mutations", "panels", "panel_genes")]
    stamps = tuple((file, file.stat().st_mtime_ns if file.exists() else 0) for file in files)
    return _read(stamps, classes, _patients(source))


def _patients(source: Source) -> frozenset[str] | None:
    """Ids of the cohort; None where the modality is read without a patients' table."""
    if not (source.root / source.patients_file).is_file():
        return None
    return frozenset(source.table(source.patients_file, source.id))


@lru_cache(maxsize=4)
def _read(
    stamps: tuple[tuple[Path, int], ...], classes: tuple[str, ...], patients: frozenset[str] | None
) -> TumourGenomes:
    mutations, panels, panel_genes = (file for file, _ in stamps)
    matrix, maf = read_panel_matrix(panels), read_maf(mutations)
    genes = {name: frozenset(map(current_symbol, members)) for name, members in read_panel_genes(panel_genes).items()}
    panel, missing = dict(matrix.values), set()
    mutated: dict[str, set[str]] = {}
    listed, unknown = frozenset().union(*genes.values()), list[str]()
    rows: Counter[str] = Counter(maf.left_out)
    for mutation in maf:
        gene, name = current_symbol(mutation.gene), panel.get(mutation.sample)
        if patients is not None and mutation.sample not in patients:
            rows["of a sample that is no patient of the cohort"] += 1
            unknown.append(mutation.sample)
        elif name is None:
            rows["of a patient without a panel"] += 1
            missing.add(mutation.sample)
        elif mutation.classification not in classes:
            rows[f"not counted: {mutation.classification}"] += 1
        elif gene not in listed:
            rows["of a gene that no panel lists"] += 1
        elif gene not in genes.get(name, frozenset()):
            rows["outside the patient's panel"] += 1
        else:
            rows["used"] += 1
            mutated.setdefault(mutation.sample, set()).add(gene)
    if sum(rows.values()) != maf.n_read:
        raise AssertionError(f"{maf.n_read} rows read, {dict(rows)} accounted for")
    found = (
        *matrix.findings,
        *maf.findings,
        *_unlisted(panel_genes, panel, genes),
        *_unpanelled(panels, missing),
        *_unknown(mutations, unknown),
    )
    return TumourGenomes(panel, genes, {p: frozenset(g) for p, g in mutated.items()}, rows, found)


def _unlisted(file: Path, panel: Mapping[str, str], genes: Mapping[str, frozenset[str]]) -> list[Finding]:
    counts = Counter(name for name in panel.values() if name not in genes)
    todo = "Add its genes; until then these patients count as not sequenced."
    return [
        Finding(file=file, what=f"has no genes of the panel `{name}` ({count} patients).", todo=todo, code="panel")
        for name, count in counts.items()
    ]


def _unpanelled(file: Path, patients: set[str]) -> list[Finding]:
    if not patients:
        return []
    some = sorted(patients)[0]
    what = f"{len(patients)} patients have mutations and no panel, such as {some}: they count as not sequenced."
    return [Finding(file=file, what=what, todo="Add their panel.", code="no-panel")]


def _unknown(file: Path, samples: list[str]) -> list[Finding]:
    if not samples:
        return []
    names = sorted(set(samples))
    what = (
        f"{len(samples)} mutations are of {len(names)} samples that are no patient of the cohort, such as {names[0]}: "
    )
    what += "they are left out."
    todo = "Name samples by patient id, or add the patients."
    return [Finding(file=file, what=what, todo=todo, severity=Severity.WARNING, code="unknown-sample")]


def network_edges(source: Source, least_score: float) -> Mapping[tuple[str, str], float]:
    """The network's edges by gene pair, by current symbol; empty where the cohort names no network.

    Raises:
        CohortError: The file is of no use.
    """
    if "network" not in source.entry:
        return {}
    edges = read_edges(source.file("network"))
    return {
        (current_symbol(edge.gene_a), current_symbol(edge.gene_b)): edge.score
        for edge in edges
        if edge.score >= least_score
    }

"""The files of a cBioPortal study folder that a clinical and genomic cohort needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmcare.errors import CohortError, Finding
from mmcare.formats.maf import Mutation, read_maf
from mmcare.formats.panels import read_panel_matrix
from mmcare.formats.rows import Rows
from mmcare.formats.table import Table, read_table

__all__ = ["CbioportalStudy", "read_cbioportal_study", "read_clinical"]

_FILES = {
    "patients": "data_clinical_patient.txt",
    "samples": "data_clinical_sample.txt",
    "mutations": "data_mutations.txt",
    "panels": "data_gene_panel_matrix.txt",
}


@dataclass(frozen=True, slots=True)
class CbioportalStudy:
    """A study as published.

    Attributes:
        patients: Clinical table, one row a patient (`PATIENT_ID`).
        samples: Clinical table, one row a sample (`SAMPLE_ID`, `PATIENT_ID`).
        mutations: Mutations by sample.
        panels: (sample, panel) for each sample that was profiled for mutations.
    """

    patients: Table
    samples: Table
    mutations: Rows[Mutation]
    panels: Rows[tuple[str, str]]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was wrong in any of the four files."""
        return (*self.patients.findings, *self.samples.findings, *self.mutations.findings, *self.panels.findings)


def read_cbioportal_study(folder: Path | str) -> CbioportalStudy:
    """The study in `folder`.

    A panel's genes are not part of a study folder (and `data_cna.txt` may hold 0 for a gene that a panel lacks):
    see `impact_panels` and `read_panel_genes`.

    Raises:
        CohortError: A file is missing or of no use.

    Source:
        cBioPortal documentation, "File formats".
    """
    folder = Path(folder)
    absent = [name for name in _FILES.values() if not (folder / name).is_file()]
    if absent:
        what = f"a study folder of cBioPortal needs {', '.join(_FILES.values())}; absent: {', '.join(absent)}."
        raise CohortError(Finding(file=folder, what=what, todo="Name the folder that holds them.", code="no-study"))
    return CbioportalStudy(
        patients=read_clinical(folder / _FILES["patients"], "PATIENT_ID"),
        samples=read_clinical(folder / _FILES["samples"], "SAMPLE_ID", "PATIENT_ID"),
        mutations=read_maf(folder / _FILES["mutations"]),
        panels=read_panel_matrix(folder / _FILES["panels"]),
    )


def read_clinical(path: Path | str, *keys: str) -> Table:
    """A clinical table, its leading `#` lines (names, descriptions, types, priorities) skipped.

    Args:
        path: The file.
        keys: Columns that it must have.

    Raises:
        CohortError: The file is of no use or lacks a column of `keys`.
    """
    table = read_table(path, separator="\t", comment="#", quoted=False)
    table.require(keys)
    return table

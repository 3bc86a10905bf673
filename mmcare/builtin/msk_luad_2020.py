"""The recipe `msk-luad-2020`: resected lung adenocarcinoma with MSK-IMPACT sequencing, as cBioPortal publishes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from mmcare.builtin.plugin import MskLuadConfig
from mmcare.components import CohortWriter, Counts, Recipe
from mmcare.errors import CohortError, Finding
from mmcare.formats import CbioportalStudy, Rows, Table, impact_panels, read_cbioportal_study, read_edges

__all__ = ["MskLuad2020"]

RowT = TypeVar("RowT")
_NOT_KNOWN = {"", "NA"}
_CLINICAL = {
    "age": "AGE_AT_SURGERY",
    "sex": "SEX",
    "smoking_history": "SMOKING_HISTORY",
    "pack_years": "SMOKING_PACK_YEARS",
    "suv_max": "SUV",
    "ct_size": "CT_SIZE",
    "clinical_n": "CN_STATUS",
    "dlco": "DLCO",
    "fev1": "FEV1",
}
_OUTCOMES = {"rfs_months": "RFS_MONTHS", "rfs_event": "RFS_STATUS", "os_months": "OS_MONTHS", "os_event": "OS_STATUS"}
_PATHOLOGY = {
    "pathologic_stage": "PATHOLOGIC_STAGE",
    "pathologic_n": "PN_STATUS",
    "histologic_subtype": "PREDOMINANT_HISTOLOGIC_SUBTYPE",
    "fraction_genome_altered": "FGA_FACETS",
    "mutations_per_mb": "TMB",
}
_ARM = "surgery"


@dataclass(frozen=True, slots=True)
class _Samples:
    """The first sample of each patient who has outcomes: its row by patient, and patients by sample."""

    row: Mapping[str, Mapping[str, str]]
    patient: Mapping[str, str]
    counts: Counts


class MskLuad2020(Recipe[MskLuadConfig]):
    """604 patients with resected lung adenocarcinoma, pathologic stage I to III; 98 recurrences.

    The cohort has one arm (surgery) and one endpoint, recurrence-free survival as the study publishes it: a death
    without recurrence ends follow-up. Pathologic variables and the genome of the resected specimen are known only after
    surgery, and the dictionary says so. Sample ids become patient ids; a gene outside a sample's panel is not measured.

    Source:
        Caso et al., J Thorac Oncol 2020 (PMID 32791233), cBioPortal study `luad_mskcc_2020`, ODbL 1.0.
    """

    def make(self, source: Path, writer: CohortWriter) -> Mapping[str, Counts]:
        """Read the study, write the cohort."""
        study = read_cbioportal_study(source)
        study.patients.require([*_CLINICAL.values(), *_OUTCOMES.values()])
        study.samples.require(list(_PATHOLOGY.values()))
        patients = {row["PATIENT_ID"]: row for row in study.patients.records()}
        samples = _samples(study.samples, patients)
        counts = {"samples": samples.counts}
        counts["patients"] = _write_patients(study.patients, samples, writer)
        counts["panels"] = _write_panels(study, samples, writer)
        counts["mutations"] = _write_mutations(study, samples, writer)
        if self.config.network is not None:
            counts["network"] = _write_network(self.config.network, writer)
        writer.dictionary(_dictionary(network=self.config.network is not None))
        writer.provenance(_text("msk_luad_2020.md"))
        return counts


def _samples(table: Table, patients: Mapping[str, Mapping[str, str]]) -> _Samples:
    rows: dict[str, Mapping[str, str]] = {}
    patient_of: dict[str, str] = {}
    left_out: Counter[str] = Counter(table.left_out)
    for row in table.records():
        patient = row["PATIENT_ID"]
        if patient not in patients:
            left_out["of a patient who is not in the patients' table"] += 1
        elif patient in rows:
            left_out["a further sample of the patient"] += 1
        else:
            rows[patient], patient_of[row["SAMPLE_ID"]] = row, patient
    return _Samples(rows, patient_of, Counts(table.n_read, len(rows), dict(left_out)))


def _write_patients(table: Table, samples: _Samples, writer: CohortWriter) -> Counts:
    used = [row for row in table.records() if row["PATIENT_ID"] in samples.row]
    columns = ["patient_id", "arm", *_OUTCOMES, *_CLINICAL, *_PATHOLOGY]
    writer.table("patients.csv", columns, (_patient(row, samples.row[row["PATIENT_ID"]]) for row in used))
    left_out = {**table.left_out, **_some("without a sample", len(table) - len(used))}
    return Counts(table.n_read, len(used), left_out)


def _patient(row: Mapping[str, str], sample: Mapping[str, str]) -> list[str | None]:
    outcomes = [row[name].partition(":")[0] for name in _OUTCOMES.values()]  # `1:Recurrence` is 1
    cells = [*outcomes, *(row[n] for n in _CLINICAL.values()), *(sample[n] for n in _PATHOLOGY.values())]
    return [row["PATIENT_ID"], _ARM, *(None if cell.strip() in _NOT_KNOWN else cell.strip() for cell in cells)]


def _write_panels(study: CbioportalStudy, samples: _Samples, writer: CohortWriter) -> Counts:
    rows, counts = _by_patient(study.panels, samples, lambda row: row[0])
    panels = sorted({panel for _, (_, panel) in rows})
    unknown = [panel for panel in panels if panel not in impact_panels()]
    if unknown:
        what = f"the panel {unknown[0]} is not one of this study's: {', '.join(impact_panels())}."
        raise CohortError(Finding(what=what, todo="Take the files of the study `luad_mskcc_2020`.", code="panel"))
    writer.table("panels.tsv", ["SAMPLE_ID", "mutations"], [(patient, panel) for patient, (_, panel) in rows])
    genes = [(panel, gene) for panel in panels for gene in sorted(impact_panels()[panel])]
    writer.table("panel_genes.tsv", ["panel", "gene"], genes)
    return counts


def _write_mutations(study: CbioportalStudy, samples: _Samples, writer: CohortWriter) -> Counts:
    rows, counts = _by_patient(study.mutations, samples, lambda mutation: mutation.sample)
    columns = ["Hugo_Symbol", "Tumor_Sample_Barcode", "Variant_Classification", "HGVSp_Short"]
    cells = [(m.gene, patient, m.classification, m.protein_change or None) for patient, m in rows]
    writer.table("mutations.maf", columns, cells)
    return counts


def _by_patient(
    rows: Rows[RowT], samples: _Samples, sample: Callable[[RowT], str]
) -> tuple[list[tuple[str, RowT]], Counts]:
    """Each row of a used sample with its patient, and what became of the others."""
    used = [(samples.patient[sample(row)], row) for row in rows if sample(row) in samples.patient]
    left_out = {**rows.left_out, **_some("of a sample that is not used", len(rows) - len(used))}
    return used, Counts(rows.n_read, len(used), left_out)


def _write_network(path: Path, writer: CohortWriter) -> Counts:
    edges = read_edges(path)
    writer.table("network.tsv", ["gene_a", "gene_b", "score"], [(e.gene_a, e.gene_b, e.score) for e in edges])
    return Counts(edges.n_read, len(edges), edges.left_out)


def _some(reason: str, count: int) -> dict[str, int]:
    return {reason: count} if count else {}


def _dictionary(network: bool) -> str:
    text = _text("msk_luad_2020.yaml")
    return text if network else text.replace(", network: network.tsv", "")


def _text(name: str) -> str:
    return files("mmcare.builtin").joinpath(name).read_text(encoding="utf-8")

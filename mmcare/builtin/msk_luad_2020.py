"""The recipe `msk-luad-2020`: resected lung adenocarcinoma with MSK-IMPACT sequencing, as cBioPortal publishes it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from mmcare.builtin.cbioportal.genomics import Sequencing, write_mutations, write_panels
from mmcare.builtin.cbioportal.recipe import write_network
from mmcare.builtin.cbioportal.samples import Samples, choose_samples, some
from mmcare.builtin.plugin import MskLuadConfig
from mmcare.components import CohortWriter, Counts, Recipe
from mmcare.errors import CohortError, Finding
from mmcare.formats import CbioportalStudy, Table, impact_panels, read_cbioportal_study

__all__ = ["MskLuad2020"]

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
        samples = choose_samples(study.samples, patients, {sample for sample, _ in study.panels})
        for finding in (*study.findings, *samples.findings):
            writer.finding(finding)
        counts = {"samples": samples.counts}
        counts["patients"] = _write_patients(study.patients, samples, writer)
        counts["panels"] = _write_panels(study, samples, writer)
        counts["mutations"] = write_mutations(study.mutations, samples, writer)
        if self.config.network is not None:
            counts["network"] = write_network(self.config.network, writer)
        writer.dictionary(_dictionary(network=self.config.network is not None))
        writer.provenance(_text("msk_luad_2020.md"))
        return counts


def _write_patients(table: Table, samples: Samples, writer: CohortWriter) -> Counts:
    used = [row for row in table.records() if row["PATIENT_ID"] in samples.row]
    columns = ["patient_id", "arm", *_OUTCOMES, *_CLINICAL, *_PATHOLOGY]
    writer.table("patients.csv", columns, (_patient(row, samples.row[row["PATIENT_ID"]]) for row in used))
    left_out = {**table.left_out, **some("without a sample", len(table) - len(used))}
    return Counts(table.n_read, len(used), left_out)


def _patient(row: Mapping[str, str], sample: Mapping[str, str]) -> list[str | None]:
    outcomes = [row[name].partition(":")[0] for name in _OUTCOMES.values()]  # `1:Recurrence` is 1
    cells = [*outcomes, *(row[n] for n in _CLINICAL.values()), *(sample[n] for n in _PATHOLOGY.values())]
    return [row["PATIENT_ID"], _ARM, *(None if cell.strip() in _NOT_KNOWN else cell.strip() for cell in cells)]


def _write_panels(study: CbioportalStudy, samples: Samples, writer: CohortWriter) -> Counts:
    """The panels, refused where one is not of this study."""
    unknown = sorted({panel for sample, panel in study.panels if sample in samples.patient} - set(impact_panels()))
    if unknown:
        what = f"the panel {unknown[0]} is not one of this study's: {', '.join(impact_panels())}."
        raise CohortError(Finding(what=what, todo="Take the files of the study `luad_mskcc_2020`.", code="panel"))
    sequencing = Sequencing(study.panels, "the gene panel matrix")
    return write_panels(sequencing, impact_panels(), (), samples, writer)


def _dictionary(network: bool) -> str:
    text = _text("msk_luad_2020.yaml")
    return text if network else text.replace(", network: network.tsv", "")


def _text(name: str) -> str:
    return files("mmcare.builtin").joinpath(name).read_text(encoding="utf-8")

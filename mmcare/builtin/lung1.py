"""The recipe `lung1`: NSCLC-Radiomics, clinical table, radiomic features, and CTs where they are beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmcare.builtin.cbioportal.cells import known, number
from mmcare.builtin.cbioportal.samples import some
from mmcare.builtin.plugin import Lung1Config
from mmcare.builtin.published import check_once, find_file, images_of, package_text, the_file
from mmcare.components import CohortWriter, Counts, Recipe
from mmcare.errors import Finding, Severity
from mmcare.formats import Table, read_table
from mmcare.formats.rows import counted, first_lines

__all__ = ["Lung1"]

_CLINICAL = ("NSCLC-Radiomics-Lung1.clinical*.csv", "NSCLC Radiomics Lung1.clinical*.csv")
_RADIOMICS = ("lung1_pyradiomics*.csv",)
_COLUMNS = {
    "age": "age",
    "sex": "gender",
    "clinical_t": "clinical.T.Stage",
    "clinical_n": "Clinical.N.Stage",
    "clinical_m": "Clinical.M.Stage",
    "stage": "Overall.Stage",
    "histology": "Histology",
}
_TIME, _EVENT = "Survival.time", "deadstatus.event"
_FEATURES = ("original_", "wavelet-", "log-sigma-")
_EARLY = {"I", "II"}
_ARM = "radiotherapy"
_ROIS = ("GTV-1",)


class Lung1(Recipe[Lung1Config]):
    """422 patients with non-small-cell lung cancer treated by (chemo)radiotherapy; 373 deaths.

    Stages I to IIIb: 133 patients have stage I or II. One arm, one endpoint: overall survival from the start of
    treatment. A table of radiomic features beside the clinical one becomes the modality `radiomics`, its columns of
    outcomes left out; DICOM files beside it become the modality `ct`, with GTV-1 as mask.

    Source:
        Aerts et al., Nat Commun 2014, 10.1038/ncomms5006; TCIA NSCLC-Radiomics, 10.7937/K9/TCIA.2015.PF0M9REI,
        CC BY-NC 3.0.
    """

    def make(self, source: Path, writer: CohortWriter) -> Mapping[str, Counts]:
        """Read the published tables, write the cohort."""
        images = images_of(source, self.config.images)
        table = read_table(the_file(source, _CLINICAL, "clinical table of NSCLC-Radiomics"))
        table.require(["PatientID", _TIME, _EVENT, *_COLUMNS.values()])
        check_once(table, "PatientID")
        features = find_file(source, _RADIOMICS)
        radiomics = read_table(features) if features is not None else None
        rows = [row for row in table.records() if not self.config.early_stage or row["Overall.Stage"].strip() in _EARLY]
        left_out = {**table.left_out, **some("of stage III, or of no stage", len(table) - len(rows))}
        counts = {"patients": Counts(table.n_read, len(rows), left_out)}
        writer.table("patients.csv", ["patient_id", "arm", "os_days", "os_event", *_COLUMNS], map(_patient, rows))
        for finding in table.findings:
            writer.finding(finding)
        if radiomics is not None:
            counts["radiomics"] = _write_radiomics(radiomics, {row["PatientID"]: row for row in rows}, writer)
        for place in images:
            writer.images(place, _ROIS)
        writer.dictionary(_dictionary(radiomics is not None))
        writer.provenance(package_text("lung1.md"))
        return counts


def _patient(row: Mapping[str, str]) -> list[str | None]:
    cells = [known(row[name]) for name in (_TIME, _EVENT, *_COLUMNS.values())]
    return [row["PatientID"], _ARM, *cells]


def _write_radiomics(table: Table, patients: Mapping[str, Mapping[str, str]], writer: CohortWriter) -> Counts:
    """The features alone: the table repeats clinical columns and outcomes, which are compared and left out."""
    table.require(["PatientID"])
    check_once(table, "PatientID")
    features = [name for name in table.columns if name.startswith(_FEATURES)]
    others = [name for name in table.columns if name not in features and name != "PatientID"]
    rows = [row for row in table.records() if row["PatientID"] in patients]
    writer.table(
        "radiomics.csv", ["patient_id", *features], ([row[n] for n in ("PatientID", *features)] for row in rows)
    )
    for finding in (*table.findings, *_not_features(table, features, others), *_differing(table, rows, patients)):
        writer.finding(finding)
    without = [patient for patient in patients if patient not in {row["PatientID"] for row in rows}]
    if without:
        what = f"{counted(len(without), 'patient')} without radiomic features: {first_lines(without)}."
        writer.finding(Finding(file=table.file, what=what, severity=Severity.NOTE, code="no-features"))
    left_out = {**table.left_out, **some("of a patient who is not used", len(table) - len(rows))}
    return Counts(table.n_read, len(rows), left_out)


def _not_features(table: Table, features: Sequence[str], others: Sequence[str]) -> list[Finding]:
    if not others:
        return []
    what = f"{counted(len(others), 'column')} beside the {len(features)} features left out: {', '.join(others)}."
    return [Finding(file=table.file, what=what, severity=Severity.NOTE, code="no-feature")]


def _differing(
    table: Table, rows: Sequence[Mapping[str, str]], patients: Mapping[str, Mapping[str, str]]
) -> list[Finding]:
    """Whether the table's copy of the outcomes agrees with the clinical table: else its rows may be mixed up."""
    if not {_TIME, _EVENT} <= set(table.columns):
        return []
    wrong = [
        row["PatientID"]
        for row in rows
        if any(number(row[name]) != number(patients[row["PatientID"]][name]) for name in (_TIME, _EVENT))
    ]
    if not wrong:
        return []
    what = f"{counted(len(wrong), 'patient')} whose outcome differs from the clinical table ({first_lines(wrong)})."
    todo = "Compare the two files: the rows of one may be mixed up."
    return [Finding(file=table.file, what=what, todo=todo, severity=Severity.WARNING, code="outcome-differs")]


def _dictionary(radiomics: bool) -> str:
    entry = "modalities:\n  radiomics: {tokens: radiomics.csv}   # one token of all features\n" if radiomics else ""
    return package_text("lung1.yaml") + entry

"""The recipe `cbioportal`: any study in cBioPortal's file formats becomes a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmcare.builtin.cbioportal.clinical import StudyColumn, study_columns
from mmcare.builtin.cbioportal.dictionary import dictionary_text
from mmcare.builtin.cbioportal.endpoints import StudyEndpoint, find_endpoints
from mmcare.builtin.cbioportal.genomics import (
    known_panels,
    read_sequencing,
    write_matrix,
    write_mutations,
    write_panels,
)
from mmcare.builtin.cbioportal.samples import RULE, Samples, choose_samples, some
from mmcare.builtin.plugin import CbioportalConfig
from mmcare.builtin.published import check_once
from mmcare.components import CohortWriter, Counts, Recipe
from mmcare.errors import CohortError, Finding, Severity
from mmcare.formats import Mutation, Rows, Table, read_clinical, read_edges, read_maf, read_panel_matrix
from mmcare.formats.cbioportal_attributes import read_attributes
from mmcare.formats.cbioportal_files import Profile, StudyFiles, find_study_files
from mmcare.formats.rows import counted, first_lines

__all__ = ["Cbioportal", "write_network"]


@dataclass(frozen=True, slots=True)
class _Genome:
    """The mutations and panels of a study."""

    mutations: Rows[Mutation]
    matrix: Rows[tuple[str, str]] | None


class Cbioportal(Recipe[CbioportalConfig]):
    """A study folder as cBioPortal's datahub publishes it, as a cohort.

    Patients' and samples' clinical tables are joined, one sample a patient. Each pair of columns `X_STATUS` and
    `X_MONTHS` becomes an endpoint. Mutations, discrete copy numbers and expression come under the patients' ids, with
    the panel of each: a gene outside of the panel is missing, not wild type. A study does not say which treatment a
    patient had, nor when a column was known: what is guessed is marked in `cohort.yaml`.

    Source:
        cBioPortal documentation, "File formats".
    """

    def make(self, source: Path, writer: CohortWriter) -> Mapping[str, Counts]:
        """Read the study, write the cohort."""
        files = find_study_files(source)
        sample_table = read_clinical(files.samples.file, "SAMPLE_ID", "PATIENT_ID")
        patient_table = read_clinical(files.patients.file, "PATIENT_ID") if files.patients else None
        genome = _read_genome(files)
        _say(writer, files.findings, sample_table.findings, patient_table.findings if patient_table else ())
        samples = _samples(sample_table, patient_table, genome)
        _say(writer, samples.findings)
        counts = {"files": _file_counts(files, self.config.expression, writer), "samples": samples.counts}
        clinical = _clinical(files, sample_table, patient_table, samples, writer)
        if patient_table is not None:
            left_out = {**patient_table.left_out, **some("without a sample", len(patient_table) - len(samples.row))}
            counts["patients"] = Counts(patient_table.n_read, len(samples.row), left_out)
        entry = self._genomic(files, genome, samples, counts, writer)
        writer.dictionary(dictionary_text(files.study, clinical.endpoints, clinical.columns, entry))
        writer.provenance(_provenance(files))
        return counts

    def _genomic(
        self,
        files: StudyFiles,
        genome: _Genome | None,
        samples: Samples,
        counts: dict[str, Counts],
        writer: CohortWriter,
    ) -> Mapping[str, str]:
        """Write the molecular files; the modality's entry."""
        entry: dict[str, str] = {}
        genes: set[str] = set()
        for key, profile in (("copy_number", files.copy_number), ("expression", self._expression(files, writer))):
            if profile is None:
                continue
            counts[key.replace("_", " ")], matrix = write_matrix(profile, f"{key}.tsv", samples, writer)
            genes |= {gene.strip() for gene in matrix.column("Hugo_Symbol")} - {"", "NA"}
            entry[key] = f"{key}.tsv"
        if genome is not None:
            counts.update(self._sequenced(files, genome, genes, samples, writer))
            entry = {"mutations": "mutations.maf", "panels": "panels.tsv", "panel_genes": "panel_genes.tsv", **entry}
        if self.config.network is not None:
            counts["network"] = write_network(self.config.network, writer)
            entry["network"] = "network.tsv"
        return entry

    def _sequenced(
        self, files: StudyFiles, genome: _Genome, genes: set[str], samples: Samples, writer: CohortWriter
    ) -> Mapping[str, Counts]:
        _say(writer, genome.mutations.findings)
        sequencing = read_sequencing(files, genome.matrix, genome.mutations)
        what = f"which samples were sequenced is told by {sequencing.said_by}."
        writer.finding(Finding(file=files.folder, what=what, severity=Severity.NOTE, code="sequenced"))
        _say(writer, sequencing.panels.findings)
        panels = known_panels([*files.panels, *_panel_files(self.config.panel_genes)])
        named = {m.gene for m in genome.mutations} | genes | {gene for listed in panels.values() for gene in listed}
        return {
            "panels": write_panels(sequencing, panels, named, samples, writer),
            "mutations": write_mutations(genome.mutations, samples, writer),
        }

    def _expression(self, files: StudyFiles, writer: CohortWriter) -> Profile | None:
        """The profile that the config names; else the first of values, else the first of z-scores."""
        profiles = {profile.name: profile for profile in files.expression}
        if self.config.expression is not None:
            if self.config.expression not in profiles:
                what = f"there is no expression profile `{self.config.expression}`; the study has: "
                what += f"{', '.join(profiles) or 'none'}."
                todo = "Name one of these with --expression."
                raise CohortError(Finding(file=files.folder, what=what, todo=todo, code="no-profile"))
            return profiles[self.config.expression]
        chosen = min(files.expression, key=_is_z_score, default=None)
        if chosen is not None and len(profiles) > 1:
            what = f"the study has the expression profiles {', '.join(profiles)}: {chosen.name} is used."
            todo = "Choose another with --expression."
            note = Finding(file=files.folder, what=what, todo=todo, severity=Severity.NOTE, code="profiles")
            writer.finding(note)
        return chosen


@dataclass(frozen=True, slots=True)
class _Clinical:
    """What the clinical tables became."""

    endpoints: tuple[StudyEndpoint, ...]
    columns: tuple[StudyColumn, ...]


def write_network(path: Path, writer: CohortWriter) -> Counts:
    """The edges of a gene network, into `network.tsv`; what was wrong with others is said."""
    edges = read_edges(path)
    _say(writer, edges.findings)
    writer.table("network.tsv", ["gene_a", "gene_b", "score"], [(e.gene_a, e.gene_b, e.score) for e in edges])
    return Counts(edges.n_read, len(edges), edges.left_out)


def _say(writer: CohortWriter, *groups: Sequence[Finding]) -> None:
    for group in groups:
        for finding in group:
            writer.finding(finding)


def _read_genome(files: StudyFiles) -> _Genome | None:
    if files.mutations is None:
        return None
    matrix = files.panel_matrix
    return _Genome(read_maf(files.mutations.file), _matrix(matrix) if matrix is not None else None)


def _matrix(profile: Profile) -> Rows[tuple[str, str]]:
    return read_panel_matrix(profile.file, profile="mutations")


def _samples(table: Table, patients: Table | None, genome: _Genome | None) -> Samples:
    ids = (patients or table).column("PATIENT_ID")
    sequenced: set[str] = set()
    if genome is not None:
        sequenced = {name for name, _ in genome.matrix} if genome.matrix else {m.sample for m in genome.mutations}
    if patients is not None:
        check_once(patients, "PATIENT_ID")
    check_once(table, "SAMPLE_ID")
    return choose_samples(table, frozenset(ids), sequenced)


def _clinical(
    files: StudyFiles, sample_table: Table, patient_table: Table | None, samples: Samples, writer: CohortWriter
) -> _Clinical:
    """Join the clinical tables into `patients.csv`."""
    patients = list(samples.row)
    columns: list[StudyColumn] = []
    endpoints: list[StudyEndpoint] = []
    rows_of = {row["PATIENT_ID"]: row for row in patient_table.records()} if patient_table else {}
    parts = [(patient_table, [rows_of[p] for p in patients], False)] if patient_table and rows_of else []
    for table, rows, of_sample in [*parts, (sample_table, [samples.row[p] for p in patients], True)]:
        assert table is not None, "listed above only where it is there"
        attributes, findings = read_attributes(table.file)
        found, wrong = find_endpoints(_only(table, rows))
        here, odd = study_columns(
            table, attributes, rows, found, of_sample=of_sample, taken=[column.name for column in columns]
        )
        _say(writer, findings, wrong, odd)
        endpoints += [endpoint for endpoint in found if endpoint.key not in {known.key for known in endpoints}]
        columns += here
    _say(writer, _no_inputs(files, columns))
    _write_patients(patients, endpoints, columns, writer)
    return _Clinical(tuple(endpoints), tuple(columns))


def _only(table: Table, rows: Sequence[Mapping[str, str]]) -> Table:
    """The table with the given rows, in their order."""
    line_of = dict(zip(table.rows, table.lines, strict=True))
    cells = tuple(tuple(row[name] for name in table.columns) for row in rows)
    return Table(table.file, table.columns, cells, tuple(line_of[row] for row in cells), len(cells))


def _write_patients(
    patients: Sequence[str], endpoints: Sequence[StudyEndpoint], columns: Sequence[StudyColumn], writer: CohortWriter
) -> None:
    outcomes = [(name.lower(), cells) for e in endpoints for name, cells in ((e.time, e.months), (e.event, e.codes))]
    parts = [*outcomes, *((column.name, column.cells) for column in columns)]
    header = ["patient_id", *(name for name, _ in parts)]
    rows = ([patient, *(cells[i] for _, cells in parts)] for i, patient in enumerate(patients))
    writer.table("patients.csv", header, rows)


def _no_inputs(files: StudyFiles, columns: Sequence[StudyColumn]) -> list[Finding]:
    left = [f"{column.name} ({column.why})" for column in columns if not column.predictor]
    if not left:
        return []
    what = f"{counted(len(left), 'column')} of the clinical tables are no input (`role: other`): {', '.join(left)}."
    what = what.replace("are no input", "is no input") if len(left) == 1 else what
    todo = "Change its `role` in cohort.yaml where it is one."
    return [Finding(file=files.folder, what=what, todo=todo, severity=Severity.NOTE, code="no-input")]


def _file_counts(files: StudyFiles, expression: str | None, writer: CohortWriter) -> Counts:
    left_out = {reason: len(names) for reason, names in files.not_read.items()}
    further = max(0, len(files.expression) - 1)
    left_out = {**left_out, **some("a further expression profile", further)}
    names = [name for paths in files.not_read.values() for name in paths]
    if names:
        what = f"{counted(len(names), 'file')} of the folder not read: {first_lines(names)}."
        writer.finding(Finding(file=files.folder, what=what, severity=Severity.NOTE, code="not-read"))
    return Counts(files.n_files, files.n_files - sum(left_out.values()), left_out)


def _panel_files(path: Path | None) -> list[Path]:
    """The file itself, or the panels' files of a folder."""
    if path is None:
        return []
    return sorted(path.glob("data_gene_panel_*.txt")) if path.is_dir() else [path]


def _is_z_score(profile: Profile) -> bool:
    return profile.meta.get("datatype", "").upper() == "Z-SCORE" or "zscore" in profile.file.name.lower()


def _provenance(files: StudyFiles) -> str:
    study = files.study
    licences = sorted(path.name for path in files.folder.glob("LICENSE*"))
    said = [
        f"- {label}: {study[key]}"
        for key, label in (
            ("cancer_study_identifier", "study"),
            ("name", "name"),
            ("description", "description"),
            ("citation", "citation"),
            ("pmid", "PubMed"),
            ("reference_genome", "reference genome"),
        )
        if study.get(key)
    ]
    licence = (
        f"The study's own licence file is {', '.join(licences)}."
        if licences
        else "The study folder holds no licence file. cBioPortal's datahub publishes its studies under the Open "
        "Database License 1.0 unless one says otherwise: check before you share anything made from them."
    )
    rules = [
        f"- One sample a patient: {RULE}.",
        "- `patients.csv`: patients' and samples' clinical tables joined, times in months as published.",
        "- Whole exomes count as one panel, `exome`: every gene that the study names anywhere.",
        "- The cells NA, [Not Available], Unknown and their like are written as empty cells.",
    ]
    head = ["# Provenance", "", "A study in cBioPortal's file formats, read by `mmcare cohort import-cbioportal`.", ""]
    return "\n".join([*head, *said, "", licence, "", *rules]) + "\n"

"""Which file of a cBioPortal study folder holds what: said by the `meta_` files, else by the files' names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmcare.errors import CohortError, Finding, Severity
from mmcare.formats.text import read_text

__all__ = ["Profile", "StudyFiles", "find_study_files", "read_meta"]

_BY_NAME = {
    "data_clinical_patient.txt": "patients",
    "data_clinical_patients.txt": "patients",
    "data_clinical_sample.txt": "samples",
    "data_clinical_samples.txt": "samples",
    "data_clinical.txt": "samples",
    "data_mutations.txt": "mutations",
    "data_mutations_extended.txt": "mutations",
    "data_cna.txt": "copy_number",
    "data_cna_hg19.txt": "copy_number",
    "data_gene_panel_matrix.txt": "panel_matrix",
    "data_gene_matrix.txt": "panel_matrix",
}
_ONE = ("patients", "samples", "mutations", "copy_number", "panel_matrix")
_KINDS = {
    ("CLINICAL", "PATIENT_ATTRIBUTES"): "patients",
    ("CLINICAL", "SAMPLE_ATTRIBUTES"): "samples",
    ("CLINICAL", "MIXED_ATTRIBUTES"): "samples",
    ("MUTATION_EXTENDED", "MAF"): "mutations",
    ("COPY_NUMBER_ALTERATION", "DISCRETE"): "copy_number",
    ("MRNA_EXPRESSION", "CONTINUOUS"): "expression",
    ("MRNA_EXPRESSION", "DISCRETE"): "expression",
    ("MRNA_EXPRESSION", "Z-SCORE"): "expression",
    ("GENE_PANEL_MATRIX", "GENE_PANEL_MATRIX"): "panel_matrix",
}


@dataclass(frozen=True, slots=True)
class Profile:
    """A data file of a study with what its meta file says of it (empty where it has none)."""

    file: Path
    meta: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The profile's `stable_id`, else the file's name."""
        return self.meta.get("stable_id") or self.file.name


@dataclass(frozen=True, slots=True)
class StudyFiles:
    """The files of a study folder; every file of the folder is in exactly one place.

    Attributes:
        folder: The folder.
        study: Fields of `meta_study.txt`; empty where it is absent.
        samples: Clinical table of samples.
        patients: Clinical table of patients.
        mutations: MAF.
        copy_number: Discrete copy numbers.
        panel_matrix: Panel of each sample.
        expression: Expression profiles, in the order of names.
        panels: Files `data_gene_panel_*`.
        sequenced: Case list of the sequenced samples.
        n_files: Files in the folder, case lists included.
        not_read: Names of the files that are not read, by reason.
        findings: What was wrong.
    """

    folder: Path
    study: Mapping[str, str]
    samples: Profile
    patients: Profile | None
    mutations: Profile | None
    copy_number: Profile | None
    panel_matrix: Profile | None
    expression: tuple[Profile, ...]
    panels: tuple[Path, ...]
    sequenced: Path | None
    n_files: int
    not_read: Mapping[str, tuple[str, ...]]
    findings: tuple[Finding, ...]


def read_meta(path: Path) -> Mapping[str, str]:
    """The fields of a `meta_` file or case list, `key: value` a line.

    Raises:
        CohortError: The file cannot be read.
    """
    fields = (line.partition(":") for line in read_text(path).splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, _, value in fields}


def find_study_files(folder: Path | str) -> StudyFiles:
    """The files of a study by what they hold.

    Raises:
        CohortError: There is no clinical table of samples, or two files claim one place.

    Source:
        cBioPortal documentation, "File formats".
    """
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    metas = {path: read_meta(path) for path in files if _is_meta(path)}
    findings = [_absent(path, meta) for path, meta in metas.items() if _names_absent_file(folder, meta)]
    described = {
        folder / meta["data_filename"]: meta
        for path, meta in metas.items()
        if not _names_absent_file(folder, meta) and "data_filename" in meta
    }
    place: dict[str, list[Profile]] = {}
    for path in files:
        if kind := _kind(path, described.get(path, {})):
            place.setdefault(kind, []).append(Profile(path, described.get(path, {})))
    _check_one(folder, place)
    panels = tuple(path for path in files if path.name.startswith("data_gene_panel_") and path.suffix == ".txt")
    panels = tuple(path for path in panels if path.name not in _BY_NAME)
    sequenced = next((path for path in files if path.name == "cases_sequenced.txt"), None)
    read = {profile.file for profiles in place.values() for profile in profiles} | {*panels, *metas}
    read |= {sequenced} if sequenced else set()
    one = {kind: place[kind][0] if kind in place else None for kind in _ONE}
    samples = one["samples"]
    assert samples is not None, "checked above"
    return StudyFiles(
        folder=folder,
        study=next((meta for path, meta in metas.items() if path.name == "meta_study.txt"), {}),
        samples=samples,
        patients=one["patients"],
        mutations=one["mutations"],
        copy_number=one["copy_number"],
        panel_matrix=one["panel_matrix"],
        expression=tuple(place.get("expression", ())),
        panels=panels,
        sequenced=sequenced,
        n_files=len(files),
        not_read=_not_read(folder, [path for path in files if path not in read], described),
        findings=tuple(findings),
    )


def _is_meta(path: Path) -> bool:
    return path.name.startswith("meta_") and path.suffix == ".txt"


def _kind(path: Path, meta: Mapping[str, str]) -> str:
    if "genetic_alteration_type" in meta:
        return _KINDS.get((meta["genetic_alteration_type"].upper(), meta.get("datatype", "").upper()), "")
    name = path.name.lower()
    if name.startswith(("data_mrna_seq", "data_rna_seq", "data_expression")) and path.suffix == ".txt":
        return "expression"
    return _BY_NAME.get(name, "")


def _names_absent_file(folder: Path, meta: Mapping[str, str]) -> bool:
    return "data_filename" in meta and not (folder / meta["data_filename"]).is_file()


def _absent(path: Path, meta: Mapping[str, str]) -> Finding:
    what = f"names the data file {meta['data_filename']}, which is not in the folder; it is passed over."
    todo = "Download the study again: large files may be missing."
    return Finding(file=path, what=what, todo=todo, severity=Severity.WARNING, code="no-data-file")


def _check_one(folder: Path, place: Mapping[str, list[Profile]]) -> None:
    if "samples" not in place:
        what = "is no study folder of cBioPortal: there is no clinical table of samples (data_clinical_sample.txt, or "
        what += "the file that a meta file of datatype SAMPLE_ATTRIBUTES names)."
        raise CohortError(Finding(file=folder, what=what, todo="Name the folder that holds it.", code="no-study"))
    several = [
        Finding(
            file=folder,
            what=f"two files claim to be the study's {kind.replace('_', ' ')}: "
            f"{', '.join(profile.file.name for profile in place[kind])}.",
            todo="Keep one of them, with its meta file.",
            code="two-files",
        )
        for kind in _ONE
        if len(place.get(kind, ())) > 1
    ]
    if several:
        raise CohortError(several)


_REASONS = (
    ("data_timeline", "a timeline"),
    ("data_sv", "structural variants"),
    ("data_fusions", "structural variants"),
    ("data_structural", "structural variants"),
    ("data_methylation", "methylation"),
    ("data_rppa", "protein levels"),
    ("data_protein", "protein levels"),
    ("data_log2", "continuous copy numbers"),
    ("data_linear", "continuous copy numbers"),
    ("data_armlevel", "continuous copy numbers"),
    ("cases_", "a case list"),
)


def _not_read(
    folder: Path, paths: list[Path], described: Mapping[Path, Mapping[str, str]]
) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for path in paths:
        kind = described.get(path, {}).get("genetic_alteration_type", "")
        by_name = next((why for start, why in _REASONS if path.name.lower().startswith(start)), "")
        segments = "copy number segments" if path.suffix == ".seg" else ""
        reason = by_name or segments or (f"of type {kind}" if kind else "no data file of the published format")
        found.setdefault(reason, []).append(path.relative_to(folder).as_posix())
    return {reason: tuple(names) for reason, names in found.items()}

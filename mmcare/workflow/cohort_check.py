"""All that can be said of a cohort folder: its own checks, those of every modality, and who could be told from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from mmcare.cohort import Cohort, check_cohort
from mmcare.cohort.deidentify import check_identifiers
from mmcare.components import Absent, Modality, Source
from mmcare.errors import CohortError, Finding, MMCareError, Severity
from mmcare.registry import Entry, discover

if TYPE_CHECKING:
    from mmcare.workflow.cohort_images import Looked

__all__ = ["CheckedCohort", "check_cohort_folder", "look_at_cohort_folder", "who_lacks"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class CheckedCohort:
    """A cohort folder after it was looked at.

    Attributes:
        folder: The folder.
        cohort: The cohort, where it can be read.
        findings: All findings.
        images: Of each modality that gives volumes, those whose CT is there, in the table's order.
    """

    folder: Path
    cohort: Cohort | None
    findings: tuple[Finding, ...]
    images: Mapping[str, tuple[Looked, ...]] = field(default_factory=dict)


def check_cohort_folder(
    folder: Path, *, images: bool = True, workers: int = 0, progress: Progress | None = None
) -> tuple[Cohort | None, list[Finding]]:
    """The cohort, where it can be read, and all findings.

    Args:
        folder: The cohort folder.
        images: Whether CTs and masks are opened.
        workers: Processes that open them; 0: as many as there are cores.
        progress: Called with (what, done, total).
    """
    checked = look_at_cohort_folder(folder, images=images, workers=workers, progress=progress)
    return checked.cohort, list(checked.findings)


def look_at_cohort_folder(
    folder: Path,
    *,
    images: bool = True,
    workers: int = 0,
    progress: Progress | None = None,
    thumbnails: bool = False,
) -> CheckedCohort:
    """All findings, as `check_cohort_folder`, and with `thumbnails` a picture of each CT that was opened."""
    cohort, findings = check_cohort(folder)
    if cohort is None:
        return CheckedCohort(folder, None, tuple(findings))
    looked: dict[str, tuple[Looked, ...]] = {}
    for key in cohort.dictionary.modalities:
        findings += _modality_findings(cohort, key)
        if images and (source := _volumes(cohort, key)) is not None:
            looked[key], found = _look(cohort, source, workers, progress, thumbnails)
            findings += [finding.at(modality=key) for finding in found]
    if cohort.dictionary.columns:
        findings += _modality_findings(cohort, "table")
    tables = [table.file for table in (cohort.table, cohort.outcomes_table) if table is not None]
    findings += check_identifiers(folder, named_already=tables)
    return CheckedCohort(folder, cohort, tuple(findings), looked)


def _modality_findings(cohort: Cohort, key: str) -> list[Finding]:
    """What the installed modality that can read this entry says of it."""
    entry = _reader(cohort, key)
    if entry is None:
        what = f"no installed modality is known to read it (entries: {', '.join(cohort.dictionary.modalities[key])})."
        return [Finding(file=cohort.dictionary_file, modality=key, what=what, severity=Severity.NOTE)]
    source = cohort.source(key, gives=entry.component.gives)
    assert source is not None, "the dictionary holds it"
    try:
        modality = cast("Modality[Any]", entry.make(entry.component.config()))
        found = [finding.at(modality=key) for finding in modality.check(source)]
        if entry.component.gives not in ("table", "volume"):  # those say who lacks them, each in its own check
            found += _nobody(cohort, modality, source)
        return found
    except CohortError as error:
        return list(error.findings)
    except MMCareError as error:
        return [finding.at(severity=Severity.WARNING) for finding in error.findings]


def _nobody(cohort: Cohort, modality: Modality[Any], source: Source) -> list[Finding]:
    """A modality whose files are in order, and that no patient has. It ends at the first who has it."""
    reasons: Counter[str] = Counter()
    for patient in cohort.patients:
        raw = modality.read(source, patient)
        if not isinstance(raw, Absent):
            return []
        reasons[raw.reason] += 1
    said = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(3))
    what = f"none of {len(cohort.patients)} patients has it ({said}); a spec that names it needs at least one."
    todo = f"Bring its files under the patients' ids, or take `{source.key}` out of the spec and of `modalities`."
    where = {"file": cohort.dictionary_file, "modality": source.key}
    return [Finding(what=what, todo=todo, severity=Severity.WARNING, code="nobody").at(**where)]


def who_lacks(cohort: Cohort, key: str) -> Mapping[str, npt.NDArray[np.bool_]]:
    """Who lacks a modality, (n,) in the table's order: no file, or no row of his own; and who lacks its mask.

    Returns:
        By the modality's key, and `KEY mask` where it has masks; empty where no installed modality reads it, or its
        files are of no use: findings say which.
    """
    entry = _reader(cohort, key)
    source = cohort.source(key)
    if entry is None or source is None:
        return {}
    if entry.component.gives == "volume":
        return _lack_files(source, cohort.patients)
    try:
        modality = cast("Modality[Any]", entry.make(entry.component.config()))
        raws = (modality.read(source, patient) for patient in cohort.patients)
        return {key: np.array([isinstance(raw, Absent) for raw in raws], dtype=bool)}
    except MMCareError:
        return {}


def _lack_files(source: Source, patients: Sequence[str]) -> Mapping[str, npt.NDArray[np.bool_]]:
    from mmcare.workflow.cohort_images import images_of

    images = images_of(source, patients)
    have = {source.key: {files.patient for files in images}}
    if "mask" in source.entry:
        have[f"{source.key} mask"] = {files.patient for files in images if files.mask is not None}
    return {name: np.array([patient not in own for patient in patients], dtype=bool) for name, own in have.items()}


def _volumes(cohort: Cohort, key: str) -> Source | None:
    """The source of a modality that gives volumes; None of another one."""
    entry = _reader(cohort, key)
    return cohort.source(key) if entry is not None and entry.component.gives == "volume" else None


def _look(
    cohort: Cohort, source: Source, workers: int, progress: Progress | None, thumbnails: bool
) -> tuple[tuple[Looked, ...], list[Finding]]:
    from mmcare.workflow.cohort_images import image_findings, images_of, look_at_images

    looked = look_at_images(images_of(source, cohort.patients), workers, progress, thumbnails=thumbnails)
    return tuple(looked), image_findings(looked)


def _reader(cohort: Cohort, key: str) -> Entry | None:
    """The modality of the same name; else, by what the entry holds, an image, a graph or ready-made tokens."""
    entries = {entry.component.name: entry for entry in discover().entries("modality")}
    if key in entries:
        return entries[key]
    has = set(cohort.dictionary.modalities.get(key, {}))
    for name, needs in (("gene-graph", {"mutations"}), ("precomputed", {"tokens"}), ("ct", {"files"})):
        if needs <= has and name in entries:
            return entries[name]
    return None

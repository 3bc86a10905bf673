"""All that can be said of a cohort folder: its own checks, those of every modality, and who could be told from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from mmcare.cohort import Cohort, check_cohort
from mmcare.cohort.deidentify import check_identifiers
from mmcare.components import Modality
from mmcare.errors import CohortError, Finding, MMCareError, Severity
from mmcare.registry import Entry, discover

__all__ = ["check_cohort_folder"]


def check_cohort_folder(folder: Path) -> tuple[Cohort | None, list[Finding]]:
    """The cohort, where it can be read, and all findings."""
    cohort, findings = check_cohort(folder)
    if cohort is None:
        return None, findings
    for key in cohort.dictionary.modalities:
        findings += _modality_findings(cohort, key)
    if cohort.dictionary.columns:
        findings += _modality_findings(cohort, "table")
    tables = [table.file for table in (cohort.table, cohort.outcomes_table) if table is not None]
    return cohort, [*findings, *check_identifiers(folder, named_already=tables)]


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
        return [finding.at(modality=key) for finding in modality.check(source)]
    except CohortError as error:
        return list(error.findings)
    except MMCareError as error:
        return [finding.at(severity=Severity.WARNING) for finding in error.findings]


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

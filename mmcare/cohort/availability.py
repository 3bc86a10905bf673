"""Checks of when a predictor is known: what is known only after the decision cannot help to make it."""

from __future__ import annotations

from collections.abc import Iterator

from mmcare.cohort.cohort import Cohort
from mmcare.cohort.known_after import known_after
from mmcare.errors import Finding, Severity

__all__ = ["check_availability"]

_GENOMIC = ("mutations", "copy_number", "expression")
"""Entries of a modality that come from a specimen."""


def check_availability(cohort: Cohort) -> Iterator[Finding]:
    """Predictors that by their names come after the decision, and genomes that do not say which specimen they are of.

    `available_at: decision`, written by the column, overrides what its name suggests; that is said, too.
    """
    for name, column in cohort.dictionary.columns.items():
        why = known_after(name) if column.role in ("predictor", "genomic") else ""
        if why and "available_at" not in column.model_fields_set:
            what = f"is a predictor, and by its name {why}, known only after the treatment decision."
            todo = (
                "Write `available_at: after` (then it is no input where a choice is predicted), or, if it was known "
                "at the decision, `available_at: decision`."
            )
            yield _finding(cohort, name, what, todo)
        elif why and column.available_at == "decision":
            what = f"is by its name {why}, and counts as known at the decision: `available_at: decision` says so."
            yield _finding(cohort, name, what, "").at(severity=Severity.NOTE)
    if len(cohort.arms) > 1:
        yield from _specimens(cohort)


def _specimens(cohort: Cohort) -> Iterator[Finding]:
    for key, entry in cohort.dictionary.modalities.items():
        if "available_at" not in entry and any(name in entry for name in _GENOMIC):
            what = "does not say of which specimen the genome is: a biopsy is there at the decision, a resection after."
            yield Finding(
                file=cohort.dictionary_file,
                line=cohort.lines.get(("modalities", key)),
                key=f"modalities.{key}",
                what=what,
                todo="Write `available_at: decision`, or `available_at: after`.",
                severity=Severity.WARNING,
                code="available-at",
            )


def _finding(cohort: Cohort, column: str, what: str, todo: str) -> Finding:
    return Finding(
        file=cohort.dictionary_file,
        line=cohort.lines.get(("columns", column)),
        key=f"columns.{column}",
        what=what,
        todo=todo,
        code="available-at",
    )

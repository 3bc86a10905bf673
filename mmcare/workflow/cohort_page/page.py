"""All that the page of a cohort shows, as one typed object: computed here, written by the template."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from mmcare.cohort import Cohort
from mmcare.workflow.cohort_check import CheckedCohort, who_lacks
from mmcare.workflow.cohort_page.alike import AlikePart, alike_part
from mmcare.workflow.cohort_page.arms import Arm, arms_of
from mmcare.workflow.cohort_page.endpoints import EndpointPart, endpoint_parts
from mmcare.workflow.cohort_page.findings import FindingsPart, findings_part
from mmcare.workflow.cohort_page.missing import MissingPart, missing_part
from mmcare.workflow.cohort_page.pictures import PicturesPart, pictures_parts
from mmcare.workflow.cohort_page.predictors import Predictors, predictors

__all__ = ["MOST_PICTURES", "CohortPage", "Holds", "cohort_page"]

Progress = Callable[[str, int, int], None]
MOST_PICTURES = 1_000


@dataclass(frozen=True, slots=True)
class Holds:
    """What a cohort whose tables can be read holds."""

    summary: str
    patients: int
    arms: tuple[Arm, ...]
    endpoints: tuple[EndpointPart, ...]
    predictors: Predictors
    missing: MissingPart
    unread: tuple[str, ...]
    alike: AlikePart | None


@dataclass(frozen=True, slots=True)
class CohortPage:
    """The page.

    Attributes:
        folder: The cohort's folder, as it was named.
        version: Of MM-Care.
        findings: The table of findings.
        images: Whether CTs and masks were opened.
        pictures: A part for each modality whose CTs were opened.
        holds: What the cohort holds; None where its dictionary or tables cannot be read.
    """

    folder: str
    version: str
    findings: FindingsPart
    images: bool
    pictures: tuple[PicturesPart, ...]
    holds: Holds | None


def cohort_page(
    checked: CheckedCohort, *, images: bool = True, most: int = MOST_PICTURES, progress: Progress | None = None
) -> CohortPage:
    """What the page shows of a cohort that was looked at.

    Args:
        checked: The cohort, its findings and pictures.
        images: Whether CTs and masks were opened.
        most: Pictures shown at most; those of patients with findings come first.
        progress: Called with (what, done, total).
    """
    cohort = checked.cohort
    return CohortPage(
        folder=str(checked.folder),
        version=version("mmcare"),
        findings=findings_part(checked.findings, checked.folder),
        images=images,
        pictures=pictures_parts(checked, most),
        holds=_holds(cohort, progress or _silent) if cohort is not None and _has_ids(cohort) else None,
    )


def _silent(what: str, done: int, total: int) -> None:
    """Nobody is told."""


def _has_ids(cohort: Cohort) -> bool:
    """Whether patients can be told apart, and their outcomes found: all else is missing cell by cell."""
    entry, own = cohort.dictionary.outcomes, cohort.outcomes_table
    joined = entry is None or own is None or entry.id in own.columns
    return joined and cohort.dictionary.patients.id in cohort.table.columns


def _holds(cohort: Cohort, progress: Progress) -> Holds:
    arms = arms_of(cohort)
    lacks = {name: flags for key in cohort.dictionary.modalities for name, flags in who_lacks(cohort, key).items()}
    progress("Making the page", 1, 5)
    missing = missing_part(cohort, arms, lacks)
    progress("Making the page", 2, 5)
    endpoints = endpoint_parts(cohort, arms)
    progress("Making the page", 3, 5)
    shown = predictors(cohort, arms)
    progress("Making the page", 4, 5)
    alike = alike_part(cohort, arms)
    progress("Making the page", 5, 5)
    unread = tuple(key for key in cohort.dictionary.modalities if key not in lacks)
    return Holds(str(cohort), len(cohort.patients), arms, endpoints, shown, missing, unread, alike)

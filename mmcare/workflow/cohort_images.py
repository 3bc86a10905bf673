"""The CTs and masks of a cohort, each opened and looked at, in several processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mmcare.components import Source
from mmcare.errors import Finding
from mmcare.formats.image_files import ImageFiles, check_image_files
from mmcare.workers import in_order, processes, workers_for

__all__ = ["check_images", "images_of"]

Progress = Callable[[str, int, int], None]
_WORTH_A_PROCESS = 50
"""Patients from which another process saves more than its start takes."""


def images_of(source: Source, patients: Sequence[str]) -> list[ImageFiles]:
    """The files of those whose CT is there; a mask that is not there is None."""
    found = []
    for patient in patients:
        image, mask = source.path("files", patient), source.path("mask", patient)
        if image is not None and image.exists():
            there = mask if mask is not None and mask.exists() else None
            found.append(ImageFiles(patient, image, there, source.entry.get("roi")))
    return found


def check_images(images: Sequence[ImageFiles], workers: int = 0, progress: Progress | None = None) -> list[Finding]:
    """What is wrong with CTs and masks, in the order given.

    Args:
        images: One a patient.
        workers: Processes; 0: as many as there are cores, fewer for few patients.
        progress: Called with (what, done, total).

    Raises:
        MMCareError: `workers` is negative, or a process was ended from outside.
    """
    findings: list[Finding] = []
    with processes(workers_for(workers, len(images), _WORTH_A_PROCESS)) as pool:
        for done, found in enumerate(in_order(check_image_files, images, pool), 1):
            findings += found
            if progress is not None:
                progress("Opening CTs and masks", done, len(images))
    return findings

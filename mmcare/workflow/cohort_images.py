"""The CTs and masks of a cohort, each opened and looked at, in several processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mmcare.cohort.same_images import same_images
from mmcare.components import Source
from mmcare.errors import Finding
from mmcare.formats.image_files import ImageFiles, OpenedImages, open_image_files, see_image_files
from mmcare.workers import in_order, processes, workers_for
from mmcare.workflow.cohort_page.thumbnail import Thumbnail, thumbnail

__all__ = ["Looked", "image_findings", "images_of", "look_at_images"]

Progress = Callable[[str, int, int], None]
_WORTH_A_PROCESS = 50
"""Patients from which another process saves more than its start takes."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A patient's CT and mask after they were opened.

    Attributes:
        opened: What was seen of them.
        thumbnail: Their picture; None where none was asked for, or the CT cannot be read.
    """

    opened: OpenedImages
    thumbnail: Thumbnail | None = None


def images_of(source: Source, patients: Sequence[str]) -> list[ImageFiles]:
    """The files of those whose CT is there; a mask that is not there is None."""
    found = []
    for patient in patients:
        image, mask = source.path("files", patient), source.path("mask", patient)
        if image is not None and image.exists():
            there = mask if mask is not None and mask.exists() else None
            found.append(ImageFiles(patient, image, there, source.entry.get("roi")))
    return found


def look_at_images(
    images: Sequence[ImageFiles], workers: int = 0, progress: Progress | None = None, *, thumbnails: bool = False
) -> list[Looked]:
    """Open CTs and masks, in the order given.

    Args:
        images: One a patient.
        workers: Processes; 0: as many as there are cores, fewer for few patients.
        progress: Called with (what, done, total).
        thumbnails: Whether a picture of each is made as well.

    Raises:
        MMCareError: `workers` is negative, or a process was ended from outside.
    """
    found: list[Looked] = []
    with processes(workers_for(workers, len(images), _WORTH_A_PROCESS)) as pool:
        for done, looked in enumerate(in_order(_draw if thumbnails else _check, images, pool), 1):
            found.append(looked)
            if progress is not None:
                progress("Opening CTs and masks", done, len(images))
    return found


def image_findings(looked: Sequence[Looked]) -> list[Finding]:
    """What is wrong with CTs and masks, in their order, and who has another's."""
    opened = [one.opened for one in looked]
    return [*(finding for one in opened for finding in one.findings), *same_images(opened)]


def _check(files: ImageFiles) -> Looked:
    return Looked(open_image_files(files))


def _draw(files: ImageFiles) -> Looked:
    opened, volume = see_image_files(files)
    return Looked(opened, thumbnail(volume, files.patient) if volume is not None else None)

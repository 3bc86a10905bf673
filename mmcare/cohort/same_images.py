"""Patients who have the very same CT or mask: images mixed up, or one person listed twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from mmcare.errors import Finding, Severity, cut
from mmcare.formats.image_files import OpenedImages

__all__ = ["same_images"]

_SHOWN = 3


def same_images(opened: Sequence[OpenedImages]) -> Iterator[Finding]:
    """A finding for each CT, and each mask, that several patients have voxel for voxel.

    Where the CTs are the same, nothing is said of their masks.

    Args:
        opened: One a patient.
    """
    for group in _groups(opened, "image"):
        first = group[0].files
        what = f"the CT is, voxel for voxel, also that of {_listed(group[1:])}: one of them has another's images, or "
        what += "one person is listed more than once."
        todo = "Find out whose they are; who is in training and in testing at once makes results look too good."
        yield _warning(what, todo, "same-image").at(file=first.image, patient=first.patient)
    for group in _groups(opened, "mask"):
        first = group[0].files
        if len({one.digests.image for one in group if one.digests is not None}) > 1:
            what = f"the mask is, voxel for voxel, also that of {_listed(group[1:])}, and their CTs differ: it was "
            what += "drawn on one of these CTs only."
            todo = "Find out on whose it was drawn, and bring the others' own."
            yield _warning(what, todo, "same-mask").at(file=first.mask, patient=first.patient)


def _groups(opened: Sequence[OpenedImages], which: Literal["image", "mask"]) -> Iterator[list[OpenedImages]]:
    """Those with one digest, where there are several, in the order of patients."""
    by_digest: dict[str, list[OpenedImages]] = {}
    for one in opened:
        digest = "" if one.digests is None else getattr(one.digests, which)
        if digest:
            by_digest.setdefault(digest, []).append(one)
    yield from (group for group in by_digest.values() if len(group) > 1)


def _listed(others: Sequence[OpenedImages]) -> str:
    names = ", ".join(cut(one.files.patient, 40) for one in others[:_SHOWN])
    more = len(others) - _SHOWN
    return f"patient {names}" if len(others) == 1 else f"patients {names}{f' and {more} more' if more > 0 else ''}"


def _warning(what: str, todo: str, code: str) -> Finding:
    return Finding(what=what, todo=todo, severity=Severity.WARNING, code=code)

"""The mask of a patient: from structure sets, segmentations, or NIfTI and NRRD files that lie beside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmcare.cohort.importing.scan import SEGMENTS, STRUCTURES, VOLUME_FILE, ScannedFile
from mmcare.errors import CohortError, Finding, Severity
from mmcare.formats.images import read_mask
from mmcare.formats.region_names import listed, matching, patterns_of
from mmcare.formats.rtstruct import RTStruct, rasterise, read_rtstruct
from mmcare.formats.seg import Segmentation, read_seg, segment_mask
from mmcare.formats.volume import Volume

__all__ = ["FoundMask", "MaskFiles"]


@dataclass(frozen=True, slots=True, eq=False)
class FoundMask:
    """A mask on the CT's grid.

    Attributes:
        values: (i, j, k).
        kind: `RTSTRUCT`, `SEG`, or `NIfTI or NRRD`.
        regions: Names of its regions.
        file: The file.
        findings: What was found on the way.
    """

    values: npt.NDArray[np.bool_]
    kind: str
    regions: tuple[str, ...]
    file: Path
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A file that may hold the mask.

    Attributes:
        kind: As of a mask.
        file: The file.
        names: Its regions.
        series_uids: Series that it belongs to; empty where it does not say.
        made: When, as text that sorts.
        read: The mask of some of its regions on a CT.
    """

    kind: str
    file: Path
    names: tuple[str, ...]
    series_uids: frozenset[str]
    made: str
    read: Callable[[Sequence[str], Volume], tuple[npt.NDArray[np.bool_], list[Finding]]]

    def matches(self, rois: Sequence[str]) -> bool:
        """Whether a region is meant; a file beside is meant by a part of its name."""
        if self.kind == "NIfTI or NRRD":
            return any(fnmatchcase(self.names[0].casefold(), f"*{roi.strip().casefold()}*") for roi in rois)
        return bool(matching(self.names, rois))


class MaskFiles:
    """The files of a patient that may hold a mask.

    Args:
        files: All files of the patient.
        rois: Names or patterns of the regions that are meant; empty: the only one there is.

    Raises:
        CohortError: A structure set or segmentation cannot be read.
    """

    def __init__(self, files: Sequence[ScannedFile], rois: Sequence[str]) -> None:
        self.rois = tuple(rois)
        self.candidates = [candidate for file in files if (candidate := _candidate(file)) is not None]

    @cached_property
    def series_with_mask(self) -> frozenset[str]:
        """Series for which a structure set or segmentation holds what is meant."""
        return frozenset(uid for one in self.candidates if self._meant(one) for uid in one.series_uids)

    def find(self, volume: Volume) -> tuple[FoundMask | None, list[Finding]]:
        """The mask on a CT; None, with a finding, where there is no file, or it is not said which region is meant.

        Raises:
            CohortError: No region is what is meant (the message lists what is there), or the mask does not fit the CT.
        """
        if not self.candidates:
            what = "has no structure set, segmentation, NIfTI or NRRD file: the CT is imported without a mask."
            return None, [Finding(what=what, severity=Severity.NOTE, code="no-mask")]
        there = self._of_series(volume)
        meant = [one for one in there if self._meant(one)]
        if not meant:
            return None, [self._none_meant(there)]
        chosen = max(meant, key=lambda one: (-_ORDER.index(one.kind), one.made, str(one.file)))
        mask, findings = chosen.read(self.rois or chosen.names, volume)
        regions = tuple(chosen.names[i] for i in matching(chosen.names, self.rois)) or chosen.names
        return FoundMask(mask, chosen.kind, regions, chosen.file, (*_several(meant, chosen), *findings)), []

    def _of_series(self, volume: Volume) -> list[_Candidate]:
        """Those that belong to the CT's series, or do not say; only if there is none, all: the readers judge them."""
        uid = volume.series.series_uid if volume.series is not None else ""
        return [one for one in self.candidates if not one.series_uids or uid in one.series_uids] or self.candidates

    def _meant(self, candidate: _Candidate) -> bool:
        return candidate.matches(self.rois) if self.rois else len(candidate.names) == 1

    def _none_meant(self, there: Sequence[_Candidate]) -> Finding:
        holds = "; ".join(f"{one.file.name} ({one.kind}) holds {listed(one.names)}" for one in there[:3])
        if self.rois:
            what = f"no region matches {patterns_of(self.rois)}: {holds}."
            todo = "Give one of these as `--roi`."
            raise CohortError(Finding(key="--roi", what=what, todo=todo, code="no-roi"))
        what = f"it is not said which region is the tumour: {holds}. The CT is imported without a mask."
        todo = "Give one of these as `--roi`, and `--replace`."
        return Finding(key="--roi", what=what, todo=todo, severity=Severity.WARNING, code="no-roi-named")


_ORDER = ("RTSTRUCT", "SEG", "NIfTI or NRRD")


def _candidate(file: ScannedFile) -> _Candidate | None:
    if file.kind == STRUCTURES:
        return _structures(read_rtstruct(file.path))
    if file.kind == SEGMENTS:
        return _segments(read_seg(file.path))
    if file.kind == VOLUME_FILE:
        path = file.path
        return _Candidate(
            "NIfTI or NRRD", path, (_stem(path),), frozenset(), "", lambda rois, like: read_mask(path, None, like)
        )
    return None


def _structures(structures: RTStruct) -> _Candidate:
    return _Candidate(
        "RTSTRUCT",
        structures.file,
        tuple(roi.name for roi in structures.rois),
        structures.series_uids,
        _made(structures.file, "StructureSetDate", "StructureSetTime"),
        lambda rois, like: rasterise(structures, rois, like),
    )


def _segments(segmentation: Segmentation) -> _Candidate:
    return _Candidate(
        "SEG",
        segmentation.file,
        tuple(segment.label for segment in segmentation.segments),
        segmentation.series_uids,
        _made(segmentation.file, "ContentDate", "ContentTime"),
        lambda rois, like: segment_mask(segmentation, rois, like),
    )


def _made(path: Path, date: str, time: str) -> str:
    from pydicom import dcmread

    header = dcmread(path, stop_before_pixels=True, specific_tags=[date, time])
    return f"{header.get(date) or ''} {header.get(time) or ''}"


def _stem(path: Path) -> str:
    name = path.name
    for suffix in (".nii.gz", ".nii", ".nrrd"):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def _several(meant: Sequence[_Candidate], chosen: _Candidate) -> list[Finding]:
    if len(meant) == 1:
        return []
    names = listed([one.file.name for one in meant])
    what = f"{len(meant)} files hold a mask that is meant: {names}; taken is {chosen.file.name}, by the rule: a "
    what += "structure set before a segmentation before another file, then the newest."
    return [Finding(what=what, severity=Severity.NOTE, code="several-masks")]

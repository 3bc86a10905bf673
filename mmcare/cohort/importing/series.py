"""Which CT series of a patient is taken where there are several, and the words that say so."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats.dicom_frames import slices_of
from mmcare.formats.dicom_grid import check_slices, grid
from mmcare.formats.dicom_headers import ImageHeader
from mmcare.formats.rows import counted

__all__ = ["CTSeries", "choose", "series_of"]

RULE = (
    "the one with a mask of the regions asked for, else one whose slices make a volume, else an original before a "
    "derived one, else the one with most slices, else the first by UID"
)


@dataclass(frozen=True, slots=True)
class CTSeries:
    """The slices of one series.

    Attributes:
        uid: Its SeriesInstanceUID.
        slices: Its slices, each image once.
        n_twice: Files left out because their image is there already.
    """

    uid: str
    slices: tuple[ImageHeader, ...]
    n_twice: int

    def __str__(self) -> str:
        name = cut(self.slices[0].description, 40)
        return f"'{name}' with {counted(self.n_slices, 'slice')} ({self.uid})"

    @property
    def n_slices(self) -> int:
        """Slices: files, or the frames of an enhanced CT."""
        return sum(max(header.n_frames, 1) for header in self.slices)

    @property
    def is_original(self) -> bool:
        """Whether the scanner's own reconstruction, by the first value of ImageType."""
        return "ORIGINAL" in self.slices[0].image_type[:1]

    @property
    def makes_volume(self) -> bool:
        """Whether the headers alone make a grid in HU."""
        try:
            slices = slices_of(self.slices)
            check_slices(slices)
            grid(slices)
        except CohortError:
            return False
        return True


def series_of(headers: Sequence[ImageHeader]) -> list[CTSeries]:
    """The series of some slices, in the order of their UIDs."""
    by_uid: dict[str, dict[str, ImageHeader]] = {}
    counts: dict[str, int] = {}
    for header in headers:
        by_uid.setdefault(header.series_uid, {}).setdefault(header.sop_instance_uid, header)
        counts[header.series_uid] = counts.get(header.series_uid, 0) + 1
    return [CTSeries(uid, tuple(images.values()), counts[uid] - len(images)) for uid, images in sorted(by_uid.items())]


def choose(
    series: Sequence[CTSeries], wanted: Collection[str], with_mask: Collection[str]
) -> tuple[CTSeries, list[Finding]]:
    """The series to take, and a note that names all and the rule where there are several.

    Args:
        series: All of a patient; not empty.
        wanted: UIDs that the user named.
        with_mask: UIDs of the series for which there is a mask.

    Raises:
        CohortError: The user named more than one of them.
    """
    named = [one for one in series if one.uid in wanted]
    if len(named) > 1:
        what = f"{len(named)} of the patient's series are named: {_listed(named)}; a patient has one CT."
        raise CohortError(Finding(key="--series", what=what, todo="Name one of them.", code="several-series"))
    if len(series) == 1 or named:
        return (named or series)[0], []
    chosen = min(
        series,
        key=lambda s: (s.uid not in with_mask, not s.makes_volume, not s.is_original, -s.n_slices, s.uid),
    )
    what = f"has {len(series)} CT series: {_listed(series)}; taken is {chosen.uid}, by the rule: {RULE}."
    todo = "Give `--series UID` to take another."
    return chosen, [Finding(what=what, todo=todo, severity=Severity.NOTE, code="several-series")]


def _listed(series: Sequence[CTSeries]) -> str:
    most = 5
    more = f"; and {len(series) - most} more" if len(series) > most else ""
    return "; ".join(map(str, series[:most])) + more

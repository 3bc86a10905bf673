"""One patient's mask and maps as DICOM that loads onto the original series."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmcare.cohort.importing.record import Places, read_record
from mmcare.components import VolumeBatch
from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.explain import Saliency, Target
from mmcare.explain.record import saliency_name
from mmcare.export.heat import Heat, default_outputs, heat_on_series, saliency_of
from mmcare.export.maker import Maker, maker_of
from mmcare.export.overlay import overlay_images
from mmcare.export.segmentation import TumourMask, heat_segmentation, mask_segmentation
from mmcare.export.source import SourceSeries, check_same_image, read_source
from mmcare.formats.atomic import new_folder
from mmcare.formats.filename import check_id
from mmcare.inputs import Progress
from mmcare.report.case import Case
from mmcare.report.imaging import LoadedImage, loaded_image
from mmcare.report.volume_grid import ViewGrid, resampled

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["DicomWanted", "write_dicom"]

FIRST_SERIES_NUMBER = 9001
"""Above those of scanners, so that an archive lists the series last."""
_DRAWN = "mask"
"""The segmenter that takes a person's mask."""


@dataclass(frozen=True)
class DicomWanted:
    """What to export onto which series.

    Attributes:
        folder: With the files of the patient's original CT series.
        series_uid: SeriesInstanceUID of the one that is meant, where the folder holds several.
        targets: Outputs whose maps are wanted; None, the leading endpoint under each arm.
    """

    folder: Path
    series_uid: str | None = None
    targets: tuple[Target, ...] | None = None


def write_dicom(case: Case, wanted: DicomWanted, out: Path, progress: Progress | None = None) -> list[Finding]:
    """Write `mask.dcm`, and of each output a SEG and a folder of pictures.

    The objects belong to the study of the series and carry its patient: whoever reads them reads the name.

    Args:
        case: The patient before the run.
        wanted: What.
        out: Folder; made where it is missing, and empty.
        progress: Told how far it is.

    Returns:
        What was found on the way, such as an output without a map.

    Raises:
        CohortError: The patient has no image, the series is not the one of it, or there is nothing to write.
        MMCareError: It cannot be written.
    """
    name, loaded, series, findings = _image_of_series(case, wanted)
    maps, notes = saliency_of(case, name, wanted.targets or default_outputs(case.run))
    mask = _mask(loaded, series)
    if mask is None:
        what = "the model looks at all of the image and at no tumour: there is no mask to write."
        notes.append(Finding(patient=case.patient, modality=name, what=what, severity=Severity.WARNING, code="no-mask"))
    if mask is None and not maps:
        raise CohortError(notes)
    with new_folder(out) as folder, _names_of_one_part():
        writing = _Writing(series, maker_of(case.run), folder, progress)
        if mask is not None:
            writing.mask(mask)
        for saliency in maps:
            notes += writing.heat(saliency, case.patient)
    return [*findings, *notes]


@dataclass
class _Writing:
    """A folder that is being filled; each series gets a number of its own."""

    series: SourceSeries
    maker: Maker
    folder: Path
    progress: Progress | None
    number: int = FIRST_SERIES_NUMBER - 1

    def mask(self, mask: TumourMask) -> None:
        """The tumour."""
        _save(mask_segmentation(self.series, mask, self.maker, self._next()), self.folder / "mask.dcm")

    def heat(self, saliency: Saliency, patient: str) -> list[Finding]:
        """A map and its pictures; why not where there is nothing to see."""
        heat = heat_on_series(saliency, self.series)
        if heat.is_empty:
            what = f"{heat.target.key}: {heat.method} finds nothing in the image, for or against: no map is written."
            return [Finding(patient=patient, what=what, severity=Severity.WARNING, code="empty-map")]
        stem = saliency_name(saliency).removesuffix(".nii.gz")
        _save(heat_segmentation(self.series, heat, self.maker, self._next()), self.folder / f"{stem}.dcm")
        self._pictures(heat, self.folder / f"{stem}-pictures")
        return []

    def _pictures(self, heat: Heat, folder: Path) -> None:
        folder.mkdir()
        total = len(self.series.images)
        for place, picture in enumerate(overlay_images(self.series, heat, self.maker, self._next()), 1):
            _save(picture, folder / f"{place:04d}.dcm")
            if self.progress is not None:
                self.progress(f"pictures of {heat.target.key}", place, total)

    def _next(self) -> int:
        self.number += 1
        return self.number


@contextmanager
def _names_of_one_part() -> Iterator[None]:
    """Names are copied as they are; that many have one part (`LUNG1-001`) is nothing that a user can mend."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*unlikely to represent the intended person name")
        yield


def _save(dataset: Dataset, path: Path) -> None:
    """As DICOM PS3.10 wants files: with file meta, and a preamble of zeros."""
    dataset.preamble = b"\0" * 128  # type: ignore[attr-defined]
    dataset.save_as(path, enforce_file_format=True)


def _image_of_series(case: Case, wanted: DicomWanted) -> tuple[str, LoadedImage, SourceSeries, list[Finding]]:
    """The image of the patient that the series is of.

    Raises:
        CohortError: There is none.
    """
    names = [name for name, batch in case.batch.modalities.items() if isinstance(batch, VolumeBatch)]
    if not names:
        raise CohortError(_no_image(case))
    series, findings = read_source(wanted.folder, wanted.series_uid, _recorded_uid(case))
    wrong: list[Finding] = []
    for name in names:
        loaded = loaded_image(case, name)
        differs = check_same_image(series, loaded.volume)
        if not differs:
            return name, loaded, series, findings
        wrong += [finding.at(patient=case.patient, modality=name) for finding in differs]
    raise CohortError(wrong)


def _no_image(case: Case) -> Finding:
    reasons = "; ".join(f"{name}: {reason}" for name, reason in case.absent.items())
    why = f" ({cut(reasons, 300)})" if reasons else f"; it reads {', '.join(case.run.spec.modalities)}"
    what = f"the run is given no image of the patient{why}: there is nothing to write as DICOM."
    return Finding(patient=case.patient, what=what, todo="`--fhir` writes the prediction.", code="no-image")


def _recorded_uid(case: Case) -> str | None:
    """The series that `mmcare cohort import-dicom` made the patient's CT of; None where it did not."""
    if check_id(case.patient) is not None:
        return None
    record = read_record(Places.of(case.cohort.root, case.patient)) or {}
    series = record.get("series")
    return str(series["series_uid"]) if isinstance(series, dict) and "series_uid" in series else None


def _mask(image: LoadedImage, series: SourceSeries) -> TumourMask | None:
    """The region that the model's segmenter found; None where it marks all of the image, or there is none."""
    mask = image.region.mask if image.region is not None else None
    if mask is None or (mask.values.size == image.volume.values.size and mask.values.all()):
        return None
    grid = ViewGrid(series.volume.shape, series.volume.affine)
    values = resampled(mask.values, mask.affine, grid, outside=0.0) >= 0.5
    drawn = image.found_by == _DRAWN
    label = "Tumour, as drawn" if drawn else f"Tumour, as {image.found_by} found it"
    return TumourMask(series.frames(values), label, "" if drawn else image.found_by)

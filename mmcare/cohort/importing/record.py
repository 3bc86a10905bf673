"""The record of where a patient's images come from: written last, so that a patient with a record is finished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcare.errors import Finding
from mmcare.formats.atomic import write_text

if TYPE_CHECKING:
    from mmcare.cohort.importing.masks import FoundMask
    from mmcare.cohort.importing.series import CTSeries
    from mmcare.cohort.importing.task import PatientTask
    from mmcare.formats.volume import Volume

__all__ = ["Places", "is_done", "read_record", "record_of", "write_record"]

_HEADER_ELEMENTS = (
    "Manufacturer",
    "ManufacturerModelName",
    "ConvolutionKernel",
    "KVP",
    "SliceThickness",
    "PatientPosition",
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where a patient's files lie in a cohort."""

    image: Path
    mask: Path
    record: Path

    @classmethod
    def of(cls, cohort: Path, patient: str) -> Places:
        """As `FILES` and `MASK` of the dictionary say."""
        folder = cohort / "ct"
        return cls(folder / f"{patient}.nii.gz", folder / f"{patient}_gtv.nii.gz", folder / f"{patient}.json")


def record_of(
    task: PatientTask, series: CTSeries, volume: Volume, mask: FoundMask | None, findings: Sequence[Finding]
) -> dict[str, Any]:
    """The record, but for the digests of what was written."""
    first = series.slices[0]
    return {
        "mmcare": version("mmcare"),
        "patient": task.patient,
        "key": task.key(),
        "source": task.settings.source,
        "series": {
            "series_uid": first.series_uid,
            "study_uid": first.study_uid,
            "frame_of_reference_uid": first.frame_of_reference_uid,
            "description": first.description,
            "slices": series.n_slices,
            **_elements(first.path),
        },
        "image": {
            "shape": list(volume.shape),
            "spacing_mm": [round(s, 6) for s in volume.spacing_mm],
            "affine": volume.affine.tolist(),
            "unit": "HU",
            "range": [float(volume.values.min()), float(volume.values.max())],
        },
        "mask": None if mask is None else _mask(task, volume, mask),
        "findings": [[str(finding.severity), finding.code, _told(task, finding)] for finding in findings],
    }


def write_record(places: Places, record: Mapping[str, Any]) -> None:
    """Write the record with size and SHA-256 of the images: from then on the patient is finished."""
    written = {path.name: _digest(path) for path in (places.image, places.mask) if path.exists()}
    text = json.dumps({**record, "files": written}, indent=1, ensure_ascii=False)
    write_text(places.record, text + "\n")


def read_record(places: Places) -> dict[str, Any] | None:
    """The record; None where there is none that can be read."""
    try:
        record = json.loads(places.record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def is_done(places: Places, record: Mapping[str, Any]) -> bool:
    """Whether the images are what the record says, byte for byte."""
    files = record.get("files")
    if not isinstance(files, Mapping) or places.image.name not in files:
        return False
    paths = {path.name: path for path in (places.image, places.mask)}
    there = {name: _digest(path) for name, path in paths.items() if path.exists()}
    return there == dict(files)


def _elements(path: Path) -> dict[str, str]:
    from pydicom import dcmread

    header = dcmread(path, stop_before_pixels=True, specific_tags=list(_HEADER_ELEMENTS), force=True)
    return {name: str(header[name].value) for name in _HEADER_ELEMENTS if header.get(name) not in (None, "")}


def _mask(task: PatientTask, volume: Volume, mask: FoundMask) -> dict[str, Any]:
    n = int(mask.values.sum())
    size = float(abs(volume.spacing_mm[0] * volume.spacing_mm[1] * volume.spacing_mm[2]))
    return {
        "kind": mask.kind,
        "file": str(mask.file.relative_to(task.root)),
        "regions": list(mask.regions),
        "voxels": n,
        "volume_mm3": round(n * size, 3),
    }


def _told(task: PatientTask, finding: Finding) -> str:
    """Without the folder that the source lay in."""
    return str(finding).replace(f"{task.root}/", "").replace(str(task.root), ".")


def _digest(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

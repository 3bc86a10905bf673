"""The CT modality: a crop in HU around the tumour, on RAS+ axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from mmcare.components import (
    Absent,
    Fitted,
    Modality,
    ModalityBatch,
    Prepared,
    Region,
    Source,
    VolumeBatch,
    VolumeLayout,
)
from mmcare.errors import Finding, Severity
from mmcare.formats import Volume, read_mask, read_volume
from mmcare_imaging.augment import augmented
from mmcare_imaging.crop import Box, box_around, centre_box, region_mask, resample_values
from mmcare_imaging.plugin import CTConfig

__all__ = ["CT"]


@dataclass(frozen=True, slots=True)
class _Read:
    """A volume, and what was found while reading it."""

    volume: Volume
    findings: tuple[Finding, ...]


class CT(Modality[CTConfig]):
    """A crop of a CT.

    The cohort's entry: `files` (a DICOM folder, NIfTI or NRRD a patient, `{patient}` for the id), `mask` (RTSTRUCT,
    NIfTI or NRRD) and `roi` (name or pattern of the structure, of an RTSTRUCT).

    The box is centred on the region and holds it with `margin_mm` on every side; the mask is 1 in the region and within
    the margin, so that an encoder that takes what lies outside the mask for air still sees the tumour's surroundings.

    Shapes: values (b, 1, D, H, W) in HU, unmasked; axes along right, front, head.
    """

    sample_version = 2  # the mask includes the margin

    def files(self, source: Source, patient: str) -> tuple[Path, ...]:
        """Image and mask, as far as they are there."""
        found = (source.path(name, patient) for name in ("files", "mask"))
        return tuple(path for path in found if path is not None and path.exists())

    def read(self, source: Source, patient: str) -> _Read | Absent:
        """The volume with its mask.

        Raises:
            CohortError: A file cannot be used.
        """
        path = source.path("files", patient)
        if path is None or not path.exists():
            return Absent("no CT" if path is None else f"no CT at {path.relative_to(source.root).parent}")
        volume, findings = read_volume(path)
        mask_path = source.path("mask", patient)
        if mask_path is not None and mask_path.exists():
            mask, more = read_mask(mask_path, source.entry.get("roi"), volume)
            volume, findings = replace(volume, mask=mask), [*findings, *more]
        return _Read(volume, tuple(findings))

    def check(self, source: Source) -> list[Finding]:
        """Patients without a CT, and those with one but without the mask that the cohort names."""
        patients = list(source.table(source.patients_file, source.id))
        there = {name: [p for p in patients if _exists(source.path(name, p))] for name in ("files", "mask")}
        lack_ct = [p for p in patients if p not in there["files"]]
        lack_mask = [p for p in there["files"] if p not in there["mask"]] if "mask" in source.entry else []
        return [
            *_lacking(source, "files", f"of {len(patients)} patients have no CT", lack_ct, len(patients)),
            *_lacking(source, "mask", f"of {len(there['files'])} with a CT have no mask", lack_mask, len(patients)),
        ]

    def volume(self, raw: _Read) -> Volume:
        """The volume as read."""
        return raw.volume

    def prepare(self, raw: _Read, region: Region | None) -> Prepared:
        """The crop: int16 HU, the uint8 mask of region and margin (1 everywhere without a region), where it lies."""
        config, volume = self.config, raw.volume
        if region is None:
            box = centre_box(volume, config.size, config.spacings_mm)
            mask = np.ones(config.size, dtype=np.uint8)
        else:
            box = box_around(region, config.size, config.spacings_mm, config.margin_mm, config.on_overflow == "shrink")
            mask = np.ones(config.size, dtype=np.uint8)
            if region.mask is not None:
                mask = region_mask(region.mask, box, config.margin_mm)
        values = {
            "affine": box.affine.tolist(),
            "overflow": self._overflow(box),
            "notes": [[str(finding.severity), str(finding)] for finding in raw.findings],
        }
        return Prepared(values, {"hu": resample_values(volume, box), "mask": mask})

    def _overflow(self, box: Box) -> str:
        """What to say where region and margin exceed the nominal box; else empty."""
        if not box.overflows:
            return ""
        config = self.config
        nominal = " x ".join(f"{n * s:g}" for n, s in zip(config.size, config.spacings_mm, strict=True))
        wanted = " x ".join(f"{extent:.0f}" for extent in box.wanted_mm)
        done = (
            f"the spacing is {' x '.join(f'{s:.2f}' for s in box.spacing_mm)} mm for this patient"
            if config.on_overflow == "shrink"
            else "it is cut at the box"
        )
        return f"the region with its margin spans {wanted} mm, the box {nominal} mm: {done}."

    def layout(self, fitted: Fitted | None) -> VolumeLayout:
        """The crop's grid."""
        config = self.config
        return VolumeLayout(size=config.size, spacing_mm=config.spacings_mm, margin_mm=config.margin_mm)

    def collate(self, items: Sequence[Prepared], rows: Tensor, fitted: Fitted) -> VolumeBatch:
        """Crops side by side, float32."""
        affine = torch.tensor([cast("list[list[float]]", item.values["affine"]) for item in items], dtype=torch.float64)
        return VolumeBatch(
            rows=rows,
            values=_stacked(items, "hu"),
            mask=_stacked(items, "mask"),
            spacing_mm=affine[:, :3, :3].norm(dim=1).float(),
            affine=affine,
        )

    def augment(self, batch: ModalityBatch, generators: Sequence[torch.Generator]) -> VolumeBatch:
        """What `augment` asks for, by MONAI's transforms."""
        config, volumes = self.config.augmentation, cast(VolumeBatch, batch)
        return volumes if config is None else augmented(volumes, config, generators)

    def findings(self, items: Mapping[str, Prepared], fitted: Fitted) -> list[Finding]:
        """Overflows of the box, and what the readers said, by patient."""
        found = []
        for patient, item in items.items():
            notes = [*cast("list[list[str]]", item.values["notes"])]
            if item.values["overflow"]:
                notes.append([Severity.WARNING, str(item.values["overflow"])])
            found += [Finding(patient=patient, what=text, severity=Severity(how), code="ct") for how, text in notes]
        return found


def _exists(path: Path | None) -> bool:
    return path is not None and path.exists()


def _lacking(source: Source, entry: str, what: str, patients: Sequence[str], n: int) -> list[Finding]:
    """A note where some patients lack a file, a warning where all do: then its name is likely wrong."""
    if not patients:
        return []
    some = ", ".join(patients[:3]) + (", …" if len(patients) > 3 else "")
    found = Finding(key=entry, what=f"{len(patients)} {what} at {source.entry.get(entry, '(no entry)')} ({some}).")
    if len(patients) < n:
        return [found.at(file=source.root / "cohort.yaml", severity=Severity.NOTE, code="no-file")]
    todo = f"Correct `modalities.{source.key}.{entry}`, or bring the files."
    return [found.at(file=source.root / "cohort.yaml", todo=todo, severity=Severity.WARNING, code="no-file")]


def _stacked(items: Sequence[Prepared], name: str) -> Tensor:
    return torch.from_numpy(np.stack([item.arrays[name] for item in items]))[:, None].float()

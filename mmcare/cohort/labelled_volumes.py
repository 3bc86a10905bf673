"""Volumes with masks drawn by hand: what a segmenter learns from, of a cohort folder or a Decathlon folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmcare.cohort.read import read_cohort
from mmcare.errors import CohortError, Finding
from mmcare.formats import Volume, read_mask, read_volume
from mmcare.formats.decathlon import DATASET, read_decathlon
from mmcare.formats.digest import key_of

__all__ = ["LabelledVolumes", "labelled_volumes"]


@dataclass(frozen=True, slots=True)
class LabelledVolumes:
    """Image and mask of each patient.

    Attributes:
        root: The folder.
        files: Image and mask by patient.
        roi: Name of the region, where masks are structure sets.
        left_out: Why other patients have none.
    """

    root: Path
    files: Mapping[str, tuple[Path, Path]]
    roi: str | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def patients(self) -> tuple[str, ...]:
        """Ids of those who have both."""
        return tuple(self.files)

    def read(self, patient: str) -> Volume:
        """The volume with its mask.

        Raises:
            CohortError: A file cannot be used, or the mask is empty.
        """
        image, drawn = self.files[patient]
        volume, _ = read_volume(image)
        mask, _ = read_mask(drawn, self.roi, volume)
        if not mask.any():
            what = "the mask is empty: nothing can be learned from it."
            raise CohortError(
                Finding(file=drawn, patient=patient, what=what, todo="Draw it, or leave the patient out.")
            )
        return replace(volume, mask=mask)

    def fingerprint(self) -> str:
        """Digest of ids, and of names and sizes of the files."""
        return key_of(
            [[p, *(f"{f.relative_to(self.root)} {f.stat().st_size}" for f in self.files[p])] for p in self.files]
        )


def labelled_volumes(folder: Path, key: str) -> LabelledVolumes:
    """The volumes with masks of a folder.

    Args:
        folder: A cohort folder, or a Medical Segmentation Decathlon folder (`dataset.json`).
        key: The cohort's modality.

    Raises:
        CohortError: It is neither, or holds no volume with a mask.
    """
    if not (folder / "cohort.yaml").exists() and (folder / DATASET).exists():
        return LabelledVolumes(folder, read_decathlon(folder))
    cohort = read_cohort(folder)
    source = cohort.source(key)
    assert source is not None, "not optional"
    source.file("files"), source.file("mask")  # says which entry is missing
    files: dict[str, tuple[Path, Path]] = {}
    left_out: dict[str, str] = {}
    for patient in cohort.patients:
        image, mask = source.path("files", patient), source.path("mask", patient)
        assert image is not None and mask is not None, "the entry has both"
        if image.exists() and mask.exists():
            files[patient] = image, mask
        else:
            left_out[patient] = "no volume" if not image.exists() else "no mask"
    if not files:
        what = f"no patient has both a volume and a mask under `{key}`."
        raise CohortError(Finding(file=cohort.dictionary_file, key=f"modalities.{key}", what=what, todo="Add `mask:`."))
    return LabelledVolumes(folder, files, source.entry.get("roi"), left_out)

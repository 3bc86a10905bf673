"""The one object that de-identifies: ids, UIDs, dates, and whole DICOM objects, all by one key."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from mmcare.cohort.deidentify.allow_list import ALLOWED
from mmcare.cohort.deidentify.build import build, code_item
from mmcare.cohort.deidentify.held_back import RELEASABLE, HeldBack, HeldBackError, reason_to_hold
from mmcare.cohort.deidentify.pixels import exact_pixels
from mmcare.cohort.deidentify.pseudonyms import Pseudonyms
from mmcare.cohort.deidentify.quiet import quiet
from mmcare.cohort.deidentify.rules import Context
from mmcare.cohort.deidentify.values import one_text
from mmcare.errors import CohortError, Finding

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset

__all__ = ["Deidentifier", "file_bytes"]

_IMPLEMENTATION_UID = "2.25.299245219064393094953352087912360021253"
_OPTIONS = (
    ("113100", "DCM", "Basic Application Confidentiality Profile"),
    ("113105", "DCM", "Clean Descriptors Option"),
    ("113107", "DCM", "Retain Longitudinal Temporal Information Modified Dates Option"),
)
"""DICOM PS3.16, context group 7050."""


class Deidentifier:
    """De-identifies by the Basic Application Level Confidentiality Profile, turned into an allow-list.

    Source:
        DICOM PS3.15, edition 2024e, annex E, table E.1-1; options Clean Descriptors and Retain Longitudinal Temporal
        Information Modified Dates.

    Args:
        key: At least 32 secret bytes (`read_key`). One key makes one cohort: the same ids, UIDs and shifts each time.
        regions: Patterns (`*`, `?`; capitals do not matter) of names of regions and segments. A name that matches one
            becomes that pattern, with the region's number for `*` and `?`: what a pattern leaves open never gets
            through.
        release: Reasons that do not hold an object back: only `secondary-image`, once its pixels were looked at.

    Raises:
        CohortError: The key is too short, or a reason may not be released.

    Example:
        >>> from mmcare.cohort.deidentify import Deidentifier
        >>> deidentify = Deidentifier(bytes(range(32)))
        >>> deidentify.patient("LUNG1-001")
        'P-U7PAUEPJGMKSNPXX'
    """

    def __init__(self, key: bytes, *, regions: Sequence[str] = (), release: Collection[str] = ()) -> None:
        self.pseudonyms = Pseudonyms(key)
        self.regions = tuple(regions)
        self.release = frozenset(release)
        if self.release - RELEASABLE:
            what = f"there is no releasing of {', '.join(sorted(self.release - RELEASABLE))}; "
            what += f"what can be released after a look is {', '.join(sorted(RELEASABLE))}."
            raise CohortError(
                Finding(key="release", what=what, todo="Clean the pixels by hand.", code="not-releasable")
            )

    def patient(self, patient: str) -> str:
        """The new id of a patient."""
        return self.pseudonyms.patient(patient)

    def uid(self, uid: str) -> str:
        """The new UID; every reference to the old one is made the same."""
        return self.pseudonyms.uid(uid)

    def shift_days(self, patient: str) -> int:
        """By how many days the dates of a patient are moved, given the original id."""
        return self.pseudonyms.shift_days(patient)

    def date(self, date: str, patient: str) -> str | None:
        """A date of a patient, moved; None if it is no date."""
        return self.pseudonyms.date(date, patient)

    def settings(self) -> str:
        """A short name for key and settings together: what was made with the same name can be gone on with."""
        return self.pseudonyms.label("settings", f"{self.regions} {sorted(self.release)}")

    def dataset(self, dataset: Dataset) -> Dataset | HeldBack:
        """A new data set that holds what the allow-list lets through, or why the object is held back.

        Args:
            dataset: As `pydicom.dcmread` gives it (with its file meta); it is not changed.
        """
        with quiet():
            held_back = reason_to_hold(dataset, self.release)
            if held_back is not None:
                return held_back
            try:
                return self._made_anew(dataset)
            except HeldBackError as error:
                return error.held_back

    def _made_anew(self, source: Dataset) -> Dataset:
        sop_class = one_text(source, "SOPClassUID")
        context = Context(self.pseudonyms, one_text(source, "PatientID"), self.regions)
        target = build(source, ALLOWED[sop_class], context)
        target.DeidentificationMethodCodeSequence = [code_item(*option) for option in _OPTIONS]
        if any(entry.keyword == "PixelData" for entry in ALLOWED[sop_class]):
            pixels = exact_pixels(source)
            target.add_new("PixelData", "OW" if target.BitsAllocated > 8 else "OB", pixels + b"\0" * (len(pixels) % 2))
        target.file_meta = _file_meta(target)
        target.preamble = b"\0" * 128  # type: ignore[attr-defined]
        return target


def _file_meta(target: Dataset) -> FileMetaDataset:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = target.SOPClassUID
    meta.MediaStorageSOPInstanceUID = target.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(_IMPLEMENTATION_UID)
    meta.ImplementationVersionName = "MMCARE"
    return meta


def file_bytes(dataset: Dataset) -> bytes:
    """A data set of `Deidentifier.dataset` as a DICOM file (DICOM PS3.10): zero preamble, fresh file meta."""
    from pydicom import dcmwrite

    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()

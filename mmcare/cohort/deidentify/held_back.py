"""Objects that no header makes safe: what may show a name in its pixels, and what this profile has no list for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmcare.cohort.deidentify.values import is_filled, one_text, texts
from mmcare.errors import Finding, Severity, cut

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["CLASSES", "RELEASABLE", "HeldBack", "HeldBackError", "reason_to_hold"]

CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2": "CT image",
    "1.2.840.10008.5.1.4.1.1.481.3": "structure set",
    "1.2.840.10008.5.1.4.1.1.66.4": "segmentation",
    "1.2.840.10008.5.1.4.1.1.66.7": "segmentation",
}
"""SOP classes for which there is a list of what survives: CT Image, RT Structure Set, Segmentation (two)."""

RELEASABLE = frozenset({"secondary-image"})
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_SCREEN_WORDS = ("SCREEN", "CAPTURE", "DOSE_INFO", "DOSE INFO", "DOSEINFO", "PROT", "REPORT", "SUMMARY", "PRINT", "WSD")
_LOOK = "Look at its pixels."


@dataclass(frozen=True, slots=True)
class HeldBack:
    """An object that is not written, and why.

    Attributes:
        code: Stable name of the reason (`burned-in-annotation`, `recognizable-features`, `screen-capture`,
            `secondary-image`, `secondary-capture`, `not-handled`, `no-patient-id`, `damaged`, `no-decoder`).
        what: The reason in words; may quote the header, so that it is for the eyes of those who hold the originals.
        todo: What can be done.
    """

    code: str
    what: str
    todo: str = ""

    def finding(self, file: Path | None = None) -> Finding:
        """The same as a warning about a file."""
        what = f"is held back: {self.what}"
        return Finding(file=file, what=what, todo=self.todo, severity=Severity.WARNING, code=self.code)


class HeldBackError(Exception):
    """Carries a `HeldBack` out of the depth of a data set."""

    def __init__(self, held_back: HeldBack) -> None:
        super().__init__(held_back.what)
        self.held_back = held_back


def reason_to_hold(dataset: Dataset, release: Collection[str] = ()) -> HeldBack | None:
    """Why an object is held back by what its header says; None where nothing speaks against it."""
    tests = (_class, _annotated, _face, _screen, _secondary, _picture, _table_of_values, _nobody)
    reasons = [reason for test in tests if (reason := test(dataset)) is not None]
    return next((reason for reason in reasons if reason.code not in RELEASABLE & set(release)), None)


def _class(dataset: Dataset) -> HeldBack | None:
    from pydicom.uid import UID

    uid = one_text(dataset, "SOPClassUID")
    if uid in CLASSES:
        return None
    if uid == _SECONDARY_CAPTURE or uid.startswith(f"{_SECONDARY_CAPTURE}."):
        what = "it is a secondary capture, a picture of a screen that may show a name."
        return HeldBack("secondary-capture", what, "Leave it out, or clean its pixels by hand.")
    if not uid:
        uid = one_text(
            getattr(dataset, "file_meta", dataset), "MediaStorageSOPClassUID"
        )  # a directory has it only there
    if not uid:
        return HeldBack("damaged", "it does not say what it is (no SOPClassUID).", "Export it again.")
    what = (
        f"it is {cut(UID(uid).name)}; what may survive is listed for {', '.join(dict.fromkeys(CLASSES.values()))} only."
    )
    return HeldBack("not-handled", what)


def _annotated(dataset: Dataset) -> HeldBack | None:
    value = texts(dataset, "BurnedInAnnotation")
    if not value or value == ("NO",):
        return None
    what = f"its header says that its pixels hold text (BurnedInAnnotation {cut('/'.join(value), 40)})."
    return HeldBack("burned-in-annotation", what, "Clean its pixels by hand.")


def _face(dataset: Dataset) -> HeldBack | None:
    if one_text(dataset, "RecognizableVisualFeatures") != "YES":
        return None
    what = "its header says that the patient can be recognised in it (RecognizableVisualFeatures YES)."
    return HeldBack("recognizable-features", what, "Remove the face, or crop it away.")


def _screen(dataset: Dataset) -> HeldBack | None:
    words = [word.upper() for word in texts(dataset, "ImageType")]
    if any(mark in word for word in words for mark in _SCREEN_WORDS):
        what = f"its image type ({cut('/'.join(words), 80)}) names a picture of a screen or of a report."
        return HeldBack("screen-capture", what, _LOOK)
    if texts(dataset, "ConversionType"):
        what = (
            f"it was converted from a picture (ConversionType {cut('/'.join(texts(dataset, 'ConversionType')), 40)})."
        )
        return HeldBack("screen-capture", what, _LOOK)
    return None


def _secondary(dataset: Dataset) -> HeldBack | None:
    """Of segmentations, whose pixels are labels, the word says nothing: all are derived."""
    words = [word.upper() for word in texts(dataset, "ImageType")]
    if "SECONDARY" not in words[:2] or texts(dataset, "Modality") == ("SEG",):
        return None
    what = f"its image type ({cut('/'.join(words), 80)}) says that it was made after the scan: it may hold text."
    return HeldBack("secondary-image", what, f"{_LOOK} Where they are clean: `--release secondary-image`.")


def _picture(dataset: Dataset) -> HeldBack | None:
    samples, frames = texts(dataset, "SamplesPerPixel"), texts(dataset, "NumberOfFrames")
    if samples and samples != ("1",):
        what = f"it is a colour picture ({cut(samples[0], 20)} samples a pixel), as screens give."
        return HeldBack("screen-capture", what, _LOOK)
    if CLASSES.get(one_text(dataset, "SOPClassUID")) == "CT image" and frames and frames != ("1",):
        what = f"it is a CT image of {cut(frames[0], 20)} frames; one is due."
        return HeldBack("not-handled", what)
    return None


def _table_of_values(dataset: Dataset) -> HeldBack | None:
    """A CT whose HU stand in a table: without it, its numbers would mean something else."""
    if CLASSES.get(one_text(dataset, "SOPClassUID")) != "CT image" or not is_filled(dataset, "ModalityLUTSequence"):
        return None
    what = "its values are given by a table (ModalityLUTSequence), and not by slope and intercept."
    return HeldBack("not-handled", what, "Convert it to HU.")


def _nobody(dataset: Dataset) -> HeldBack | None:
    if one_text(dataset, "PatientID"):
        return None
    what = "it has no PatientID: there is nothing to make a new id of."
    return HeldBack("no-patient-id", what, "Export it again with its id.")

"""What is held back, each with its reason in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from mmcare.cohort.deidentify import Deidentifier, HeldBack
from mmcare.errors import CohortError
from tests.cohort.deidentify import planted
from tests.cohort.deidentify.conftest import KEY

Change = Callable[[Dataset], object]


def put(**values: object) -> Change:
    def change(ds: Dataset) -> None:
        for keyword, value in values.items():
            setattr(ds, keyword, value)

    return change


def without(keyword: str) -> Change:
    return lambda ds: delattr(ds, keyword)


LOOK = "Look at its pixels."
RELEASE = "Look at its pixels. Where they are clean: `--release secondary-image`."
CASES: dict[str, tuple[Change, str, str]] = {
    "burned-in": (
        put(BurnedInAnnotation="YES"),
        "burned-in-annotation",
        "its header says that its pixels hold text (BurnedInAnnotation YES). Clean its pixels by hand.",
    ),
    "burned-in, another word": (
        put(BurnedInAnnotation="MAYBE"),
        "burned-in-annotation",
        "its header says that its pixels hold text (BurnedInAnnotation MAYBE). Clean its pixels by hand.",
    ),
    "a face": (
        put(RecognizableVisualFeatures="YES"),
        "recognizable-features",
        "its header says that the patient can be recognised in it (RecognizableVisualFeatures YES). "
        "Remove the face, or crop it away.",
    ),
    "secondary capture": (
        put(SOPClassUID="1.2.840.10008.5.1.4.1.1.7"),
        "secondary-capture",
        "it is a secondary capture, a picture of a screen that may show a name. "
        "Leave it out, or clean its pixels by hand.",
    ),
    "secondary capture of many frames": (
        put(SOPClassUID="1.2.840.10008.5.1.4.1.1.7.4"),
        "secondary-capture",
        "it is a secondary capture, a picture of a screen that may show a name. "
        "Leave it out, or clean its pixels by hand.",
    ),
    "screen save": (
        put(ImageType=["DERIVED", "PRIMARY", "SCREEN SAVE"]),
        "screen-capture",
        f"its image type (DERIVED/PRIMARY/SCREEN SAVE) names a picture of a screen or of a report. {LOOK}",
    ),
    "dose report": (
        put(ImageType=["DERIVED", "SECONDARY", "DOSE_INFO"]),
        "screen-capture",
        f"its image type (DERIVED/SECONDARY/DOSE_INFO) names a picture of a screen or of a report. {LOOK}",
    ),
    "secondary": (
        put(ImageType=["DERIVED", "SECONDARY", "AXIAL"]),
        "secondary-image",
        f"its image type (DERIVED/SECONDARY/AXIAL) says that it was made after the scan: it may hold text. {RELEASE}",
    ),
    "converted": (
        put(ConversionType="WSD"),
        "screen-capture",
        f"it was converted from a picture (ConversionType WSD). {LOOK}",
    ),
    "colour": (
        put(SamplesPerPixel=3),
        "screen-capture",
        f"it is a colour picture (3 samples a pixel), as screens give. {LOOK}",
    ),
    "frames": (put(NumberOfFrames="5"), "not-handled", "it is a CT image of 5 frames; one is due."),
    "a table of values": (
        put(ModalityLUTSequence=[Dataset()]),
        "not-handled",
        "its values are given by a table (ModalityLUTSequence), and not by slope and intercept. Convert it to HU.",
    ),
    "another class": (
        put(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1"),
        "not-handled",
        "it is Encapsulated PDF Storage; what may survive is listed for CT image, structure set, segmentation only.",
    ),
    "no class": (
        lambda ds: (delattr(ds, "SOPClassUID"), delattr(ds.file_meta, "MediaStorageSOPClassUID")),
        "damaged",
        "it does not say what it is (no SOPClassUID). Export it again.",
    ),
    "a directory of files": (
        lambda ds: (
            delattr(ds, "SOPClassUID"),
            setattr(ds.file_meta, "MediaStorageSOPClassUID", "1.2.840.10008.1.3.10"),
        ),
        "not-handled",
        "it is Media Storage Directory Storage; "
        "what may survive is listed for CT image, structure set, segmentation only.",
    ),
    "nobody": (
        put(PatientID=""),
        "no-patient-id",
        "it has no PatientID: there is nothing to make a new id of. Export it again with its id.",
    ),
    "no UID": (
        without("SOPInstanceUID"),
        "damaged",
        "SOPInstanceUID is absent. Export it again.",
    ),
    "a slope that is a text": (
        lambda ds: ds.add_new("RescaleSlope", "LO", "Doe"),
        "damaged",
        "RescaleSlope is not of the form that is allowed. Export it again.",
    ),
    "no pixels": (without("PixelData"), "damaged", "it holds no pixel data. Export it again."),
}


@pytest.mark.parametrize("case", CASES)
def test_a_ct_image_is_held_back_with_its_reason(case: str, deidentifier: Deidentifier) -> None:
    change, code, text = CASES[case]
    ds = planted.ct(0)
    change(ds)
    made = deidentifier.dataset(ds)
    assert isinstance(made, HeldBack)
    assert (made.code, f"{made.what} {made.todo}".strip()) == (code, text)


def test_the_finding_names_the_file(deidentifier: Deidentifier) -> None:
    ds = planted.ct(0)
    ds.BurnedInAnnotation = "YES"
    made = deidentifier.dataset(ds)
    assert isinstance(made, HeldBack)
    assert str(made.finding(Path("a/b.dcm"))) == (
        "a/b.dcm: is held back: its header says that its pixels hold text (BurnedInAnnotation YES). "
        "Clean its pixels by hand."
    )


@pytest.mark.parametrize(
    "change",
    [
        put(BurnedInAnnotation="NO"),
        put(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
        put(ImageType=["DERIVED", "PRIMARY", "AXIAL", "CT_SOM7 SPI"]),
        put(NumberOfFrames="1"),
        without("ImageType"),
        without("FrameOfReferenceUID"),
    ],
)
def test_good_images_are_not_held_back(change: Change, deidentifier: Deidentifier) -> None:
    ds = planted.ct(0)
    change(ds)
    assert isinstance(deidentifier.dataset(ds), Dataset)


def test_a_secondary_image_is_written_once_it_is_released() -> None:
    ds = planted.ct(0)
    ds.ImageType = ["DERIVED", "SECONDARY", "MPR"]
    assert isinstance(Deidentifier(KEY, release=["secondary-image"]).dataset(ds), Dataset)
    ds.BurnedInAnnotation = "YES"
    made = Deidentifier(KEY, release=["secondary-image"]).dataset(ds)
    assert isinstance(made, HeldBack)
    assert made.code == "burned-in-annotation"


def test_burnt_in_text_cannot_be_released() -> None:
    with pytest.raises(CohortError) as caught:
        Deidentifier(KEY, release=["burned-in-annotation"])
    assert str(caught.value) == (
        "release: there is no releasing of burned-in-annotation; what can be released after a look is "
        "secondary-image. Clean the pixels by hand."
    )


def test_a_contour_with_a_text_holds_its_structure_set_back(deidentifier: Deidentifier) -> None:
    """A contour is never left out in silence."""
    ds = planted.rtstruct()
    ds.ROIContourSequence[2].ContourSequence[1].add_new("ContourData", "LO", "1\\2\\Doe")
    made = deidentifier.dataset(ds)
    assert isinstance(made, HeldBack)
    assert made.what == "ContourData is not of the form that is allowed."


def test_a_region_without_contours_stays(deidentifier: Deidentifier) -> None:
    ds = planted.rtstruct()
    del ds.ROIContourSequence[2].ContourSequence
    made = deidentifier.dataset(ds)
    assert isinstance(made, Dataset)
    assert [roi.ROIName for roi in made.StructureSetROISequence] == ["ROI-1", "ROI-2", "GTV-1"]

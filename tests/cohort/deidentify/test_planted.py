"""Of planted identifiers none survives, wherever they stand; what the images mean does."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from mmcare.cohort.deidentify import Deidentifier, file_bytes
from mmcare.formats import read_volume
from mmcare.formats.rtstruct import rasterise, read_rtstruct
from tests.cohort.deidentify import planted
from tests.cohort.deidentify.conftest import KEY

Everything = Callable[[Path], bytes]
TOKENS = planted.tokens()


def forms(token: str) -> list[bytes]:
    return [token.encode(), token.lower().encode(), token.encode("utf-16-le"), token.encode("utf-16-be")]


@pytest.fixture(scope="session")
def before(source: Path, everything: Everything) -> bytes:
    return everything(source)


@pytest.fixture(scope="session")
def after(made: Path, everything: Everything) -> bytes:
    return everything(made)


def test_there_are_more_than_forty_places() -> None:
    assert len(TOKENS) > 80
    assert len(set(TOKENS.values())) == len(TOKENS)


@pytest.mark.parametrize("place", TOKENS)
def test_what_was_planted_does_not_survive(place: str, before: bytes, after: bytes) -> None:
    assert TOKENS[place].encode() in before, "nothing was planted there"
    assert not [form for form in forms(TOKENS[place]) if form in after]


def objects(folder: Path, modality: str) -> list[pydicom.Dataset]:
    found = [pydicom.dcmread(path) for path in sorted(folder.rglob("*.dcm"))]
    return [ds for ds in found if ds.Modality == modality]


def test_every_object_is_written(made: Path) -> None:
    assert {m: len(objects(made, m)) for m in ("CT", "RTSTRUCT", "SEG")} == {"CT": 3, "RTSTRUCT": 1, "SEG": 1}


@pytest.mark.parametrize("modality", ["CT", "RTSTRUCT", "SEG"])
def test_no_private_element_and_no_group_of_overlays_or_curves_is_left(modality: str, made: Path) -> None:
    for ds in objects(made, modality):
        tags = [element.tag for element in ds.iterall()]
        assert tags
        assert not [t for t in tags if t.is_private or t.group >> 8 in (0x50, 0x60) or t.group == 0xFFFC]


@pytest.mark.parametrize("modality", ["CT", "RTSTRUCT", "SEG"])
def test_preamble_and_file_meta_are_fresh(modality: str, made: Path) -> None:
    for ds in objects(made, modality):
        assert ds.preamble == b"\0" * 128
        assert {element.keyword for element in ds.file_meta} == {
            "FileMetaInformationGroupLength",
            "FileMetaInformationVersion",
            "MediaStorageSOPClassUID",
            "MediaStorageSOPInstanceUID",
            "TransferSyntaxUID",
            "ImplementationClassUID",
            "ImplementationVersionName",
        }
        assert ds.file_meta.ImplementationVersionName == "MMCARE"
        assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID


def test_each_object_says_how_it_was_deidentified(made: Path) -> None:
    for ds in objects(made, "CT"):
        assert ds.PatientIdentityRemoved == "YES"
        assert ds.LongitudinalTemporalInformationModified == "MODIFIED"
        assert [c.CodeValue for c in ds.DeidentificationMethodCodeSequence] == ["113100", "113105", "113107"]


def test_the_image_is_the_same(made: Path, tmp_path: Path) -> None:
    (series,) = made.glob("P-*/ct-*")
    new, _ = read_volume(series)
    for index in range(planted.N_SLICES):
        pydicom.dcmwrite(tmp_path / f"{index}.dcm", planted.ct(index))
    old, _ = read_volume(tmp_path)
    np.testing.assert_array_equal(new.values, old.values)
    np.testing.assert_array_equal(new.affine, old.affine)


def test_the_contours_lie_on_the_new_images_and_fill_the_same_voxels(made: Path) -> None:
    (series,) = made.glob("P-*/ct-*")
    (structures,) = made.glob("P-*/rtstruct-*/*.dcm")
    volume, _ = read_volume(series)
    mask, findings = rasterise(read_rtstruct(structures), "GTV-1", volume)
    assert not findings
    assert int(mask.sum()) == 3 * 5 * 5


def test_names_of_regions_that_are_not_known_become_numbers(made: Path) -> None:
    (ds,) = objects(made, "RTSTRUCT")
    assert [roi.ROIName for roi in ds.StructureSetROISequence] == ["ROI-1", "ROI-2", "GTV-1"]


def test_items_where_a_text_is_due_are_left_out_unread(deidentifier: Deidentifier) -> None:
    ds, item = planted.ct(0), pydicom.Dataset()
    item[0x00189305] = RawDataElement(Tag(0x00189305), "FD", 3, b"Doe", 0, False, True)
    ds.add_new("BodyPartExamined", "SQ", [item])
    made = deidentifier.dataset(ds)
    assert isinstance(made, pydicom.Dataset)
    assert "BodyPartExamined" not in made


def test_a_date_of_another_form_is_left_out(deidentifier: Deidentifier) -> None:
    ds = planted.ct(0)
    ds.add_new("StudyDate", "LO", "17.03.2021")
    ds.add_new("SeriesDate", "LO", "2021.03.17")
    made = deidentifier.dataset(ds)
    assert isinstance(made, pydicom.Dataset)
    assert (made.StudyDate or "", made.SeriesDate) == ("", deidentifier.date("20210317", planted.PATIENT))


def test_names_asked_for_are_named_after_the_pattern_and_keep_its_letters() -> None:
    ds = planted.rtstruct()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.StructureSetROISequence[0].ROIName = "TUM\u00d6R Meier"
    made = Deidentifier(KEY, regions=["tum\u00f6r *", "gtv*"]).dataset(ds)
    assert isinstance(made, pydicom.Dataset)
    read = pydicom.dcmread(io.BytesIO(file_bytes(made)))
    assert [roi.ROIName for roi in read.StructureSetROISequence] == ["tum\u00f6r 1", "gtv2", "GTV-1"]


def test_every_reference_leads_to_an_object_that_is_there(made: Path) -> None:
    here = {str(ds.SOPInstanceUID) for ds in objects(made, "CT")}
    studies = {str(ds.StudyInstanceUID) for ds in objects(made, "CT")}
    series = {str(ds.SeriesInstanceUID) for ds in objects(made, "CT")}
    for modality in ("RTSTRUCT", "SEG"):
        (ds,) = objects(made, modality)
        named = [str(e.value) for e in ds.iterall() if e.keyword == "ReferencedSOPInstanceUID"]
        assert len(named) >= 6
        assert set(named) <= here | studies
        assert {str(e.value) for e in ds.iterall() if e.keyword == "SeriesInstanceUID"} == series | {
            str(ds.SeriesInstanceUID)
        }


def test_the_segmentation_keeps_its_labels_and_its_known_codes(made: Path) -> None:
    (ds,) = objects(made, "SEG")
    assert bytes(ds.PixelData) == planted.labels()
    (segment,) = ds.SegmentSequence
    assert segment.SegmentLabel == "Segment-1"
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Mass"
    assert segment.SegmentedPropertyCategoryCodeSequence[0].CodeMeaning == "Tissue"


def test_dates_are_moved_together(made: Path, deidentifier: Deidentifier) -> None:
    (first, *_) = objects(made, "CT")
    assert first.StudyDate == deidentifier.date("20210317", planted.PATIENT)
    assert first.ContentDate == deidentifier.date("20210321", planted.PATIENT)
    assert (first.StudyTime, first.PatientBirthDate) == ("", "")

"""A published CT with its structure set: all that it means stays, nothing that it was called does."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from mmcare.cohort.deidentify import Deidentifier, deidentify_folder
from mmcare.formats import read_mask, read_volume

N_IMAGES, N_CONTOURS, N_VOXELS = 134, 358, 54_639
Everything = Callable[[Path], bytes]


@pytest.fixture(scope="module")
def shared(original: Path, deidentifier: Deidentifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shared") / "out"
    summary = deidentify_folder(original, out, deidentifier)
    assert summary.counts() == {("CT image", "written", ""): N_IMAGES, ("structure set", "written", ""): 1}
    return out


@pytest.fixture(scope="module")
def structures(shared: Path) -> Dataset:
    (path,) = shared.glob("P-*/rtstruct-*/*.dcm")
    return pydicom.dcmread(path)


def test_all_contour_references_resolve(shared: Path, structures: Dataset) -> None:
    images = {
        str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in shared.glob("P-*/ct-*/*.dcm")
    }
    contours = [contour for roi in structures.ROIContourSequence for contour in roi.ContourSequence]
    named = [str(image.ReferencedSOPInstanceUID) for c in contours for image in c.ContourImageSequence]
    assert (len(contours), len(named), len(images)) == (N_CONTOURS, N_CONTOURS, N_IMAGES)
    assert set(named) <= images
    (frame,) = structures.ReferencedFrameOfReferenceSequence
    (study,) = frame.RTReferencedStudySequence
    (series,) = study.RTReferencedSeriesSequence
    assert {str(image.ReferencedSOPInstanceUID) for image in series.ContourImageSequence} == images


def test_the_mask_has_as_many_voxels_as_before(original: Path, shared: Path) -> None:
    (series,), (structure_set,) = shared.glob("P-*/ct-*"), shared.glob("P-*/rtstruct-*/*.dcm")
    volume, findings = read_volume(series)
    mask, more = read_mask(structure_set, "GTV-1", volume)
    assert not [*findings, *more]
    assert int(mask.sum()) == N_VOXELS
    before, _ = read_volume(original / "ct")
    np.testing.assert_array_equal(volume.values, before.values)
    np.testing.assert_array_equal(volume.affine, before.affine)


def test_coordinates_of_contours_are_the_same_text(original: Path, structures: Dataset) -> None:
    (path,) = (original / "rtstruct").iterdir()
    for new, old in zip(structures.ROIContourSequence, pydicom.dcmread(path).ROIContourSequence, strict=True):
        for one, other in zip(new.ContourSequence, old.ContourSequence, strict=True):
            assert list(one.ContourData) == list(other.ContourData)


def test_regions_keep_their_names_of_anatomy(structures: Dataset) -> None:
    assert sorted(roi.ROIName for roi in structures.StructureSetROISequence) == [
        "GTV-1",
        "Lung-Left",
        "Lung-Right",
        "Spinal-Cord",
    ]


def known(original: Path) -> set[str]:
    """UIDs, dates, times, ids, and texts of private elements of the originals."""
    found = {"LUNG1-001", "POSDA", "1.3.6.1.4.1.22213.1.143"}
    for path in sorted(original.rglob("*.dcm")):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        for element in [*ds.file_meta, *ds.iterall()]:
            if element.VR == "UI" and not str(element.value).startswith("1.2.840.10008."):
                found.add(str(element.value))
            if (
                element.VR in ("DA", "TM")
                or element.tag.is_private
                or element.keyword in ("AccessionNumber", "PatientAge")
            ):
                found.add(_text(element.value))
    return {text for text in found if len(text) >= 3}


def _text(value: object) -> str:
    return value.decode("latin-1").strip() if isinstance(value, bytes) else str(value).strip()


def test_no_original_uid_id_date_or_private_value_is_in_any_byte(
    original: Path, shared: Path, everything: Everything
) -> None:
    texts, written = known(original), everything(shared)
    uids = [text for text in texts if re.fullmatch(r"[\d.]{20,}", text) and text.count(".") > 4]
    assert len(uids) > N_IMAGES
    assert {"20080918", "20190225", "72215020", "NSCLC-Radiomics", "CTP", "SIEMENS CSA HEADER", "083Y"} <= texts
    header_only = b"".join(_without_pixels(path) for path in sorted(shared.rglob("*.dcm")))
    for text in texts:
        # Three letters occur among seventy million bytes of pixels by chance: there, they are no text.
        assert text.encode() not in (written if len(text) >= 6 else header_only), text


def _without_pixels(path: Path) -> bytes:
    raw = path.read_bytes()
    ds = pydicom.dcmread(path)
    return raw.replace(bytes(ds.PixelData), b"") if "PixelData" in ds else raw


def test_no_private_element_is_left(shared: Path) -> None:
    for path in shared.rglob("*.dcm"):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        assert ds.preamble == b"\0" * 128
        assert not [element.tag for element in ds.iterall() if element.tag.is_private]

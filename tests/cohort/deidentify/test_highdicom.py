"""Segmentations as highdicom writes them: the labels stay, the words about them go."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from mmcare.cohort.deidentify import Deidentifier, file_bytes
from tests.cohort.deidentify import planted

hd = pytest.importorskip("highdicom")
SECRET = "QZ99PLANT"


def images() -> list[Dataset]:
    made = []
    for index in range(planted.N_SLICES):
        ds = planted.ct(index)
        ds.PatientName, ds.PatientBirthDate, ds.PatientSex = f"{SECRET}^Anna", "19310704", "F"
        ds.AccessionNumber = ds.StudyID = SECRET
        ds.StudyDate, ds.StudyTime, ds.ReferringPhysicianName = "20210317", "101112", f"{SECRET}^R"
        ds.SliceThickness = "2"
        made.append(ds)
    return made


def segmentation(kind: str, labels: np.ndarray) -> Dataset:
    algorithm = hd.AlgorithmIdentificationSequence(SECRET, codes.DCM.ArtificialIntelligence, "1")
    descriptions = [
        hd.seg.SegmentDescription(
            number,
            label,
            codes.SCT.MorphologicallyAbnormalStructure,
            codes.SCT.Neoplasm,
            hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm,
            tracking_id=f"{SECRET}{number}",
            tracking_uid=f"{planted.KNOWN_UIDS['series']}.7.{number}",
        )
        for number, label in ((1, "GTV-1"), (2, f"Lesion of {SECRET}"))
    ]
    return hd.seg.Segmentation(
        source_images=images(),
        pixel_array=labels,
        segmentation_type=kind,
        segment_descriptions=descriptions,
        series_instance_uid=f"{planted.KNOWN_UIDS['series']}.7",
        series_number=7,
        sop_instance_uid=f"{planted.KNOWN_UIDS['series']}.7.99",
        instance_number=1,
        manufacturer=SECRET,
        manufacturer_model_name=SECRET,
        software_versions=SECRET,
        device_serial_number=SECRET,
        series_description=SECRET,
        content_description=SECRET,
        content_creator_name=f"{SECRET}^C",
    )


@pytest.fixture
def labels() -> np.ndarray:
    made = np.zeros((planted.N_SLICES, planted.SIZE, planted.SIZE), np.uint8)
    made[0, 2:5, 1:4] = 1
    made[1, 2:6, 1:5] = 1
    made[1, 6:, 6:] = 2
    return made


def read(made: Any) -> Any:
    assert isinstance(made, Dataset), made
    raw = file_bytes(made)
    assert SECRET.encode() not in raw
    assert b"4711" not in raw
    return hd.seg.segread(io.BytesIO(raw))


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_labels_stay_where_they_are(kind: str, labels: np.ndarray, deidentifier: Deidentifier) -> None:
    new = read(deidentifier.dataset(segmentation(kind, labels)))
    sources = [deidentifier.uid(planted.sop_uid(index)) for index in range(planted.N_SLICES)]
    found = new.get_pixels_by_source_instance(
        sources, combine_segments=kind != "FRACTIONAL", ignore_spatial_locations=True
    )
    if kind == "FRACTIONAL":
        found = (found[..., 0] > 0) + 2 * (found[..., 1] > 0)
    np.testing.assert_array_equal(found, labels)
    assert [new.get_segment_description(n).segment_label for n in (1, 2)] == ["GTV-1", "Segment-2"]
    property_type = new.get_segment_description(1).segmented_property_type
    assert (property_type.value, property_type.scheme_designator) == ("108369006", "SCT")


def test_what_was_planted_is_there_before(labels: np.ndarray) -> None:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, segmentation("BINARY", labels))
    assert buffer.getvalue().count(SECRET.encode()) > 10

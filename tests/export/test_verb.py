"""`mmcare export`: what it writes, and what it says where it cannot."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
from pydicom import dcmread

from mmcare.explain import ExplainConfig, Explainer
from mmcare.explain.geometry import on_geometry
from mmcare.export.source import read_source
from mmcare.formats import read_mask, read_nifti, read_nifti_mask, read_volume

from .conftest import Ask, Small
from .series import write_series


def objects(folder: Path) -> Iterator[Any]:
    yield from (dcmread(path) for path in sorted(folder.rglob("*.dcm")))


def test_the_folder_holds_the_mask_and_a_map_and_pictures_of_each_arm(exported: Path) -> None:
    assert sorted(path.name for path in (exported / "dicom").iterdir()) == [
        "ct-os-2y-sbrt-pictures",
        "ct-os-2y-sbrt.dcm",
        "ct-os-2y-surgery-pictures",
        "ct-os-2y-surgery.dcm",
        "mask.dcm",
    ]
    assert sorted(path.name for path in (exported / "fhir").iterdir()) == ["os-sbrt.json", "os-surgery.json"]


def test_the_mask_is_the_cohorts(exported: Path, series: Path, small: Small) -> None:
    like, _ = read_volume(series)
    back, _ = read_mask(exported / "dicom" / "mask.dcm", None, like)
    drawn, _, _ = read_nifti_mask(small.cohort.root / "ct" / f"{small.whole}_gtv.nii.gz")
    np.testing.assert_array_equal(back, drawn)


def test_the_maps_are_those_of_explanations(exported: Path, series: Path, small: Small) -> None:
    config = ExplainConfig(rows=64, background=4, gradients=False)
    volume, _ = read_nifti(small.cohort.root / "ct" / f"{small.whole}.nii.gz")
    archived, _ = read_source(series, None, None)
    for saliency in Explainer(small.run, small.cohort, config).explain(small.whole).saliency:
        if saliency.target.minus is not None:
            continue
        read = highdicom.seg.segread(exported / "dicom" / f"ct-os-2y-{saliency.target.arm}.dcm")
        labels = [str(part.SegmentLabel) for part in read.SegmentSequence]
        expected = {"for": saliency.values, "against": saliency.against}
        for number, label in enumerate(labels, 1):
            values = expected[label.rsplit(" ", 1)[1]]
            whole = archived.frames(on_geometry(values, saliency.affine, volume.geometry))
            uids = [str(image.SOPInstanceUID) for image in archived.images]
            found = read.get_pixels_by_source_instance(
                uids, segment_numbers=[number], assert_missing_frames_are_empty=True
            )
            np.testing.assert_allclose(found[..., 0], whole, atol=0.5 / 255 + 1e-3)
        assert labels


def test_every_object_belongs_to_the_patient_and_the_study_and_is_for_research(exported: Path, series: Path) -> None:
    first = dcmread(series / "001.dcm")
    sources = {str(image.SOPInstanceUID) for image in objects(series)}
    uids = []
    for found in objects(exported / "dicom"):
        for name in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"):
            assert str(found[name].value) == str(first[name].value)
        assert found.StudyInstanceUID == first.StudyInstanceUID
        assert found.FrameOfReferenceUID == first.FrameOfReferenceUID
        assert found.SeriesDescription.endswith("research use only")
        assert (found.Manufacturer, found.ManufacturerModelName) == ("MM-Care", "mmcare")
        uids.append(str(found.SOPInstanceUID))
    assert len(set(uids)) == len(uids) and not sources & set(uids)
    numbers = {(str(o.SeriesInstanceUID), int(o.SeriesNumber)) for o in objects(exported / "dicom")}
    assert sorted(number for _, number in numbers) == [9001, 9002, 9003, 9004, 9005]


def test_every_file_begins_with_zeros(exported: Path) -> None:
    for path in (exported / "dicom").rglob("*.dcm"):
        assert path.read_bytes()[:132] == b"\0" * 128 + b"DICM"


def test_the_outputs_that_are_asked_for_are_written(small: Small, series: Path, ask: Ask, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said, _ = ask("--patient", small.whole, "--out", out, "--dicom", series, "--target", "os@1:surgery-sbrt")
    assert (code, said) == (0, f"{out / 'dicom'}\n")
    assert sorted(path.name for path in (out / "dicom").iterdir()) == [
        "ct-os-1y-surgery-minus-sbrt-pictures",
        "ct-os-1y-surgery-minus-sbrt.dcm",
        "mask.dcm",
    ]


def test_a_series_of_another_grid_is_refused(small: Small, ask: Ask, tmp_path: Path) -> None:
    volume, _ = read_nifti(small.cohort.root / "ct" / f"{small.whole}.nii.gz")
    smaller = type(volume)(volume.values[:, :, 1:], volume.affine)
    folder = write_series(tmp_path / "ct", smaller)
    code, out, err = ask("--patient", small.whole, "--out", tmp_path / "out", "--dicom", folder)
    assert (code, out) == (2, "")
    assert err.endswith(
        f"Error: {folder}, patient {small.whole}, modality ct: the series lies on another grid than the patient's CT "
        "in the cohort: size 16 x 16 x 13 against 16 x 16 x 14 voxels.\n"
        "  Name the folder of the series that the patient's CT was imported from.\n"
    )
    assert not (tmp_path / "out").exists()


def test_the_series_of_another_patient_is_refused(small: Small, ask: Ask, tmp_path: Path) -> None:
    volume, _ = read_nifti(small.cohort.root / "ct" / f"{small.without_genome}.nii.gz")
    folder = write_series(tmp_path / "ct", volume)
    code, out, err = ask("--patient", small.whole, "--out", tmp_path / "out", "--dicom", folder)
    assert (code, out) == (2, "")
    assert "the series is another CT than the patient's in the cohort: both lie on one grid, but " in err
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_not_overwritten(small: Small, series: Path, ask: Ask, tmp_path: Path) -> None:
    shutil.copytree(series, tmp_path / "out" / "dicom")
    code, _, err = ask("--patient", small.whole, "--out", tmp_path / "out", "--dicom", series)
    assert code == 2
    assert err.endswith(
        f"Error: {tmp_path / 'out' / 'dicom'}: exists and is not empty; nothing is ever overwritten.\n"
        "  Name another folder, or remove this one.\n"
    )


def test_something_must_be_asked_for(ask: Ask, tmp_path: Path) -> None:
    code, out, err = ask("--patient", "P001", "--out", tmp_path)
    assert (code, out) == (2, "")
    assert err == "Error: there is nothing to write.\n  Give `--dicom DIR`, `--fhir`, or both.\n"

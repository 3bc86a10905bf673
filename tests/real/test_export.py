"""A published CT with its structure set: mask, maps and pictures lie on the series that the archive holds."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom import dcmread

from mmcare.cli.main import main
from mmcare.formats import rasterise, read_dicom_series, read_mask, read_rtstruct
from tests.explain.conftest import Small, small

__all__ = ["small"]


@pytest.mark.slow
def test_lung1_is_exported_onto_its_own_series(small: Small, lung1: Path, tmp_path: Path) -> None:
    out, series = tmp_path / "out", lung1 / "dicom" / "LUNG1-001"
    words = ["export", small.run.path, "--cohort", lung1, "--patient", "LUNG1-001", "--out", out, "--dicom", series]
    assert main([str(word) for word in (*words, "--fhir")]) == 0
    volume, _ = read_dicom_series(series)
    drawn, _ = rasterise(read_rtstruct(lung1 / "rtstruct" / "LUNG1-001.dcm"), "GTV-1", volume)
    back, _ = read_mask(out / "dicom" / "mask.dcm", None, volume)
    np.testing.assert_array_equal(back, drawn)
    assert drawn.sum() > 1000

    sources = {str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in series.iterdir()}
    maps = sorted((out / "dicom").glob("ct-*.dcm"))
    assert len(maps) == 2
    for path in maps:
        read = highdicom.seg.segread(path)
        (referenced,) = read.ReferencedSeriesSequence
        assert {str(one.ReferencedSOPInstanceUID) for one in referenced.ReferencedInstanceSequence} <= sources
        placed = read.get_volume(allow_missing_positions=True)
        hot = np.argwhere(placed.array.max(axis=-1) > 0.5).mean(0)
        hot_mm = np.diag([-1, -1, 1]) @ (placed.affine[:3, :3] @ hot + placed.affine[:3, 3])
        tumour_mm = volume.affine[:3, :3] @ np.argwhere(drawn).mean(0) + volume.affine[:3, 3]
        assert np.linalg.norm(hot_mm - tumour_mm) < 80  # the crop around the tumour
    for folder in sorted((out / "dicom").glob("*-pictures")):
        shown = [dcmread(path) for path in sorted(folder.iterdir())]
        assert {str(picture.SourceImageSequence[0].ReferencedSOPInstanceUID) for picture in shown} == sources
        assert len(shown) == volume.shape[2] == 134
        colours = np.stack([picture.pixel_array for picture in shown[::20]])
        assert (colours[:, 200:] == colours[:, 200:, :, :1]).all(-1).mean() > 0.5  # grey where there is no map

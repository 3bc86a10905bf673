"""The page of real cohorts: the two LUNG1 patients' outlines, and the counts of MSK 2020."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mmcare.formats import read_mask, read_volume
from mmcare.workflow.cohort_check import look_at_cohort_folder
from mmcare.workflow.cohort_page.page import cohort_page
from mmcare.workflow.cohort_page.render import render_cohort_page
from mmcare.workflow.cohort_page.thumbnail import GAP, TILE, Thumbnail


def enclosed_mm2(drawn: Thumbnail, tile: int) -> float:
    """Area within the outlines of one plane; a hole runs the other way round."""
    area = 0.0
    for path in drawn.outline.split("Z"):
        corners = np.array([[float(n) for n in pair.split()] for pair in re.split("[ML]", path) if pair])
        if len(corners) and int(corners[:, 0].mean() // (TILE + GAP)) == tile:
            x, y = corners.T
            area += float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)
    return abs(area) * (drawn.field_mm / TILE) ** 2


def test_the_outline_encloses_the_mask_of_its_plane(lung1: Path) -> None:
    checked = look_at_cohort_folder(lung1, workers=1, thumbnails=True)
    for looked in checked.images["ct"]:
        patient, drawn = looked.opened.files.patient, looked.thumbnail
        assert drawn is not None and drawn.mask == "drawn"
        volume, _ = read_volume(lung1 / "dicom" / patient)
        mask, _ = read_mask(lung1 / "rtstruct" / f"{patient}.dcm", "GTV-1", volume)
        place = np.round(np.argwhere(mask).mean(axis=0)).astype(int)
        i, j, k = volume.spacing_mm
        due = [mask[:, :, place[2]].sum() * i * j, mask[:, place[1]].sum() * i * k, mask[place[0]].sum() * j * k]
        assert [enclosed_mm2(drawn, tile) for tile in range(3)] == pytest.approx(due, rel=0.03)
    page = render_cohort_page(cohort_page(checked))
    assert page.count("<img ") == 2 and len(page) < 80_000


def test_the_counts_of_msk_2020_are_the_published_ones(msk: Path) -> None:
    page = cohort_page(look_at_cohort_folder(msk))
    assert page.holds is not None
    (rfs,) = page.holds.endpoints
    (surgery,) = rfs.arms
    assert (surgery.n, surgery.events, surgery.unknown, surgery.unusable) == (604, 98, 0, 0)
    lacking = {strip.name: strip.lacking for strip in page.holds.missing.strips}
    assert {name: lacking[name] for name in ("pack_years", "suv_max", "ct_size", "clinical_n", "dlco", "fev1")} == {
        "pack_years": (1,),
        "suv_max": (67,),
        "ct_size": (4,),
        "clinical_n": (2,),
        "dlco": (18,),
        "fev1": (12,),
    }

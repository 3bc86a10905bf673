"""What the parameters promise can be measured in the image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmcare.synthetic import Draw, draw
from mmcare.synthetic.ct import RenderedCT, render

SIZE, SPACING = 40, 1.5


@pytest.fixture(scope="module")
def cohort() -> Draw:
    return draw("heterogeneous", 40, seed=3)


def rendered(cohort: Draw, patient: int = 0, site: int = 3, size: int = SIZE, **ct: float) -> RenderedCT:
    """One patient's CT, some parameters of the nodule replaced; site 3 has the least noise."""
    changed = {}
    for name, value in ct.items():
        values = getattr(cohort.ct, name).copy()
        values[patient] = value
        changed[name] = values
    return render(replace(cohort.ct, **changed), cohort.sites, site, cohort.seed, patient, size, SPACING)


@pytest.mark.parametrize("diameter", [10.0, 20.0, 35.0])
def test_the_volume_of_the_mask_is_that_of_the_diameter(cohort: Draw, diameter: float) -> None:
    for patient in range(3):
        voxels = int(rendered(cohort, patient, diameter_mm=diameter).mask.sum())
        measured = (6 * voxels * SPACING**3 / np.pi) ** (1 / 3)
        assert measured == pytest.approx(diameter, rel=0.03)


def test_the_solid_core_grows_with_the_share_that_is_promised(cohort: Draw) -> None:
    """Diameter of what is denser than halfway between ground glass and tissue; blur takes the rim of a small core."""
    found = []
    for solid in (0.0, 0.3, 0.5, 0.7, 1.0):
        ct = rendered(cohort, diameter_mm=30.0, solid=solid, heterogeneity=0.1)
        dense = (ct.hu > (30 - 620) / 2) & (ct.mask > 0)
        found.append((dense.sum() / ct.mask.sum()) ** (1 / 3))
    assert found == pytest.approx([0.0, 0.3, 0.5, 0.7, 1.0], abs=0.08)


def test_ground_glass_is_seen_between_lung_and_tissue(cohort: Draw) -> None:
    ct = rendered(cohort, diameter_mm=30.0, solid=0.0, pleural_contact=False)
    assert np.median(ct.hu[ct.mask > 0]) == pytest.approx(-620, abs=40)
    assert np.median(ct.hu) == pytest.approx(-860, abs=40)


def test_texture_grows_with_heterogeneity(cohort: Draw) -> None:
    spread = []
    for heterogeneity in (0.05, 0.5, 0.95):
        ct = rendered(cohort, diameter_mm=35.0, solid=1.0, heterogeneity=heterogeneity)
        inner = ct.hu[(ct.mask > 0) & (ct.hu > -200)]
        spread.append(float(inner.std()))
    assert spread[0] < spread[1] < spread[2]


def test_emphysema_is_the_share_of_dark_lung(cohort: Draw) -> None:
    dark = []
    for score in (-4.0, 3.0):
        ct = rendered(cohort, emphysema_score=score, pleural_contact=False)
        dark.append(float((ct.hu[ct.mask == 0] < -915).mean()))
    assert dark[0] < 0.05
    assert 0.15 < dark[1] < 0.40


def test_contact_with_the_pleura(cohort: Draw) -> None:
    """Tissue within 3 mm of the nodule's edge, or none."""
    from scipy.ndimage import distance_transform_edt

    for contact in (True, False):
        ct = rendered(cohort, diameter_mm=20.0, solid=1.0, pleural_contact=contact)
        ring = distance_transform_edt(ct.mask == 0, sampling=SPACING)
        tissue = (ct.hu > -200) & (ring > 3) & (ring < 6)
        assert bool(tissue.any()) is contact


def test_the_scanner_shows_in_noise_and_the_format_is_that_of_a_ct(cohort: Draw) -> None:
    noise = []
    for site in (4, 3):  # protocols 0 and 3: 45 and 12 HU
        ct = rendered(cohort, site=site, emphysema_score=-4.0)
        assert (ct.hu.dtype, ct.mask.dtype) == (np.int16, np.uint8)
        assert ct.hu.min() >= -1024 and ct.hu.max() <= 3071
        noise.append(float(ct.hu[(ct.mask == 0) & (ct.hu < -700)].std()))
    assert noise[0] > 1.5 * noise[1]
    expected = np.diag([SPACING] * 3 + [1.0])
    expected[:3, 3] = -(SIZE - 1) / 2 * SPACING
    np.testing.assert_array_equal(ct.affine, expected)


def test_the_nodule_lies_off_centre_by_six_millimetres_at_most(cohort: Draw) -> None:
    offsets = []
    for patient in range(12):
        ct = rendered(cohort, patient)
        centre = np.argwhere(ct.mask > 0).mean(0) @ ct.affine[:3, :3].T + ct.affine[:3, 3]
        offsets.append(centre)
    assert np.abs(offsets).max() < 6 + 2.5  # an irregular outline moves the centroid a little
    assert np.abs(offsets).mean() > 1.0


def test_a_patient_looks_the_same_in_any_cohort(cohort: Draw) -> None:
    few, more = draw("heterogeneous", 4, seed=3), cohort
    first, second = rendered(few, 2, size=16), rendered(more, 2, size=16)
    np.testing.assert_array_equal(first.hu, second.hu)
    np.testing.assert_array_equal(first.mask, second.mask)

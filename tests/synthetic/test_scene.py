"""The full CT: what the parameters promise is measured back from the voxels of a cohort as it is drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import chi2_contingency, spearmanr

from mmcare.synthetic import Draw, draw
from mmcare.synthetic.ct import RenderedCT
from mmcare.synthetic.fields import power_law_field, smooth_field
from mmcare.synthetic.scene import render_scene, spacing_of

N, SEED, SIZE = 120, 21, 64
SPACING = 96 / SIZE
NOISE_SD = np.array([45.0, 30.0, 18.0, 12.0])


@dataclass(frozen=True)
class Cohort:
    drawn: Draw
    cts: tuple[RenderedCT, ...]

    @property
    def protocol(self) -> np.ndarray:
        return self.drawn.latents.site % 4


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    drawn = draw("heterogeneous", N, SEED)
    sites = drawn.latents.site.tolist()
    return Cohort(drawn, tuple(render_scene(drawn.ct, drawn.sites, sites[i], SEED, i, SIZE) for i in range(N)))


def rendered(drawn: Draw, patient: int, size: int = SIZE, site: int = 3, **ct: float) -> RenderedCT:
    """One patient's CT, some parameters replaced; site 3 has the least noise."""
    changed = {}
    for name, value in ct.items():
        values = getattr(drawn.ct, name).copy()
        values[patient] = value
        changed[name] = values
    return render_scene(replace(drawn.ct, **changed), drawn.sites, site, drawn.seed, patient, size)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def test_the_diameter_can_be_measured(cohort: Cohort) -> None:
    measured = np.array([(6 * ct.mask.sum() * SPACING**3 / np.pi) ** (1 / 3) for ct in cohort.cts])
    said = cohort.drawn.ct.diameter_mm
    assert correlation(measured, said) > 0.999
    np.testing.assert_allclose(measured, said, rtol=0.03)


def test_the_solid_share_can_be_measured(cohort: Cohort) -> None:
    """The share of the nodule that is denser than halfway between ground glass and tissue, as a diameter."""
    measured = np.array([((ct.hu > -295) & (ct.mask > 0)).sum() / ct.mask.sum() for ct in cohort.cts]) ** (1 / 3)
    said = cohort.drawn.ct.solid
    assert set(np.unique(said)) >= {0.0, 1.0} and ((said > 0) & (said < 1)).sum() > 20
    assert correlation(measured[said < 1], said[said < 1]) > 0.98
    large = cohort.drawn.ct.diameter_mm > 15  # thick slices take the rim of a small nodule
    np.testing.assert_allclose(measured[large], said[large], atol=0.1)


def test_texture_can_be_measured(cohort: Cohort) -> None:
    """SD inside solid nodules beyond the scanner's noise, against 8 + 45 heterogeneity."""
    found, said = [], []
    for i, ct in enumerate(cohort.cts):
        inner = ndimage.binary_erosion(ct.mask > 0, iterations=2)
        if cohort.drawn.ct.solid[i] == 1 and inner.sum() > 100:
            beyond = ct.hu[inner].var() - NOISE_SD[cohort.protocol[i]] ** 2
            found.append(np.sqrt(max(float(beyond), 0.0)))
            said.append(8 + 45 * cohort.drawn.ct.heterogeneity[i])
    assert len(found) > 40
    assert correlation(np.array(found), np.array(said)) > 0.8


def test_the_outline_is_as_irregular_as_promised(cohort: Cohort) -> None:
    """Relative SD of the radius is 0.06 + 0.06 spiculation, where voxels are small beside the nodule."""
    found, said = [], []
    for i, ct in enumerate(cohort.cts):
        if cohort.drawn.ct.diameter_mm[i] > 18:
            inside = ct.mask > 0
            surface = np.argwhere(inside & ~ndimage.binary_erosion(inside))
            radius = np.linalg.norm(surface - np.argwhere(inside).mean(0), axis=1)
            found.append(radius.std() / radius.mean())
            said.append(0.06 + 0.06 * cohort.drawn.ct.spiculation[i])
    assert len(found) > 40
    assert correlation(np.array(found), np.array(said)) > 0.6
    assert np.mean(found) == pytest.approx(np.mean(said), rel=0.25)


def test_spicules_stand_around_a_spiculated_nodule(cohort: Cohort) -> None:
    """Dense voxels off the mask that a nodule without spicules lacks: cones of 14 pieces on average, 7 mm3 each."""
    counts = {0.0: 0, 0.99: 0}
    for patient in range(15):
        for spiculation in counts:
            ct = rendered(cohort.drawn, patient, spiculation=spiculation, pleural_contact=False, central=False)
            away = ndimage.distance_transform_edt(ct.mask == 0) * SPACING
            counts[spiculation] += int(((ct.hu > -600) & (away > 1.5) & (away < 8)).sum())
    assert counts[0.99] - counts[0.0] > 15 * 7


def test_emphysema_can_be_measured(cohort: Cohort) -> None:
    """The share of lung below -915 HU once the noise is smoothed away."""
    found = []
    for ct in cohort.cts:
        smooth = ndimage.gaussian_filter(ct.hu.astype(np.float32), 1.0)
        lung = smooth < -700
        found.append((smooth[lung] < -915).mean())
    assert correlation(np.array(found), cohort.drawn.ct.emphysema) > 0.95


def test_contact_with_the_pleura(cohort: Cohort) -> None:
    for contact in (True, False):
        ct = rendered(
            cohort.drawn, 0, diameter_mm=20.0, solid=1.0, spiculation=0.0, pleural_contact=contact, central=False
        )
        away = ndimage.distance_transform_edt(ct.mask == 0) * SPACING
        ring = (away > 3) & (away < 6)
        assert bool((ct.hu[ring] > -200).mean() > 0.05) is contact


def test_a_central_nodule_has_a_large_vessel_beside_it(cohort: Cohort) -> None:
    """12 mm wide and across the whole field: some 10,000 mm3 more of tissue."""
    with_vessel, without = (
        (rendered(cohort.drawn, 0, diameter_mm=20.0, pleural_contact=False, central=central).hu > -200).sum()
        for central in (True, False)
    )
    assert (with_vessel - without) * SPACING**3 > 4_000


def test_less_vessel_where_there_is_more_emphysema(cohort: Cohort) -> None:
    tissue = []
    for score in (-4.0, 3.0):
        cts = [rendered(cohort.drawn, i, emphysema_score=score, central=False) for i in range(8)]
        tissue.append(sum(int((ct.hu > -300).sum()) for ct in cts))
    assert tissue[1] < tissue[0]


@pytest.mark.parametrize("patient", range(3))
def test_both_sizes_show_the_same_scene(cohort: Cohort, patient: int) -> None:
    """Averaged over blocks of 6 mm, noise is gone and the two agree; so do the masks' volumes."""
    coarse, fine = rendered(cohort.drawn, patient, 64), rendered(cohort.drawn, patient, 96)
    assert fine.hu.shape == (96, 96, 96) and coarse.hu.shape == (64, 64, 64)
    np.testing.assert_allclose(coarse.affine[:3, 3] - 0.75, fine.affine[:3, 3] - 0.5)  # the same outer corner
    volumes = [ct.mask.sum() * spacing_of(len(ct.hu)) ** 3 for ct in (coarse, fine)]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.05)
    blocks = [
        ct.hu.reshape(16, len(ct.hu) // 16, 16, len(ct.hu) // 16, 16, -1).mean((1, 3, 5)) for ct in (coarse, fine)
    ]
    assert correlation(blocks[0].ravel(), blocks[1].ravel()) > 0.995
    lung = blocks[1] < -800
    assert correlation(blocks[0][lung], blocks[1][lung]) > 0.9, "the lung's own texture as well"


def test_a_patient_looks_the_same_in_any_cohort(cohort: Cohort) -> None:
    few = draw("crossing", 4, SEED)
    again = render_scene(few.ct, few.sites, int(few.latents.site[2]), SEED, 2, SIZE)
    np.testing.assert_array_equal(again.hu, cohort.cts[2].hu)
    np.testing.assert_array_equal(again.mask, cohort.cts[2].mask)


def test_the_format_is_that_of_a_ct(cohort: Cohort) -> None:
    for ct in cohort.cts:
        assert (ct.hu.dtype, ct.mask.dtype, ct.hu.shape) == (np.int16, np.uint8, (SIZE,) * 3)
        assert ct.hu.min() >= -1024 and ct.hu.max() <= 3071
        assert set(np.unique(ct.mask)) == {0, 1}
        np.testing.assert_array_equal(np.diag(ct.affine), [SPACING, SPACING, SPACING, 1])


def test_the_nodule_lies_off_centre_by_six_millimetres_at_most(cohort: Cohort) -> None:
    centres = np.array([np.argwhere(ct.mask > 0).mean(0) * SPACING + ct.affine[:3, 3] for ct in cohort.cts])
    assert np.abs(centres).max() < 6 + 3  # an irregular outline moves the centroid a little
    assert centres.std(0) == pytest.approx([12 / 12**0.5] * 3, rel=0.25)


def scanner_signs(ct: RenderedCT) -> tuple[float, float]:
    """Log SD of differences between neighbours in the lung, in the plane and along z."""
    values = ct.hu.astype(np.float32)
    lung = values < -780
    across = np.diff(values, axis=0)[lung[1:] & lung[:-1]].std()
    along = np.diff(values, axis=2)[lung[:, :, 1:] & lung[:, :, :-1]].std()
    return float(np.log(across)), float(np.log(along))


def test_a_shortcut_the_scanner_betrays_the_site_and_nothing_of_the_outcome(cohort: Cohort) -> None:
    """Noise tells the protocol of nearly every patient; it goes with no latent, and with the risk under neither arm."""
    signs = np.array([scanner_signs(ct) for ct in cohort.cts])
    first, second = np.arange(N) < N // 2, np.arange(N) >= N // 2
    centres = np.array([signs[first & (cohort.protocol == p)].mean(0) for p in range(4)])
    guessed = np.linalg.norm(signs[second][:, None] - centres, axis=-1).argmin(1)
    assert (guessed == cohort.protocol[second]).mean() > 0.95
    latents = cohort.drawn.latents
    for name in ("smoking", "frailty", "aggressiveness", "radioresistance", "shared"):
        assert spearmanr(signs[:, 0], getattr(latents, name)).pvalue > 0.001, name
    for times in cohort.drawn.times:
        assert spearmanr(signs[:, 0], times.death).pvalue > 0.001


def test_sites_lean_to_a_treatment_and_the_same_patients_would_live_as_long_anywhere(drawn: Draw) -> None:
    site = drawn.latents.site
    share = [(drawn.arm[site == s] == 0).mean() for s in range(1, 9)]
    assert spearmanr(share, drawn.sites.leaning).statistic > 0.7
    for times in drawn.times:
        alive = np.array([(times.death[site == s] > 3).sum() for s in range(1, 9)])
        assert chi2_contingency([alive, np.bincount(site)[1:] - alive]).pvalue > 0.001


@pytest.mark.parametrize("size", [64, 96])
def test_a_field_has_the_sd_that_is_asked_for(size: int) -> None:
    variances = [
        [power_law_field(np.random.default_rng(i), size, 1.5, 25.0).var() for i in range(30)],
        [smooth_field(np.random.default_rng(i), size, 3.0, 40.0).var() for i in range(10)],
    ]
    assert np.mean(variances[0]) ** 0.5 == pytest.approx(25, rel=0.05)
    assert np.mean(variances[1]) ** 0.5 == pytest.approx(40, rel=0.01)


def test_a_field_is_the_same_on_either_grid_and_in_part() -> None:
    """Where voxels of the two grids lie at one place, and in a box of one of them."""
    coarse, fine = (smooth_field(np.random.default_rng(1), size, 5.0, 1.0) for size in (64, 96))
    np.testing.assert_allclose(coarse[::2, ::2, ::2], fine[::3, ::3, ::3], atol=1e-5)
    box = (slice(3, 20), slice(10, 12), slice(40, 64))
    part = smooth_field(np.random.default_rng(1), 64, 5.0, 1.0, box)
    np.testing.assert_allclose(part, coarse[box], atol=1e-6)


def test_a_smooth_field_is_as_smooth_as_its_length_says() -> None:
    """White noise blurred by sigma has the correlation exp(-x^2 / (4 sigma^2)) at distance x; here sigma is 2.5 mm."""
    field = smooth_field(np.random.default_rng(2), 96, 5.0, 1.0)
    for shift in (1, 2, 3, 4):
        expected = np.exp(-(shift**2) / (4 * 2.5**2))
        for axis in range(3):
            assert (field * np.roll(field, shift, axis)).mean() == pytest.approx(expected, abs=0.05)

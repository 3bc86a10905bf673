"""Checks of a CT with its mask: what is found, and what is not found where nothing is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmcare.formats import Volume
from mmcare.formats.image_checks import check_image

TUMOUR = (slice(8, 13), slice(10, 15), slice(4, 8))


@pytest.fixture
def volume() -> Volume:
    """Soft tissue around two lungs; a tumour in one of them. Axes to right, front and head; 2 x 2 x 3 mm."""
    values = np.full((40, 30, 12), -850, dtype=np.int16)
    values[:3] = values[-3:] = values[18:22] = 40
    values[:, :3] = values[:, -3:] = 40
    values[TUMOUR] = 45
    mask = np.zeros(values.shape, dtype=bool)
    mask[TUMOUR] = True
    return Volume(values, np.diag([2.0, 2.0, 3.0, 1.0]), mask)


def codes(volume: Volume) -> list[str]:
    return [finding.code for finding in check_image(volume)]


def test_nothing_is_said_where_nothing_is_wrong(volume: Volume) -> None:
    assert codes(volume) == []
    assert codes(replace(volume, mask=None)) == []
    assert codes(replace(volume, values=volume.values.astype(np.float32))) == []


def test_the_offset_that_was_never_applied(volume: Volume) -> None:
    (finding,) = check_image(replace(volume, values=volume.values + 1024), "P1")
    assert str(finding) == (
        "patient P1: the 1st percentile is 174 HU and the 99th 1064 HU; air is -1000 and soft tissue 0 to 100: it "
        "seems that the rescale intercept was not applied. Subtract 1024 from the values, or export them again."
    )


def test_padding_outside_the_field_of_view_is_no_second_offset(volume: Volume) -> None:
    values = volume.values.copy()
    values[:4] = -3024
    assert codes(replace(volume, values=values)) == []


def test_each_side_at_which_the_ct_ends_is_named(volume: Volume) -> None:
    cut = tuple(slice(place.start, None) for place in TUMOUR)
    part = replace(volume, values=volume.values[cut].copy(), mask=volume.mask[cut].copy())  # type: ignore[index]
    said = [finding.what.split(":")[0] for finding in check_image(part) if finding.code == "cut-tumour"]
    assert said == [f"the CT ends inside the tumour at the {side}" for side in ("left", "back", "feet")]


def test_a_faint_tumour_is_no_flipped_mask(volume: Volume) -> None:
    """A ground-glass nodule of -650 HU, with a vessel at the mirrored place."""
    values = volume.values.copy()
    values[TUMOUR] = -650
    values[::-1][8:13, 10:15, 4:8] = 30
    assert codes(replace(volume, values=values)) == []


def test_a_flipped_mask_and_an_empty_one(volume: Volume) -> None:
    assert codes(replace(volume, mask=volume.mask[::-1].copy())) == ["flipped-mask"]  # type: ignore[index]
    assert codes(replace(volume, mask=np.zeros_like(volume.mask))) == ["empty-mask"]


def in_the_middle(volume: Volume, tumour: slice, hu: int = 45) -> Volume:
    """A crop of lung, 24 voxels wide; the tumour stands a little aside, so that it and its mirror image overlap."""
    where = (tumour, *TUMOUR[1:])
    values, mask = np.full((24, 30, 12), -850, dtype=np.int16), np.zeros((24, 30, 12), dtype=bool)
    values[where], mask[where] = hu, True
    return replace(volume, values=values, mask=mask)


def test_a_mask_flipped_about_the_middle_of_a_crop_is_found_where_the_two_differ(volume: Volume) -> None:
    crop = in_the_middle(volume, slice(8, 14))
    assert codes(crop) == []
    (finding,) = check_image(replace(crop, mask=crop.mask[::-1].copy()), "P1")  # type: ignore[index]
    assert str(finding) == (
        "patient P1: the mask seems flipped left-right: 67% of the mask overlaps with tissue (above -300 HU), mirrored "
        "100%; median inside 45 HU, mirrored 45 HU; of the 33% where the two differ 0% is tissue, mirrored 100%. "
        "Compare CT and mask in a viewer; export the mask again."
    )


def test_a_mask_whose_mirror_image_says_nothing_is_left_alone(volume: Volume) -> None:
    """Symmetric; a faint tumour beside the chest wall; a mask drawn with a margin beside the chest wall."""
    assert codes(in_the_middle(volume, slice(9, 15))) == []
    faint = in_the_middle(volume, slice(8, 14), hu=-600)
    faint.values[14:] = 40
    assert codes(faint) == []
    margin = in_the_middle(volume, slice(8, 14))
    margin.values[8:10], margin.values[15:] = -850, 40
    assert codes(margin) == []


def test_no_check_changes_what_it_looks_at(volume: Volume) -> None:
    before = volume.values.copy(), volume.mask.copy()  # type: ignore[union-attr]
    check_image(volume)
    np.testing.assert_array_equal(volume.values, before[0])
    np.testing.assert_array_equal(volume.mask, before[1])

"""Changes of training crops, by facts that any turning, mirroring and zooming must keep."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from mmcare.components import VolumeBatch
from mmcare_imaging.ct import CT
from mmcare_imaging.plugin import Augmentation, CTConfig

SIZE = (14, 16, 18)
SPACINGS = torch.tensor([[2.0, 2.0, 3.0], [1.5, 2.5, 2.0], [2.0, 2.0, 2.0]])
SLOPE = torch.tensor([4.0, -3.0, 2.0], dtype=torch.float64)  # HU a mm
EVERYTHING = {"flip": True, "rotate_degrees": 25.0, "scale": 0.2, "shift_hu": 0.0}


def places(affine: Tensor) -> Tensor:
    """(b, D, H, W, 3) in mm of every voxel."""
    index = torch.stack(torch.meshgrid(*[torch.arange(n) for n in SIZE], indexing="ij"), -1).double()
    return torch.einsum("bij,dhwj->bdhwi", affine[:, :3, :3], index) + affine[:, None, None, None, :3, 3]


def crops() -> VolumeBatch:
    """Three crops of one world: HU rise evenly in mm, the mask is a ball of 9 mm around the crop's centre."""
    affine = torch.diag_embed(torch.cat([SPACINGS, torch.ones(3, 1)], 1)).double()
    centre = torch.tensor([30.0, -20.0, 10.0], dtype=torch.float64)
    affine[:, :3, 3] = centre - SPACINGS.double() * (torch.tensor(SIZE) - 1) / 2
    at = places(affine)
    values = (at @ SLOPE)[:, None].float()
    mask = ((at - centre).norm(dim=-1) <= 9.0)[:, None].float()
    return VolumeBatch(rows=torch.arange(3), values=values, mask=mask, spacing_mm=SPACINGS.clone(), affine=affine)


def changed(batch: VolumeBatch, augment: object, seed: int = 0) -> VolumeBatch:
    modality = CT(CTConfig.model_validate({"size": SIZE, "augment": augment}))
    generators = [torch.Generator().manual_seed(10 * seed + row) for row in range(len(batch))]
    return modality.augment(batch, generators)


def from_inside(before: VolumeBatch, after: VolumeBatch) -> Tensor:
    """(b, D, H, W), voxels that are seen from within the crop as it was."""
    at = torch.einsum("bij,bdhwj->bdhwi", torch.linalg.inv(before.affine)[:, :3, :3], places(after.affine))
    at = at + torch.linalg.inv(before.affine)[:, None, None, None, :3, 3]
    return ((at >= 0) & (at <= torch.tensor(SIZE) - 1)).all(-1)


@pytest.mark.parametrize("seed", range(4))
def test_every_voxel_still_says_what_is_at_its_place(seed: int) -> None:
    """HU are linear in mm, which interpolation keeps: each must be what the affine's place in mm has."""
    batch = crops()
    after = changed(batch, EVERYTHING, seed)
    inside = from_inside(batch, after)
    assert float(inside.double().mean()) > 0.3
    expected = places(after.affine) @ SLOPE
    torch.testing.assert_close(after.values[:, 0][inside], expected[inside].float(), rtol=0, atol=0.02)
    # beside the rim, where a voxel is partly air, what comes from outside is air
    assert bool((after.values[:, 0][~inside] < batch.values.amax()).all())


def test_the_mask_stays_with_the_image() -> None:
    batch = crops()
    after = changed(batch, EVERYTHING)
    assert set(after.mask.unique().tolist()) == {0.0, 1.0}
    apart = (places(after.affine) - torch.tensor([30.0, -20.0, 10.0], dtype=torch.float64)).norm(dim=-1)
    inside = from_inside(batch, after)
    assert bool((after.mask[:, 0][(apart < 7.0) & inside] == 1).all()), "half a voxel is up to 2 mm here"
    assert bool((after.mask[:, 0][apart > 11.0] == 0).all())


def test_a_turn_is_a_turn_in_mm_whatever_the_spacing() -> None:
    after = changed(crops(), {"flip": False, "rotate_degrees": 30.0})
    columns = after.affine[:, :3, :3] / SPACINGS[:, None].double()
    torch.testing.assert_close(columns.mT @ columns, torch.eye(3).double().expand(3, 3, 3), rtol=0, atol=1e-6)
    torch.testing.assert_close(after.spacing_mm, SPACINGS, rtol=0, atol=1e-5)
    assert not torch.allclose(columns, torch.eye(3).double(), atol=0.01)


def test_a_zoom_keeps_shapes_and_is_told_in_the_spacing() -> None:
    after = changed(crops(), {"flip": False, "scale": 0.3})
    factor = after.spacing_mm / SPACINGS
    torch.testing.assert_close(factor, factor[:, :1].expand(-1, 3))
    assert bool(((factor > 1 / 1.3 - 1e-6) & (factor < 1 / 0.7 + 1e-6)).all())
    assert len(factor[:, 0].unique()) == 3
    torch.testing.assert_close(after.affine[:, :3, :3].norm(dim=1).float(), after.spacing_mm)


def test_hu_are_shifted_as_a_whole_and_noise_is_added_by_voxel() -> None:
    batch = crops()
    shifted = changed(batch, {"flip": False, "shift_hu": 30.0}).values - batch.values
    assert float(shifted.flatten(1).std(1).max()) < 1e-3
    assert bool((shifted.abs() <= 30).all()) and len(shifted.flatten(1).mean(1).unique()) == 3
    noise = changed(batch, {"flip": False, "shift_hu": 0.0, "noise_hu": 20.0}).values - batch.values
    assert bool((noise.flatten(1).std(1) < 21).all()) and bool((noise.flatten(1).std(1) > 0).all())
    assert float(noise.mean().abs()) < 2


def test_a_row_is_decided_by_its_generator_and_not_by_its_mates() -> None:
    batch = crops()
    everything = {**EVERYTHING, "shift_hu": 20.0, "noise_hu": 20.0}
    first, again, other = (changed(batch, everything, seed) for seed in (1, 1, 2))
    assert torch.equal(first.values, again.values) and torch.equal(first.affine, again.affine)
    assert not torch.equal(first.values, other.values)
    alone = batch.take(torch.tensor([2]), torch.tensor([0]))
    modality = CT(CTConfig.model_validate({"size": SIZE, "augment": everything}))
    by_itself = modality.augment(alone, [torch.Generator().manual_seed(12)])
    torch.testing.assert_close(by_itself.values[0], first.values[2])
    torch.testing.assert_close(by_itself.affine[0], first.affine[2])


def test_the_batch_that_is_given_is_left_as_it_is() -> None:
    batch, untouched = crops(), crops()
    changed(batch, {**EVERYTHING, "shift_hu": 20.0, "noise_hu": 20.0})
    for name in ("values", "mask", "affine", "spacing_mm"):
        assert torch.equal(getattr(batch, name), getattr(untouched, name))


def test_bf16_training_does_not_round_hu_or_places() -> None:
    batch = crops()
    expected = changed(batch, EVERYTHING)
    with torch.autocast("cpu", torch.bfloat16):
        found = changed(batch, EVERYTHING)
    for name in ("values", "mask", "affine", "spacing_mm"):
        assert torch.equal(getattr(found, name), getattr(expected, name))


def test_true_is_the_default_map_and_false_is_nothing() -> None:
    batch = crops()
    assert CTConfig().augmentation == CTConfig(augment=True).augmentation == Augmentation()
    assert torch.equal(changed(batch, True).values, changed(batch, {}).values)
    assert changed(batch, False) is batch
    still = {"flip": False, "shift_hu": 0.0}
    assert torch.equal(changed(batch, still).values, batch.values)


def test_what_augment_cannot_be() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        CTConfig.model_validate({"augment": {"rotate": 10}})
    with pytest.raises(ValidationError, match="less than or equal to 180"):
        CTConfig.model_validate({"augment": {"rotate_degrees": 360}})

"""The modality and the encoder keep their contract, and SUV come back at their place in mm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmcare.components import Absent, Fitted, Source, VolumeBatch, VolumeLayout
from mmcare.errors import CohortError
from mmcare.formats import write_nifti
from mmcare.testing import Check, parametrize_with_checks
from mmcare_pet.encoder import PETCNN
from mmcare_pet.modality import PET
from mmcare_pet.plugin import PETCNNConfig, PETConfig


@parametrize_with_checks("mmcare-plugin-pet")
def test_contract(check: Check) -> None:
    check()


HOT_MM = np.array([12.0, -4.0, 4.0])


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """One patient with a hot spot at HOT_MM, on axes to the left and the back, of unequal spacing."""
    affine = np.array([[-4.0, 0, 0, 60], [0, -4, 0, 60], [0, 0, 2, -40], [0, 0, 0, 1]])
    suv = np.ones((31, 31, 41), dtype=np.float32)
    hot = np.rint(np.linalg.inv(affine) @ [*HOT_MM, 1])[:3].astype(int)
    suv[tuple(slice(n - 1, n + 2) for n in hot)] = 9.0
    write_nifti(tmp_path / "P1.nii.gz", suv, affine)
    write_nifti(tmp_path / "P3.nii.gz", 4000 * suv, affine)
    return Source(
        root=tmp_path, key="pet", entry={"files": "{patient}.nii.gz"}, columns={}, patients_file="patients.csv", id="id"
    )


def batch_of(source: Source, modality: PET) -> VolumeBatch:
    raw = modality.read(source, "P1")
    assert not isinstance(raw, Absent)
    return modality.collate([modality.prepare(raw, None)], torch.tensor([0]), Fitted())


def hot_spot_mm(batch: VolumeBatch) -> np.ndarray:
    """Centre of what exceeds SUV 5."""
    middle = torch.nonzero(batch.values[0, 0] > 5).double().mean(0).numpy()
    return (batch.affine[0].numpy() @ [*middle, 1])[:3]


def test_a_hot_spot_stays_at_its_place(source: Source) -> None:
    modality = PET(PETConfig(spacing_mm=3.0, size=(32, 32, 24)))
    batch = batch_of(source, modality)
    assert batch.values.shape == (1, 1, 32, 32, 24) and batch.spacing_mm.tolist() == [[3.0, 3.0, 3.0]]
    assert float(batch.values.max()) == pytest.approx(9.0)
    assert np.abs(hot_spot_mm(batch) - HOT_MM).max() <= 1.5, "half a voxel"


def test_a_flipped_batch_says_so(source: Source) -> None:
    modality = PET(PETConfig(spacing_mm=3.0, size=(32, 32, 24)))
    batch = batch_of(source, modality)
    seen = set()
    for seed in range(8):
        changed = modality.augment(batch, [torch.Generator().manual_seed(seed)])
        seen.add(torch.equal(changed.values, batch.values))
        np.testing.assert_allclose(hot_spot_mm(changed), hot_spot_mm(batch))
    assert seen == {True, False}


def test_a_patient_without_a_file_has_no_pet(source: Source) -> None:
    assert PET(PETConfig()).read(source, "P2") == Absent("no PET")


def test_activity_is_no_suv(source: Source) -> None:
    with pytest.raises(CohortError) as caught:
        PET(PETConfig()).read(source, "P3")
    assert str(caught.value) == (
        f"{source.root / 'P3.nii.gz'}: holds values up to 36,000; SUV stay below 1,000. "
        "Divide activity in Bq/ml by the injected dose a gram of body weight."
    )


def test_tokens_are_cells_of_the_grid() -> None:
    layout = VolumeLayout(size=(20, 16, 8), spacing_mm=(4.0, 4.0, 4.0))
    encoder = PETCNN(PETCNNConfig(channels=(4, 8), dim=6), layout).eval()
    values = torch.zeros(2, 1, 20, 16, 8)
    values[1, 0, 17, 9, 5] = 12.0  # in the cell (4, 2, 1)
    batch = VolumeBatch(
        rows=torch.arange(2),
        values=values,
        mask=torch.ones_like(values),
        spacing_mm=torch.full((2, 3), 4.0),
        affine=torch.eye(4, dtype=torch.float64).repeat(2, 1, 1),
    )
    assert encoder.tokens.grid == (5, 4, 2) and encoder.tokens.stride_voxels == (4, 4, 4)
    difference = (encoder(batch).values[1] - encoder(batch).values[0]).norm(dim=1).reshape(5, 4, 2)
    assert difference[4, 2, 1] == difference.max() > 0
    assert not difference[:3].any(), "what is far from the hot voxel is as without it"

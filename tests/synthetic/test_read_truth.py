"""The truth read back; what is not there is said in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmcare.errors import CohortError
from mmcare.synthetic import Contents, patient_id, read_truth, synthesise


@pytest.mark.parametrize("with_oracle", [True, False])
def test_it_is_what_was_computed(tmp_path: Path, with_oracle: bool) -> None:
    made = synthesise(tmp_path / "cohort", "crossing", 6, 4, Contents(size_voxels=None, oracle=with_oracle))
    found = read_truth(made.cohort)
    assert found.patients == tuple(patient_id(i) for i in range(6))
    assert found.arms == ("sbrt", "surgery")
    np.testing.assert_allclose(found.latent.survival, made.curves.latent.survival, atol=1e-7)
    assert set(found.oracles) == set(made.curves.oracles) and bool(found.oracles) is with_oracle
    for name, oracle in made.curves.oracles.items():
        np.testing.assert_allclose(found.oracles[name].delta, oracle.curves.delta, atol=2e-7)
        np.testing.assert_allclose(found.oracles[name].at(5)[1], oracle.curves.at(5)[1], atol=1e-7)


def test_the_null_world_stays_null(tmp_path: Path) -> None:
    synthesise(tmp_path / "cohort", "null", 4, 4, Contents(size_voxels=None))
    for curves in read_truth(tmp_path / "cohort").oracles.values():
        np.testing.assert_array_equal(curves.delta, 0.0)


def test_a_cohort_without_truth(tmp_path: Path) -> None:
    (tmp_path / "hospital").mkdir()
    with pytest.raises(CohortError) as caught:
        read_truth(tmp_path / "hospital")
    file = tmp_path / "hospital.truth" / "curves.npz"
    assert str(caught.value) == (
        f"{file}: there is no such file: the truth of a synthetic cohort is looked for beside its folder. "
        "Draw the cohort with `mmcare cohort synth`; real cohorts have none."
    )


@pytest.mark.parametrize("spoilt", ["cut", "other", "empty"])
def test_a_damaged_truth(tmp_path: Path, spoilt: str) -> None:
    made = synthesise(tmp_path / "cohort", "null", 3, 4, Contents(size_voxels=None, oracle=False))
    file = made.truth / "curves.npz"
    if spoilt == "cut":
        file.write_bytes(file.read_bytes()[:500])
    elif spoilt == "empty":
        file.write_bytes(b"")
    else:
        np.savez(file, years=np.arange(3))
    kind = {"cut": "BadZipFile", "other": "KeyError", "empty": "EOFError"}[spoilt]
    with pytest.raises(CohortError) as caught:
        read_truth(made.cohort)
    assert str(caught.value) == (
        f"{file}: is damaged, or not what `mmcare cohort synth` writes ({kind}). "
        "Draw the cohort again: the same world, number and seed give the same."
    )

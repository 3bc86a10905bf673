"""Modality dropout: the measured rate, and at least one always stays."""

from __future__ import annotations

import pytest
import torch

from mmcare.training import modalities_to_keep, rates_of


@pytest.mark.parametrize(("rate", "modalities"), [(0.3, 3), (0.2, 2), (0.5, 4)])
def test_the_rate_is_p_minus_p_to_the_m_over_m(rate: float, modalities: int) -> None:
    present = torch.ones(200_000, modalities, dtype=torch.bool)
    names = tuple(f"m{i}" for i in range(modalities))
    keep = modalities_to_keep(present, rates_of(rate, names), torch.Generator().manual_seed(0))
    expected = rate - rate**modalities / modalities
    measured = 1 - keep.double().mean(0)
    torch.testing.assert_close(measured, torch.full_like(measured, expected), atol=0.004, rtol=0)
    assert keep.any(1).all()


def test_what_is_absent_is_never_kept_and_never_put_back() -> None:
    present = torch.tensor([[True, False, False], [False, False, False], [True, True, False]])
    for seed in range(200):
        keep = modalities_to_keep(present, torch.full((3,), 0.9), torch.Generator().manual_seed(seed))
        assert not (keep & ~present).any()
        assert keep[0].tolist() == [True, False, False]
        assert not keep[1].any()
        assert keep[2].any()


def test_a_rate_for_one_modality_leaves_the_others() -> None:
    rates = rates_of({"genomic": 0.5}, ("ct", "clinical", "genomic"))
    assert rates.tolist() == [0.0, 0.0, 0.5]
    present = torch.ones(5000, 3, dtype=torch.bool)
    keep = modalities_to_keep(present, rates, torch.Generator().manual_seed(0))
    assert keep[:, :2].all()
    assert 0.45 < float(keep[:, 2].double().mean()) < 0.55

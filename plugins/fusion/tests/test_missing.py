"""All four fusions: what stands behind a mask, who is absent, and who shares a batch."""

from __future__ import annotations

import pytest
import torch

from mmcare.components import Fusion, Tokens
from mmcare_fusion.concat import Concat
from mmcare_fusion.cross_attention import CrossAttention
from mmcare_fusion.late import Late
from mmcare_fusion.plugin import ConcatConfig, CrossAttentionConfig, LateConfig, WeightedSumConfig
from mmcare_fusion.weighted_sum import WeightedSum

FUSIONS = {
    "cross-attention": lambda *of: CrossAttention(CrossAttentionConfig(dim=8, heads=2), *of),
    "cross-attention, a block at the end": lambda *of: CrossAttention(
        CrossAttentionConfig(dim=8, heads=2, aggregate="attention"), *of
    ),
    "concat": lambda *of: Concat(ConcatConfig(dim=8), *of),
    "weighted-sum": lambda *of: WeightedSum(WeightedSumConfig(dim=8), *of),
    "late": lambda *of: Late(LateConfig(dim=8), *of),
}


@pytest.fixture(params=FUSIONS)
def fusion(request: pytest.FixtureRequest, example) -> Fusion:
    torch.manual_seed(0)
    fusion = FUSIONS[request.param](example.layouts, example.dims).double().eval()
    for parameter in fusion.parameters():  # no weight keeps a special value, such as a map that starts at 0
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return fusion


@pytest.mark.parametrize("value", [float("nan"), 1e6, float("inf")])
def test_values_behind_a_mask_change_no_output_and_no_gradient(fusion: Fusion, example, value: float) -> None:
    found = []
    for behind in (0.0, value):
        fusion.zero_grad()
        spoilt = {
            n: Tokens(torch.where(t.mask[..., None], t.values, behind), t.mask) for n, t in example.tokens.items()
        }
        r = fusion(spoilt)
        assert bool(r.values.isfinite().all())  # absent paths too: a head may compute on them before they are dropped
        torch.where(r.mask[..., None], r.values, 0).square().sum().backward()
        found.append((r, [p.grad.clone() for p in fusion.parameters() if p.grad is not None]))
    (first, gradients), (second, others) = found
    assert torch.equal(first.values, second.values)
    assert torch.equal(first.mask, second.mask)
    assert all(torch.equal(one, other) for one, other in zip(gradients, others, strict=True))


def test_batch_mates_change_nothing(fusion: Fusion, example) -> None:
    with torch.no_grad():
        together = fusion(example.tokens)
        for row in range(4):
            alone = fusion({name: tokens.take(torch.tensor([row])) for name, tokens in example.tokens.items()})
            torch.testing.assert_close(alone.values[0], together.values[row], rtol=0, atol=1e-12)


def test_the_order_of_tokens_changes_nothing(fusion: Fusion, example) -> None:
    turned = {name: Tokens(t.values.flip(1), t.mask.flip(1)) for name, t in example.tokens.items()}
    with torch.no_grad():
        torch.testing.assert_close(fusion(turned).values, fusion(example.tokens).values, rtol=0, atol=1e-12)


def test_an_absent_modality_gets_no_gradient(fusion: Fusion, example) -> None:
    values = {name: t.values.clone().requires_grad_() for name, t in example.tokens.items()}
    r = fusion({name: Tokens(values[name], t.mask) for name, t in example.tokens.items()})
    torch.where(r.mask[..., None], r.values, 0).square().sum().backward()
    for name, tokens in example.tokens.items():
        grad = values[name].grad
        assert float(grad[~tokens.mask].abs().sum()) == 0
        assert bool((grad[tokens.mask].abs().sum(-1) > 0).all())


def test_absence_is_not_a_token_of_zeros(fusion: Fusion, example) -> None:
    zeros = dict(example.tokens)
    there = torch.ones_like(zeros["genomic"].mask)
    zeros["genomic"] = Tokens(torch.where(zeros["genomic"].mask[..., None], zeros["genomic"].values, 0.0), there)
    with torch.no_grad():
        one, other = fusion(example.tokens), fusion(zeros)
    assert not torch.equal(one.mask, other.mask) or float((one.values[1] - other.values[1]).abs().max()) > 1e-3


def test_a_patient_without_any_modality_has_no_path_and_disturbs_nobody(fusion: Fusion, example) -> None:
    nobody = {}
    for name, tokens in example.tokens.items():
        mask = tokens.mask.clone()
        mask[0] = False
        nobody[name] = Tokens(tokens.values, mask)
    with torch.no_grad():
        found, expected = fusion(nobody), fusion(example.tokens)
    assert not bool(found.mask[0].any())
    assert bool(found.values[0].isfinite().all())
    torch.testing.assert_close(found.values[1:], expected.values[1:], rtol=0, atol=1e-12)

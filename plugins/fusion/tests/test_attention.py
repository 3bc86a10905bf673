"""What attention gives to whom, and what can be read of it."""

from __future__ import annotations

import pytest
import torch

from mmcare.components import TokenLayout, Tokens
from mmcare_fusion.attention import Attention, attend, attention_weights
from mmcare_fusion.cross_attention import CrossAttention
from mmcare_fusion.plugin import CrossAttentionConfig


def make(example, **config) -> CrossAttention:
    torch.manual_seed(0)
    config = CrossAttentionConfig(dim=8, heads=2, **config)
    fusion = CrossAttention(config, example.layouts, example.dims).double().eval()
    for parameter in fusion.parameters():  # no weight keeps a special value, such as a map that starts at 0
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return fusion


def test_one_token_a_modality_gets_the_weight_one_whatever_it_holds() -> None:
    """Softmax over one key is 1: pooled modalities leave attention nothing to choose between."""
    layouts = {name: TokenLayout.pooled(name) for name in ("ct", "clinical", "genomic")}
    torch.manual_seed(0)
    fusion = CrossAttention(CrossAttentionConfig(dim=8, heads=2), layouts, dict.fromkeys(layouts, 4)).eval()
    for scale in (1.0, 1000.0):
        tokens = {name: Tokens(scale * torch.randn(5, 1, 4), torch.ones(5, 1, dtype=torch.bool)) for name in layouts}
        with torch.no_grad(), fusion.recording() as seen:
            fusion(tokens)
        assert len(seen) == 2 * 9  # two steps: within three modalities, and between three both ways
        assert all(torch.equal(found.weights, torch.ones(5, 2, 1, 1)) for found in seen.values())


def test_then_no_gradient_reaches_queries_and_keys() -> None:
    attention = Attention(dim=8, heads=2, dropout=0.0).double()
    torch.nn.init.normal_(attention.out.weight)
    one = [
        Tokens(torch.randn(3, 1, 8, dtype=torch.float64, requires_grad=True), torch.ones(3, 1, dtype=torch.bool))
        for _ in range(2)
    ]
    message = attention(*one)
    message.square().sum().backward()
    assert float(attention.query.weight.grad.abs().max()) < 1e-14
    assert float(attention.key.weight.grad.abs().max()) < 1e-14
    assert float(attention.value.weight.grad.abs().max()) > 0


def test_a_query_gets_exactly_nothing_from_a_modality_that_is_wholly_absent() -> None:
    attention = Attention(dim=8, heads=2, dropout=0.0)
    torch.nn.init.normal_(attention.out.weight)
    queries = Tokens(torch.randn(2, 3, 8), torch.ones(2, 3, dtype=torch.bool))
    keys = Tokens(torch.full((2, 4, 8), 1e6), torch.tensor([[False] * 4, [True] * 4]))
    message, weights = attention(queries, keys), attention.weights(queries, keys)
    assert torch.equal(message[0], torch.zeros(3, 8))
    assert torch.equal(weights[0], torch.zeros(2, 3, 4))
    assert message[1].abs().min() > 0
    assert bool(message.isfinite().all())
    torch.testing.assert_close(weights[1].sum(-1), torch.ones(2, 3))


def test_weights_are_read_by_the_names_of_tokens_and_reading_changes_nothing(example) -> None:
    fusion = make(example)
    with torch.no_grad():
        expected = fusion(example.tokens)
        with fusion.recording() as seen:
            found = fusion(example.tokens)
    assert torch.equal(found.values, expected.values)
    genes = seen["step0.clinical<-genomic"]
    assert (genes.queries, genes.keys) == (example.layouts["clinical"].names, example.layouts["genomic"].names)
    assert torch.equal(genes.between("ecog", "TP53"), genes.weights[:, :, 1, 2])
    assert seen["step1.genomic<-ct"].keys == ("(0, 0, 0)", "(0, 1, 0)", "(1, 0, 0)", "(1, 1, 0)")
    assert seen["step0.ct<-ct"].weights.shape == (4, 2, 4, 4)
    with pytest.raises(KeyError, match="ALK"):
        genes.between("ecog", "ALK")


def test_weights_sum_to_one_over_the_real_keys_and_masked_keys_have_none(example) -> None:
    fusion = make(example)
    with torch.no_grad(), fusion.recording() as seen:
        fusion(example.tokens)
    for name, found in seen.items():
        real = example.tokens[name.split("<-")[1]].mask
        assert float(found.weights.masked_fill(real[:, None, None], 0).abs().max()) == 0
        total = found.weights.sum(-1)
        torch.testing.assert_close(total, real.any(1).double()[:, None, None].expand_as(total))


def test_nothing_is_recorded_after_the_context(example) -> None:
    fusion = make(example)
    with fusion.recording() as seen, torch.no_grad():
        fusion(example.tokens)
    before = dict(seen)
    fusion(example.tokens)
    assert seen == before
    assert len(before) == 18


def test_the_fused_kernel_gives_the_weighted_sum_of_values() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 2, n, 4, generator=generator, dtype=torch.float64) for n in (3, 5, 5))
    mask = torch.tensor([[True, False, True, True, False], [False] * 5])
    torch.testing.assert_close(attend(query, key, value, mask), attention_weights(query, key, mask) @ value)


def test_at_first_tokens_keep_what_they_are() -> None:
    """The last map of a message starts at 0, and has a gradient from the first step."""
    attention = Attention(dim=8, heads=2, dropout=0.0).double()
    queries, keys = (
        Tokens(torch.randn(3, n, 8, dtype=torch.float64), torch.ones(3, n, dtype=torch.bool)) for n in (2, 4)
    )
    message = attention(queries, keys)
    assert torch.equal(message, torch.zeros(3, 2, 8, dtype=torch.float64))
    message.sum().backward()
    assert bool((attention.out.weight.grad != 0).any())

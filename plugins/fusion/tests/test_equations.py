"""Eq. 9-15 written out in loops over patients, heads and tokens, beside the component; double precision."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from mmcare_fusion.cross_attention import CrossAttention
from mmcare_fusion.plugin import CrossAttentionConfig

HEADS, DIM = 2, 8


def make(example, seed: int = 0, **config) -> CrossAttention:
    torch.manual_seed(seed)
    config = CrossAttentionConfig(dim=DIM, heads=HEADS, **config)
    fusion = CrossAttention(config, example.layouts, example.dims).double().eval()
    for parameter in fusion.parameters():  # no weight keeps a special value, such as the 1 of a norm
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return fusion


def layer_norm(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    mean = sum(x) / len(x)
    variance = sum((value - mean) ** 2 for value in x) / len(x)
    return (x - mean) / torch.sqrt(variance + norm.eps) * norm.weight + norm.bias


def linear(x: Tensor, layer: nn.Linear) -> Tensor:
    y = torch.stack([sum(w * v for w, v in zip(row, x, strict=True)) for row in layer.weight])
    return y if layer.bias is None else y + layer.bias


def gelu(x: Tensor) -> Tensor:
    return torch.stack([v * 0.5 * (1 + math.erf(float(v) / math.sqrt(2))) for v in x])


def message(attention: nn.Module, query: Tensor, keys: list[Tensor]) -> Tensor:
    """Concat over heads of sum_j softmax_j(q k_j / sqrt(d)) v_j, times W_O (Eq. 9-12); 0 where there is no key."""
    if not keys:
        return torch.zeros(DIM, dtype=torch.float64)
    q = linear(query, attention.query)
    ks, vs = ([linear(key, layer) for key in keys] for layer in (attention.key, attention.value))
    width, heads = DIM // HEADS, []
    for head in range(HEADS):
        part = slice(head * width, (head + 1) * width)
        scores = [math.exp(float(q[part] @ k[part]) / math.sqrt(width)) for k in ks]
        heads.append(sum(score / sum(scores) * v[part] for score, v in zip(scores, vs, strict=True)))
    return linear(torch.cat(heads), attention.out)


def one_patient(fusion: CrossAttention, tokens: dict[str, list[Tensor]]) -> dict[str, list[Tensor]]:
    """The real tokens of one patient after all steps (Eq. 13-14)."""
    own = {
        name: [linear(layer_norm(token, norm), project) for token in tokens[name]]
        for name, (norm, project) in zip(fusion.names, fusion.project, strict=True)
    }
    for step in fusion.steps:
        if fusion.config.self_attention:
            for name, block in zip(fusion.names, step.within, strict=True):
                own[name] = [layer_norm(f + message(block.attention, f, own[name]), block.norm) for f in own[name]]
        new = {}
        for q, name in enumerate(fusion.names):
            new[name] = []
            for f in own[name]:
                total = f
                for k, other in enumerate(fusion.names):
                    if k != q:
                        total = total + message(step.between[f"{q}-{k}"], f, own[other])
                new[name].append(layer_norm(total, step.norms[q]))
        own = new  # all pairs at once: nothing above saw a token of this step
    return own


def aggregated(fusion: CrossAttention, own: dict[str, list[Tensor]]) -> Tensor:
    """Eq. 15."""
    vectors = [
        sum(own[name]) / len(own[name]) if own[name] else missing
        for name, missing in zip(fusion.names, fusion.summaries.missing, strict=True)
    ]
    if fusion.config.aggregate == "mlp":
        first, _, _, last = fusion.aggregate.mlp
        return linear(gelu(linear(torch.cat(vectors), first)), last)
    vectors = [vector + kind for vector, kind in zip(vectors, fusion.aggregate.kind, strict=True)]
    block = fusion.aggregate.block
    seen = [layer_norm(v + message(block.attention, v, vectors), block.norm) for v in vectors]
    return linear(sum(seen) / len(seen), fusion.aggregate.out)


@pytest.mark.parametrize("aggregate", ["mlp", "attention"])
@pytest.mark.parametrize(("steps", "self_attention"), [(1, False), (2, True), (3, False)])
def test_cross_attention_is_the_written_out_one(example, steps: int, self_attention: bool, aggregate: str) -> None:
    fusion = make(example, steps=steps, self_attention=self_attention, aggregate=aggregate)
    with torch.no_grad():
        found = fusion(example.tokens)
        for row in range(4):
            real = {name: list(t.values[row][t.mask[row]]) for name, t in example.tokens.items()}
            expected = aggregated(fusion, one_patient(fusion, real))
            torch.testing.assert_close(found.values[row, 0], expected, rtol=0, atol=1e-10)
    assert found.mask.tolist() == [[True]] * 4

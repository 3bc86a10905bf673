"""Concatenation, weighted sum and late fusion, written out; and what is said of weights that do not fit."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from mmcare.registry import Neighbours
from mmcare_fusion.concat import Concat
from mmcare_fusion.late import Late
from mmcare_fusion.plugin import ConcatConfig, LateConfig, WeightedSumConfig
from mmcare_fusion.weighted_sum import WeightedSum


def mean_of(tokens, row: int) -> Tensor | None:
    real = [value for value, there in zip(tokens.values[row], tokens.mask[row], strict=True) if there]
    return sum(real) / len(real) if real else None


def norm_of(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    mean = float(sum(x)) / len(x)
    sd = math.sqrt(sum((float(value) - mean) ** 2 for value in x) / len(x) + norm.eps)
    return torch.stack([(value - mean) / sd * w + b for value, w, b in zip(x, norm.weight, norm.bias, strict=True)])


def mlp_of(x: Tensor, mlp: nn.Sequential) -> Tensor:
    first, _, _, last = mlp
    hidden = first.weight @ x + first.bias
    hidden = torch.stack([v * 0.5 * (1 + math.erf(float(v) / math.sqrt(2))) for v in hidden])
    return last.weight @ hidden + last.bias


def own_vector(fusion, place: int, mean: Tensor) -> Tensor:
    norm, own = fusion.vectors.maps[place]
    return mlp_of(norm_of(mean, norm), own)


def own_line(fusion, place: int, mean: Tensor) -> Tensor:
    norm, (_, line) = fusion.vectors.maps[place]
    normed = norm_of(mean, norm)
    return normed if isinstance(line, nn.Identity) else line.weight @ normed + line.bias


def perturbed(fusion):
    for parameter in fusion.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return fusion.double().eval()


def test_concat_puts_the_modalities_side_by_side(example) -> None:
    torch.manual_seed(0)
    fusion = perturbed(Concat(ConcatConfig(dim=8), example.layouts, example.dims))
    with torch.no_grad():
        found = fusion(example.tokens).values
        for row in range(4):
            parts = []
            for place, (name, norm) in enumerate(zip(example.dims, fusion.norms, strict=True)):
                mean = mean_of(example.tokens[name], row)
                parts.append(norm_of(fusion.summaries.missing[place] if mean is None else mean, norm))
            torch.testing.assert_close(found[row, 0], mlp_of(torch.cat(parts), fusion.mlp), rtol=0, atol=1e-10)


@pytest.mark.parametrize("mixing", ["learned", {"ct": 2.0, "clinical": 1.0, "genomic": 0.5}])
def test_a_weighted_sum_is_renormalised_over_what_is_present(example, mixing) -> None:
    torch.manual_seed(0)
    fusion = perturbed(WeightedSum(WeightedSumConfig(dim=8, mixing=mixing), example.layouts, example.dims))
    weights = fusion.log_weight.exp().tolist() if mixing == "learned" else list(mixing.values())
    with torch.no_grad():
        found = fusion(example.tokens).values
        for row in range(4):
            total, over = torch.zeros(8, dtype=torch.float64), 0.0
            for place, (name, weight) in enumerate(zip(example.dims, weights, strict=True)):
                if (mean := mean_of(example.tokens[name], row)) is not None:
                    total, over = total + weight * own_vector(fusion, place, mean), over + weight
            torch.testing.assert_close(found[row, 0], total / over, rtol=0, atol=1e-6 if mixing != "learned" else 1e-10)


def test_given_weights_are_not_trained(example) -> None:
    mixing = {"ct": 2.0, "clinical": 1.0, "genomic": 0.5}
    fusion = WeightedSum(WeightedSumConfig(mixing=mixing), example.layouts, example.dims)
    assert "log_weight" not in dict(fusion.named_parameters())
    assert "log_weight" in fusion.state_dict()


def test_late_fusion_has_a_path_a_modality(example) -> None:
    torch.manual_seed(0)
    fusion = perturbed(Late(LateConfig(dim=8), example.layouts, example.dims))
    assert fusion.paths == ("ct", "clinical", "genomic")
    with torch.no_grad():
        found = fusion(example.tokens)
        for row in range(4):
            for place, name in enumerate(example.dims):
                mean = mean_of(example.tokens[name], row)
                assert bool(found.mask[row, place]) == (mean is not None)
                if mean is not None:
                    expected = own_line(fusion, place, mean)
                    torch.testing.assert_close(found.values[row, place], expected, rtol=0, atol=1e-10)


def test_weights_for_other_modalities_are_refused() -> None:
    config = WeightedSumConfig(mixing={"ct": 1.0, "genes": 2.0})
    neighbours = Neighbours({f"modalities.{name}": config for name in ("ct", "clinical")} | {"fusion": config})
    (finding,) = config.check(neighbours)
    assert str(finding) == (
        "mixing: gives weights to ct, genes; the modalities are ct, clinical. "
        "Give each of them a weight above 0, or write `mixing: learned`."
    )
    assert WeightedSumConfig(mixing={"ct": 1.0, "clinical": 2.0}).check(neighbours) == []
    assert WeightedSumConfig().check(neighbours) == []
    with pytest.raises(ValueError, match="greater than 0"):
        WeightedSumConfig(mixing={"ct": 0.0, "clinical": 2.0})

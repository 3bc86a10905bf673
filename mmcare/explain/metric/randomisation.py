"""Model randomisation: an explanation must not survive when what the model learned is destroyed.

Source: Adebayo et al. 2018, Sanity checks for saliency maps, arXiv 1810.03292.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from mmcare.explain.explanation import PatientExplanation
from mmcare.model import Model

__all__ = ["Resemblance", "resemblance", "shuffled_model"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Resemblance:
    """How much explanations of a randomised model resemble those of the trained one.

    Attributes:
        what: `shap` or `saliency`.
        mean_absolute: Mean |Spearman| over patients, a patient's figure being the mean over randomised models.
        patients: How many could be compared.
    """

    what: str
    mean_absolute: float
    patients: int


def shuffled_model(model: Model, seed: int) -> Model:
    """A copy of a model whose weights are shuffled within each tensor: the same numbers, and nothing that was learned.

    Buffers (baseline hazards, running means) stay, so that its figures lie where the model's lie.
    """
    other = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in other.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
    return other


def resemblance(
    trained: Sequence[PatientExplanation], random: Sequence[Sequence[PatientExplanation]]
) -> tuple[Resemblance, ...]:
    """Compare each patient's explanation with those of several randomised models, for the same targets.

    A patient's figure is the mean Spearman correlation over targets and randomised models: of the Shapley values of all
    players together, of the signed saliency of all voxels. Two smooth maps of some dozens of cells correlate by chance,
    either way; over several models chance averages out and resemblance stays. A patient whose values are all equal is
    left out.
    """
    found = []
    for what, values in (("shap", _shap), ("saliency", _maps)):
        each = [_mean(values(mine), [values(other) for other in others]) for mine, others in _pairs(trained, random)]
        known = [abs(value) for value in each if value is not None]
        if known:
            found.append(Resemblance(what, float(np.mean(known)), len(known)))
    return tuple(found)


def _pairs(
    trained: Sequence[PatientExplanation], random: Sequence[Sequence[PatientExplanation]]
) -> zip[tuple[PatientExplanation, Sequence[PatientExplanation]]]:
    return zip(trained, random, strict=True)


def _mean(mine: Sequence[Floats], others: Sequence[Sequence[Floats]]) -> float | None:
    known = [value for theirs in others if (value := _pair(mine, theirs)) is not None]
    return float(np.mean(known)) if known else None


def _pair(mine: Sequence[Floats], theirs: Sequence[Floats]) -> float | None:
    from scipy.stats import spearmanr

    pairs = [(a, b) for a, b in zip(mine, theirs, strict=False) if np.ptp(a) > 0 and np.ptp(b) > 0]
    return float(np.mean([spearmanr(a, b).statistic for a, b in pairs])) if pairs else None


def _shap(explanation: PatientExplanation) -> list[Floats]:
    """The values of all players, by target."""
    targets = dict.fromkeys(part.target for part in explanation.features)
    return [np.concatenate([p.values for p in explanation.features if p.target == target]) for target in targets]


def _maps(explanation: PatientExplanation) -> list[Floats]:
    """The signed maps."""
    return [
        np.asarray(part.values - (0 if part.against is None else part.against), dtype=np.float64).ravel()
        for part in explanation.saliency
    ]

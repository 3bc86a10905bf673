"""The outputs that can be explained, by name, and how they are read off a prognosis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import permutations

import torch
from torch import Tensor

from mmcare.components import EndpointPrognosis, OutcomeLayout, Prognosis
from mmcare.errors import Finding, MMCareError, cut
from mmcare.explain.explanation import Target
from mmcare.spec import DecisionConfig

__all__ = ["all_targets", "default_targets", "parse_targets", "read_targets", "why_not"]


def all_targets(outcomes: OutcomeLayout) -> tuple[Target, ...]:
    """Every endpoint, horizon and arm, and every difference between two arms in the order of their codes."""
    return tuple(
        Target(endpoint.name, horizon, arm, minus)
        for endpoint in outcomes.endpoints
        for horizon in endpoint.horizons
        for arm, minus in _arms(outcomes.arms)
    )


def default_targets(outcomes: OutcomeLayout, decision: DecisionConfig) -> tuple[Target, ...]:
    """All targets at the decision's horizon; of an endpoint without that horizon, at its last one."""
    wanted = {
        e.name: decision.horizon if decision.horizon in e.horizons else e.horizons[-1] for e in outcomes.endpoints
    }
    return tuple(target for target in all_targets(outcomes) if target.horizon == wanted[target.endpoint])


def parse_targets(keys: Iterable[str], outcomes: OutcomeLayout) -> tuple[Target, ...]:
    """The targets of these keys (`os@3:sbrt`, `os@3:surgery-sbrt`); `all` stands for all of them.

    Raises:
        MMCareError: The run has no such output; the message names those it has.
    """
    known = {t.key: t for e in outcomes.endpoints for h in e.horizons for t in _both_ways(e.name, h, outcomes.arms)}
    found: dict[str, Target] = {}
    for key in keys:
        if key != "all" and key not in known:
            raise MMCareError(_unknown(key, all_targets(outcomes)))
        found |= {t.key: t for t in (all_targets(outcomes) if key == "all" else (known[key],))}
    return tuple(found.values())


def read_targets(prognosis: Prognosis, targets: Sequence[Target], outcomes: OutcomeLayout) -> Tensor:
    """(B, T) float64, each target's value for each patient; differentiable."""
    return torch.stack([_read(prognosis, target, outcomes) for target in targets], dim=1)


def why_not(prognosis: Prognosis, target: Target, outcomes: OutcomeLayout) -> str:
    """Why a target cannot be explained for the one patient of `prognosis`; empty where it can."""
    endpoint = prognosis.endpoints.get(target.endpoint)
    if endpoint is None:
        return f"the run does not predict `{target.endpoint}`: of it there is nothing to explain"
    arms = [target.arm] if target.minus is None else [target.arm, target.minus]
    codes = [outcomes.arms.index(arm) for arm in arms]
    if bool(_read(prognosis, target, outcomes).isnan().any()):
        return f"{target.key} is not known: {_why_unknown(endpoint, target.horizon, arms, codes)}"
    if not any(bool(endpoint.personal[code]) for code in codes):
        return f"{target.key} is the arm's average, the same for every patient: there is nothing to explain"
    return ""


def _why_unknown(endpoint: EndpointPrognosis, horizon: float, arms: Sequence[str], codes: Sequence[int]) -> str:
    """Follow-up that is too short, where it is; else what the figure would be made from is missing."""
    ends = {arm: float(endpoint.support_years[code]) for arm, code in zip(arms, codes, strict=True)}
    short = [f"under {arm} at {end:.1f} years" for arm, end in ends.items() if end < horizon]
    if short:
        return f"the training patients' follow-up ends {' and '.join(short)}"
    return "the patient has none of the inputs that the model reads"


def _read(prognosis: Prognosis, target: Target, outcomes: OutcomeLayout) -> Tensor:
    endpoint = prognosis.endpoints[target.endpoint]
    values = endpoint.at_horizons[:, :, endpoint.horizons.index(target.horizon)].double()
    own = values[:, outcomes.arms.index(target.arm)]
    return own if target.minus is None else own - values[:, outcomes.arms.index(target.minus)]


def _arms(arms: Sequence[str]) -> list[tuple[str, str | None]]:
    alone: list[tuple[str, str | None]] = [(arm, None) for arm in arms]
    return alone + [(arm, minus) for code, minus in enumerate(arms) for arm in arms[code + 1 :]]


def _both_ways(endpoint: str, horizon: float, arms: Sequence[str]) -> list[Target]:
    alone = [Target(endpoint, horizon, arm) for arm in arms]
    return alone + [Target(endpoint, horizon, arm, minus) for arm, minus in permutations(arms, 2)]


def _unknown(key: str, targets: Sequence[Target]) -> Finding:
    what = f"the run has no output `{cut(key, 40)}`; it has: {cut(', '.join(t.key for t in targets), 400)}."
    return Finding(what=what, todo="Name one of them, or `all`.", code="no-target")

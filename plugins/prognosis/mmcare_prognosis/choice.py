"""Which model each endpoint gets: the spec's words held against the cohort's endpoints."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from mmcare.components import Endpoint, OutcomeLayout
from mmcare.errors import Finding, SpecError, cut
from mmcare_prognosis.plugin import AgreementConfig, EndpointConfig, ModelName, SingleTaskConfig, TaskConfig

__all__ = ["Choice", "chosen_endpoints"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Model of one endpoint, the weight of its loss, and that of its ranking loss beside it."""

    model: ModelName
    weight: float
    ranking: float = 0.0


def chosen_endpoints(config: TaskConfig, layout: OutcomeLayout) -> Mapping[str, Choice]:
    """The endpoints to model, in the spec's order; the cohort's where the spec names none.

    Raises:
        SpecError: Endpoints that the cohort lacks, or models that do not fit them; all of them at once.
    """
    own = {endpoint.name: endpoint for endpoint in layout.endpoints}
    named = config.chosen(tuple(own))
    findings = [found for name, entry in named.items() if (found := _wrong(config, name, entry, own)) is not None]
    if findings:
        raise SpecError(findings)
    choices = {name: _choice(entry, own[name]) for name, entry in named.items()}
    if config.penalty is not None:
        _check_agreement(config.penalty, choices)
    return choices


_FITTING: Mapping[bool, tuple[ModelName, ...]] = {
    False: ("discrete", "cox", "sigmoid", "bce"),
    True: ("competing-risk", "bce"),
}
"""Models by whether another event can come first; the first is the default."""


def _choice(entry: EndpointConfig, endpoint: Endpoint) -> Choice:
    return Choice(entry.model or _FITTING[endpoint.competing][0], entry.weight, entry.ranking)


def _wrong(config: TaskConfig, name: str, entry: EndpointConfig, own: Mapping[str, Endpoint]) -> Finding | None:
    if name not in own:
        return _unknown(config, name, own)
    competing = own[name].competing
    if entry.model is None or entry.model in _FITTING[competing]:
        return None
    how = "another event can come before it" if competing else "no other event comes before it"
    what = f"`{entry.model}` does not fit `{name}`: in this cohort {how}."
    key = "head.model" if isinstance(config, SingleTaskConfig) else f"head.endpoints.{name}.model"
    todo = f"Write {' or '.join(f'`model: {model}`' for model in _FITTING[competing])}."
    return Finding(key=key, what=what, todo=todo, code="model-misfit")


def _unknown(config: TaskConfig, name: str, own: Mapping[str, Endpoint]) -> Finding:
    key, default = f"head.endpoints.{cut(name, 30)}", "leave `endpoints` out for all of them"
    if isinstance(config, SingleTaskConfig):
        key, default = "head.endpoint", "leave `endpoint` out for the first"
    near = difflib.get_close_matches(name, own, 1)
    hint = f"Write `{near[0]}`." if near else f"Name one of these, or {default}."
    what = f"the cohort has no endpoint `{cut(name, 30)}`; it has: {', '.join(own)}."
    return Finding(key=key, what=what, todo=hint, code="unknown-endpoint")


def _check_agreement(pair: AgreementConfig, choices: Mapping[str, Choice]) -> None:
    needed: tuple[tuple[str, str, ModelName], ...] = (
        ("survival", pair.survival, "discrete"),
        ("local", pair.local, "competing-risk"),
    )
    findings = []
    for key, name, model in needed:
        found = choices[name].model if name in choices else "no model"
        if found != model:
            what = f"`{cut(name, 30)}` has {found}, the penalty needs {model}."
            todo = "Name an endpoint of the head that is modelled so, or leave `agreement` out."
            findings.append(Finding(key=f"head.agreement.{key}", what=what, todo=todo, code="agreement"))
    if findings:
        raise SpecError(findings)

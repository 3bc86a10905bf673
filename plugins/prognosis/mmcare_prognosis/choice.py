"""Which model each endpoint gets: the spec's words held against the cohort's endpoints."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from mmcare.components import Endpoint, OutcomeLayout
from mmcare.errors import Finding, SpecError, cut
from mmcare_prognosis.plugin import AgreementConfig, DualTaskConfig, EndpointConfig, ModelName

__all__ = ["Choice", "chosen_endpoints"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Model and loss weight of one endpoint."""

    model: ModelName
    weight: float


def chosen_endpoints(config: DualTaskConfig, layout: OutcomeLayout) -> Mapping[str, Choice]:
    """The endpoints to model, in the spec's order; all of the cohort's where the spec names none.

    Raises:
        SpecError: Endpoints that the cohort lacks, or models that do not fit them; all of them at once.
    """
    named = config.endpoints or {endpoint.name: EndpointConfig() for endpoint in layout.endpoints}
    own = {endpoint.name: endpoint for endpoint in layout.endpoints}
    findings = [found for name, entry in named.items() if (found := _wrong(name, entry, own)) is not None]
    if findings:
        raise SpecError(findings)
    choices = {name: Choice(entry.model or _default(own[name]), entry.weight) for name, entry in named.items()}
    if config.agreement is not None:
        _check_agreement(config.agreement, choices)
    return choices


def _default(endpoint: Endpoint) -> ModelName:
    return "competing-risk" if endpoint.competing else "discrete"


def _wrong(name: str, entry: EndpointConfig, own: Mapping[str, Endpoint]) -> Finding | None:
    if name not in own:
        near = difflib.get_close_matches(name, own, 1)
        hint = f"Write `{near[0]}`." if near else "Name one of these, or leave `endpoints` out for all of them."
        what = f"the cohort has no endpoint `{cut(name, 30)}`; it has: {', '.join(own)}."
        return Finding(key=f"head.endpoints.{cut(name, 30)}", what=what, todo=hint, code="unknown-endpoint")
    endpoint = own[name]
    if entry.model is None or (entry.model == "competing-risk") == endpoint.competing:
        return None
    how, fits = (
        ("another event can come before it", "competing-risk")
        if endpoint.competing
        else ("no other event comes before it", "discrete` or `model: cox")
    )
    what = f"`{entry.model}` does not fit `{name}`: in this cohort {how}."
    return Finding(key=f"head.endpoints.{name}.model", what=what, todo=f"Write `model: {fits}`.", code="model-misfit")


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

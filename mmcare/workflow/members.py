"""The members of an ensemble: which specs have one, and what distinguishes them."""

from __future__ import annotations

from dataclasses import replace

from mmcare.errors import Finding, SpecError
from mmcare.spec import Spec

__all__ = ["check_members", "member_spec"]


def check_members(spec: Spec, members: int) -> None:
    """Several members are trained of a network alone.

    Raises:
        SpecError: Of something else, or fewer than one.
    """
    if members < 1:
        raise SpecError(Finding(what=f"an ensemble has at least 1 member, found {members}."))
    if members > 1 and spec.kind != "network":
        what = f"the spec {spec.name} describes a {spec.kind}, which is fitted in one way: there is no ensemble of it."
        raise SpecError(Finding(what=what, todo="Leave `--ensemble` out.", code="ensemble"))


def member_spec(spec: Spec, number: int) -> Spec:
    """The spec of a member of an ensemble: a seed of its own, the first has the spec's; all else is the same.

    Split, fitted preprocessing and grid do not depend on that seed.
    """
    if number == 0:
        return spec
    return replace(spec, training=spec.training.model_copy(update={"seed": spec.training.seed + number}))

"""The conformance kit that plugin authors import; pytest does not load it by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmcare.testing.checks import Check, component_checks
from mmcare.testing.head import assert_prognosis
from mmcare.testing.not_applicable import NotApplicable

if TYPE_CHECKING:
    from mmcare.testing.pytest import parametrize_with_checks

__all__ = ["Check", "NotApplicable", "assert_prognosis", "component_checks", "parametrize_with_checks"]


def __getattr__(name: str) -> object:
    if name == "parametrize_with_checks":  # pytest is needed by plugins' tests, not by `mmcare plugin check`
        from mmcare.testing.pytest import parametrize_with_checks

        return parametrize_with_checks
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

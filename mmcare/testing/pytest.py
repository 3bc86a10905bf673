"""Dresses the checks of a distribution's components for pytest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mmcare.registry import discover
from mmcare.testing.checks import Check, component_checks
from mmcare.testing.not_applicable import NotApplicable

__all__ = ["parametrize_with_checks"]


def parametrize_with_checks(distribution: str) -> pytest.MarkDecorator:
    """Parametrise a test's argument `check` with all checks of all components of a distribution.

    Raises:
        LookupError: The distribution offers no component: a test that checks nothing must not pass.
    """
    entries = [entry for entry in discover().entries() if entry.provider.distribution == distribution]
    if not entries:
        raise LookupError(f"{distribution} offers no component; `mmcare plugin list` says why")
    checks = [
        pytest.param(_skipping(check), id=f"{entry.component.kind}:{entry.component.name}: {name}")
        for entry in entries
        for name, check in component_checks(entry)
    ]
    return pytest.mark.parametrize("check", checks)


def _skipping(check: Check) -> Callable[[], None]:
    def run() -> None:
        try:
            check()
        except NotApplicable as reason:
            pytest.skip(str(reason))

    return run

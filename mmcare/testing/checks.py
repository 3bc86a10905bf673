"""The checks that every component must pass: one generator, run by pytest and by `mmcare plugin check` alike.

A check builds the component on small inputs made here from its own layout, and asserts one thing. A plugin's tests:

    import pytest
    from mmcare.testing import parametrize_with_checks

    @parametrize_with_checks("mmcare-plugin-mine")
    def test_contract(check):
        check()
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mmcare.registry import ComponentKind, Entry
from mmcare.testing.baseline import baseline_checks
from mmcare.testing.encoder import encoder_checks
from mmcare.testing.fusion import fusion_checks
from mmcare.testing.head import head_checks
from mmcare.testing.modality import modality_checks
from mmcare.testing.recipe import recipe_checks
from mmcare.testing.record import record_checks
from mmcare.testing.segmenter import segmenter_checks

__all__ = ["Check", "component_checks"]

Check = Callable[[], None]

_CHECKS: dict[ComponentKind, Callable[[Entry], Iterator[tuple[str, Check]]]] = {
    "modality": modality_checks,
    "segmenter": segmenter_checks,
    "encoder": encoder_checks,
    "fusion": fusion_checks,
    "head": head_checks,
    "baseline": baseline_checks,
    "recipe": recipe_checks,
}


def component_checks(entry: Entry) -> Iterator[tuple[str, Check]]:
    """Yield (id, check) for a component.

    A check raises AssertionError where the component breaks its contract, and NotApplicable, with the reason, where
    there is nothing to check.
    """
    yield from record_checks(entry)
    yield from _CHECKS[entry.component.kind](entry)

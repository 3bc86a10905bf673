"""The core's own components keep the contract, like any plugin's."""

from __future__ import annotations

from mmcare.testing import Check, parametrize_with_checks


@parametrize_with_checks("mmcare")
def test_contract(check: Check) -> None:
    check()

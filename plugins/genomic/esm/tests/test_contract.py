"""Every component of this distribution keeps its contract."""

from collections.abc import Callable

from mmcare.testing import parametrize_with_checks


@parametrize_with_checks("mmcare-plugin-esm")
def test_contract(check: Callable[[], None]) -> None:
    check()

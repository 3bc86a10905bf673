"""One draw for all tests of the room; the slow tests take a larger one."""

from __future__ import annotations

import pytest

from mmcare.synthetic import Draw, draw


@pytest.fixture(scope="session")
def drawn() -> Draw:
    """6,000 patients."""
    return draw("heterogeneous", 6_000, seed=11)


@pytest.fixture(scope="session")
def many() -> Draw:
    """100,000 patients; for slow tests."""
    return draw("heterogeneous", 100_000, seed=0)

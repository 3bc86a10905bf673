"""What tests of the core and of its plugins share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.report.browser import browser

__all__ = ["browser"]  # one for the session: a second one finds the first one's event loop


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; without one, tests that need it are skipped."""
    folder = os.environ.get("MMCARE_TEST_DATA")
    if not folder:
        pytest.skip("the environment variable MMCARE_TEST_DATA names no folder of real data")
    return Path(folder)

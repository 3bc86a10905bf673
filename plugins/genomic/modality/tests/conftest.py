"""The folder of real data, where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("MMCARE_TEST_DATA")
    if not folder:
        pytest.skip("the environment variable MMCARE_TEST_DATA names no folder of real data")
    return Path(folder)

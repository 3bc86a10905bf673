"""What `--help` costs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "startup.py"


def test_help_costs_hardly_more_than_a_bare_app() -> None:
    done = subprocess.run([sys.executable, str(BENCHMARK), "3"], capture_output=True, text=True, check=False)
    found = re.fullmatch(r"mmcare --help \d+ ms, bare app \d+ ms of CPU, ratio (\d\.\d\d)\n", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= 1.3 and done.returncode == 0

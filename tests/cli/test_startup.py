"""What `--help` costs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "startup.py"


def test_the_benchmark_measures_and_judges() -> None:
    """The figure itself is read from the benchmark, run alone on a quiet machine."""
    done = subprocess.run([sys.executable, str(BENCHMARK), "1"], capture_output=True, text=True, check=False)
    found = re.fullmatch(r"mmcare --help (\d+) ms, bare app (\d+) ms of CPU, ratio (\d+\.\d\d)\n", done.stdout)
    assert found is not None, done.stderr
    assert done.returncode == (0 if float(found[3]) <= 1.3 else 1)

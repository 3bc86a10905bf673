"""What `mmcare --help` costs, beside a bare Typer and Rich app with as many verbs.

Both run in fresh interpreters, in turn, in one run; the CPU time of the quickest of each counts. Ends with exit code 1
where the ratio is above 1.3.

    python benchmarks/startup.py [REPEATS]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from mmcare.cli.verbs import GROUPS, VERBS

ALLOWED = 1.3
OURS = "import sys; from mmcare.cli.main import main; sys.exit(main(['--help']))"


def bare_app() -> str:
    """Source of an app with the same groups and verbs, and nothing behind them."""
    lines = ["import typer", "app = typer.Typer(help='Bare.', no_args_is_help=True)"]
    for group, summary in GROUPS.items():
        lines += [f"{group} = typer.Typer(help={summary!r})", f"app.add_typer({group}, name={group!r})"]
    for n, verb in enumerate(VERBS):
        lines += [f"@{verb.group or 'app'}.command({verb.name!r})", f"def verb_{n}() -> None:", f"    {verb.summary!r}"]
    return "\n".join([*lines, "app()"])


def cpu_seconds(*command: str) -> float:
    """CPU time of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)  # our own code
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def measure(repeats: int) -> tuple[float, float]:
    """CPU seconds of our help and of the bare app's."""
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(bare_app())
        pairs = [(cpu_seconds("-c", OURS), cpu_seconds(str(bare), "--help")) for _ in range(repeats)]
    return min(ours for ours, _ in pairs), min(theirs for _, theirs in pairs)


def main() -> int:
    """Measure, print, judge."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    ours, theirs = measure(repeats)
    ratio = round(ours / theirs, 2)
    print(f"mmcare --help {1000 * ours:.0f} ms, bare app {1000 * theirs:.0f} ms of CPU, ratio {ratio:.2f}")
    return 0 if ratio <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())

"""`mmcare` in real processes, forked from a server that has torch loaded: a test can send them real signals."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from multiprocessing.context import ForkServerProcess
from pathlib import Path

CHILD = Path(__file__).with_name("child.py")
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_SECONDS = 300

PRELOADED = ("mmcare.workflow.resume", "mmcare.workflow.cohort_cache", "mmcare.cli.train", "lightning", "tensorboard")
"""What every process needs: imported once, before they are forked."""


@dataclass(frozen=True)
class Child:
    """A running `mmcare`."""

    process: ForkServerProcess
    output: Path

    @property
    def stdout(self) -> str:
        return (self.output / "out").read_text() if (self.output / "out").exists() else ""

    @property
    def stderr(self) -> str:
        return (self.output / "err").read_text() if (self.output / "err").exists() else ""

    def cpu_seconds(self) -> float:
        """What it has computed so far: a clock that a busy machine does not put forward."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return float("inf")
        return (int(fields[11]) + int(fields[12])) / TICKS

    def wait_until(self, holds: Callable[[], bool]) -> bool:
        """Wait until something holds, or the process ended; whether it holds."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if not self.process.is_alive() or time.monotonic() > until:
                return holds()
            time.sleep(0.001)
        return True

    def send(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal, to its whole process group as a terminal does, or to it alone."""
        assert self.process.pid is not None
        (os.killpg if group else os.kill)(self.process.pid, number)

    def end(self) -> int:
        """Its exit code; minus the signal where one ended it."""
        self.process.join(PATIENCE_SECONDS)
        assert self.process.exitcode is not None, self.stderr
        return self.process.exitcode


class Processes:
    """Starts `mmcare` processes in a folder.

    Args:
        folder: Where output and cache go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload([*PRELOADED])
        self.numbers = count()

    def start(
        self,
        *words: object,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        largest_file: int = 0,
    ) -> Child:
        """Start `mmcare WORDS`, which may write no file of more than `largest_file` bytes, where one is named."""
        output = self.folder / f"output-{next(self.numbers)}"
        output.mkdir()
        values = {
            "ARGUMENTS": [str(word) for word in words],
            "FOLDER": str(cwd or self.folder),
            "OUTPUT": str(output),
            "LARGEST_FILE": largest_file,
            "ENVIRONMENT": {"MMCARE_CACHE": str(self.folder / "cache"), "COLUMNS": "200", **(environment or {})},
        }
        process = self.context.Process(target=runpy.run_path, args=(str(CHILD), values))
        process.start()
        return Child(process, output)

    def run(self, *words: object, cwd: Path | None = None) -> tuple[int, str, str]:
        """Run `mmcare WORDS` to its end: exit code, stdout, stderr."""
        child = self.start(*words, cwd=cwd)
        return child.end(), child.stdout, child.stderr

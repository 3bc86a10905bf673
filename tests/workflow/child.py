"""What a child process does: `mmcare ARGUMENTS`, its output in files; run by `runpy` with its arguments as globals."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
from pathlib import Path

ARGUMENTS: list[str] = globals()["ARGUMENTS"]
FOLDER: str = globals()["FOLDER"]
OUTPUT: str = globals()["OUTPUT"]
ENVIRONMENT: dict[str, str] = globals()["ENVIRONMENT"]
LARGEST_FILE: int = globals()["LARGEST_FILE"]

multiprocessing.set_start_method(None, force=True)  # as in a process that no server started
os.setpgid(0, 0)  # a group of its own, as a shell gives it: a test can send Ctrl-C to all of it
os.chdir(FOLDER)
os.environ.update(ENVIRONMENT)
for name, number in (("out", 1), ("err", 2)):
    os.dup2(os.open(Path(OUTPUT) / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
if LARGEST_FILE:
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))

from mmcare.cli.main import main  # noqa: E402

sys.exit(main(ARGUMENTS))

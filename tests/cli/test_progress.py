"""Progress: bars on a terminal, plain lines elsewhere, and nothing of what Lightning tells its own developers."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmcare.cli import progress as module
from mmcare.cli.progress import progress, tell

CHILD = """
from mmcare.cli.progress import progress, tell
with progress() as advance:
    for done in range(1, 4):
        advance("epoch 1/2", done, 3)
    tell("epoch 1/2  train loss 0.5")
    advance("epoch 2/2", 1, 3)
print("result")
"""


def test_elsewhere_a_line_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is quick says nothing; what takes long says how far it is, at most every ten seconds."""
    seconds = iter([0.0, 3.0, 10.5, 12.0, 21.0])
    monkeypatch.setattr(module, "monotonic", lambda: next(seconds))
    with progress() as advance:
        for done in range(1, 6):
            advance("reading ct", done, 5)
    tell("done")
    out, err = capsys.readouterr()
    assert out == "" and err == "reading ct: 3/5\nreading ct: 5/5\ndone\n"


def test_on_a_terminal_bars_that_go_and_lines_that_stay(tmp_path: Path) -> None:
    """On stderr alone: what a program reads from stdout holds no progress."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    env.pop("NO_COLOR", None)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, stderr=theirs, env=env, cwd=tmp_path
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            read = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        if not read:
            break
        shown += read
    out = child.communicate()[0]
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert child.returncode == 0 and out == b"result\n"
    assert "epoch 1/2  train loss 0.5\r\n" in text
    assert "epoch 2/2" in text and "1/3" in text
    assert shown.rstrip().endswith((b"\x1b[2K", b"\x1b[?25h")), "the bar is gone at the end"

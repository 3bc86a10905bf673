"""Ctrl-C, or a request to end, lets the step finish; a second one stops at once."""

from __future__ import annotations

import contextlib
import signal
from types import FrameType, TracebackType
from typing import Self

from lightning.pytorch.callbacks import Callback

from mmcare.errors import Finding, Interrupted, Severity
from mmcare.training.callbacks import Tell
from mmcare.training.checkpoint import ResumeCheckpoint

__all__ = ["FinishTheStep"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class AtOnce(BaseException):
    """Stop here. No KeyboardInterrupt: Lightning ends the process at one, with nothing said."""


class FinishTheStep(Callback):
    """Takes the signals while its `with` block runs, and ends training after the step in which one came.

    Args:
        checkpoint: Knows how many epochs are kept.
        command: The command that goes on.
        tell: Where the answer to the first Ctrl-C goes.
    """

    def __init__(self, checkpoint: ResumeCheckpoint, command: str, tell: Tell) -> None:
        self.checkpoint, self.command, self.tell = checkpoint, command, tell
        self.asked = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        with contextlib.suppress(ValueError):  # not in the main thread: Ctrl-C does not come here
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        if isinstance(error, AtOnce | SystemExit):  # Lightning answers SIGTERM by the latter
            raise self._interrupted() from None
        if error is None:
            self._stop_if_asked()

    def on_train_batch_end(self, *arguments: object) -> None:
        """Stop here if asked to."""
        self._stop_if_asked()

    def on_validation_batch_end(self, *arguments: object) -> None:
        """Stop here if asked to."""
        self._stop_if_asked()

    def on_train_epoch_end(self, *arguments: object) -> None:
        """Stop here if asked to; the epoch's checkpoint is written."""
        self._stop_if_asked()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise AtOnce
        self.asked = True
        with contextlib.suppress(RuntimeError):  # the signal came while a line was being written
            self.tell("stopping after this step; Ctrl-C again stops at once.")

    def _stop_if_asked(self) -> None:
        if self.asked:
            raise self._interrupted()

    def _interrupted(self) -> Interrupted:
        match self.checkpoint.finished:
            case 0:
                kept = "no epoch is finished yet, so training will start again with the same split."
            case 1:
                kept = "the finished epoch is kept."
            case n:
                kept = f"{n} finished epochs are kept."
        todo = f"To go on: {self.command}"
        what = f"training was stopped; {kept}"
        return Interrupted(
            Finding(
                file=self.checkpoint.folder.parent, what=what, todo=todo, severity=Severity.WARNING, code="interrupted"
            )
        )

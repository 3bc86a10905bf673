"""How a drafted dictionary leaves a value to the reader."""

from __future__ import annotations

__all__ = ["TODO", "todo"]

TODO = "TODO"
"""How a value begins that is still to be filled in; `cohort check` names each."""


def todo(question: str) -> str:
    """A value that asks `question`."""
    return f"{TODO}: {question}"

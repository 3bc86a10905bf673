"""What the parts of a report have in common: frozen, typed, and nothing in them that JSON cannot say."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict

__all__ = ["Missing", "Part", "finite"]


class Part(BaseModel):
    """A part of a report: unknown keys are refused, nothing changes, no number is NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Missing(Part):
    """A part that this run or patient has not: what is missing and why, and what would bring it.

    Attributes:
        what: One or two sentences.
        command: To type; empty where none helps.
    """

    what: str
    command: str = ""


def finite(value: float) -> float | None:
    """The number as JSON can say it; None where it is not known."""
    return float(value) if math.isfinite(value) else None

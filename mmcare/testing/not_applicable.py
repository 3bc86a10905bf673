"""Raised by a check that has nothing to check."""

from __future__ import annotations

__all__ = ["NotApplicable"]


class NotApplicable(Exception):
    """The component has no such ability; the message says which."""

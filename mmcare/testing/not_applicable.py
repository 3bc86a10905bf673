"""Raised by a check that has nothing to check."""

from __future__ import annotations

__all__ = ["NotApplicable"]


class NotApplicable(Exception):  # noqa: N818 -- it is no error, like unittest's SkipTest
    """The component has no such ability; the message says which."""

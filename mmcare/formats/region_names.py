"""Regions found by name: one rule for structure sets, segmentations and files."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from mmcare.errors import cut

__all__ = ["listed", "matching", "patterns_of"]


def matching(names: Sequence[str], patterns: Sequence[str]) -> list[int]:
    """Places of the names that one of the patterns means, in the order of `names`.

    A pattern means the names that equal it; only if there is none, those that match it with `*` and `?`. Capitals and
    spaces around do not matter.
    """
    folded = [name.strip().casefold() for name in names]
    found: set[int] = set()
    for pattern in patterns:
        wanted = pattern.strip().casefold()
        equal = {place for place, name in enumerate(folded) if name == wanted}
        found |= equal or {place for place, name in enumerate(folded) if fnmatchcase(name, wanted)}
    return sorted(found)


def listed(names: Sequence[str]) -> str:
    """The names in quotes, cut where they are many; `none` where there is none."""
    return cut(", ".join(f"'{name}'" for name in names), 300) or "none"


def patterns_of(patterns: Sequence[str]) -> str:
    """The patterns in words: `'GTV*' or 'ITV'`."""
    return " or ".join(f"'{cut(pattern)}'" for pattern in patterns)

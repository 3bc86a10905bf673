"""Where a change lies, and the stretch of a long protein that a language model is shown around it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Sight", "sight_of", "stretches"]


@dataclass(frozen=True, slots=True)
class Sight:
    """The two stretches that are compared, and the residues of each, counted from its start, that are averaged."""

    reference: str
    mutated: str
    in_reference: tuple[int, int]
    in_mutated: tuple[int, int]


def sight_of(reference: str, mutated: str, width: int, around: int) -> Sight:
    """What is seen of a change.

    The site is the first residue that differs. Stretches begin at multiples of half the width, so that changes near
    one another share the reference's; the site has at least a quarter of the width before it, where the protein has.

    Args:
        reference: The protein.
        mutated: The protein after the change.
        width: Residues of a stretch, at most.
        around: Residues on each side of the site that are averaged.
    """
    site = _first_difference(reference, mutated)
    start = _start(site, max(len(reference), len(mutated)), width)
    first, last = max(0, site - around - start), site + around + 1 - start
    seen, changed = reference[start : start + width], mutated[start : start + width]
    return Sight(seen, changed, (first, min(last, len(seen))), (first, min(last, len(changed))))


def _first_difference(reference: str, mutated: str) -> int:
    pairs = enumerate(zip(reference, mutated, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(reference), len(mutated)))


def _start(site: int, length: int, width: int) -> int:
    if length <= width:
        return 0
    step = width // 2
    return max(0, (site - width // 4) // step * step)


def stretches(length: int, width: int) -> list[tuple[int, int]]:
    """Begin and end of the fewest stretches of at most `width`, of nearly equal length, that cover a sequence."""
    count = max(1, -(-length // width))
    edges = [round(part * length / count) for part in range(count + 1)]
    return list(pairwise(edges))

"""Ways in which a file comes to harm, each by a seed: flipped bits, a cut end, a piece in another place."""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["damaged"]

_HEAD = 3000
"""Bytes in which most headers lie; half of all places are chosen there, for most of a file is pixels."""


def damaged(data: bytes, seed: int) -> bytes:
    """The bytes after one of three kinds of harm; the same seed does the same harm."""
    at = random.Random(seed)
    return _HARMS[seed % len(_HARMS)](data, at)


def _place(data: bytes, at: random.Random) -> int:
    return at.randrange(min(len(data), _HEAD) if at.random() < 0.5 else len(data))


def _flip_bits(data: bytes, at: random.Random) -> bytes:
    """One bit to twenty."""
    changed = bytearray(data)
    for _ in range(at.choice([1, 1, 2, 5, 20])):
        changed[_place(data, at)] ^= 1 << at.randrange(8)
    return bytes(changed)


def _cut(data: bytes, at: random.Random) -> bytes:
    return data[: _place(data, at)]


def _splice(data: bytes, at: random.Random) -> bytes:
    """A piece of the file once more, between what was there or over it."""
    begin, place = _place(data, at), _place(data, at)
    piece = data[begin : begin + at.randrange(1, 400)]
    return data[:place] + piece + data[place + (len(piece) if at.random() < 0.5 else 0) :]


_HARMS: tuple[Callable[[bytes, random.Random], bytes], ...] = (_flip_bits, _cut, _splice)

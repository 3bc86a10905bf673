"""Geometry of small charts: where ticks, paths and words stand. The template makes SVG of it; colours are CSS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np
import numpy.typing as npt

__all__ = ["Chart", "Path", "Scale", "Tick", "Words", "area", "bar", "blocks", "joined", "steps", "ticks"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: its place in px, and what is written there."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Path:
    """A shape: the `d` of an SVG path, CSS classes, and what a pointer at rest is told."""

    d: str
    css: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A text in a chart; `end` where it ends at x."""

    x: float
    y: float
    label: str
    css: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, px from the upper left corner.

    Attributes:
        label: The chart in one sentence, for who cannot see it.
        width: Of the drawing.
        height: Of the drawing.
        box: Left, top, right and bottom of the area of the data.
        x_ticks: Below it.
        y_ticks: Left of it, with a line across.
        paths: The data; later ones lie above.
        words: All other texts.
    """

    label: str
    width: int
    height: int
    box: tuple[float, float, float, float]
    x_ticks: tuple[Tick, ...] = ()
    y_ticks: tuple[Tick, ...] = ()
    paths: tuple[Path, ...] = ()
    words: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from [low, high] to [start, end] px."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a value stands, to 0.1 px."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, about: int = 5, unit: str = "") -> tuple[Tick, ...]:
        """Round numbers within."""
        return tuple(Tick(self(value), f"{value:g}{unit}") for value in ticks(self.low, self.high, about))


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Some round numbers from `low` to `high`: multiples of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    raw = (high - low) / about
    power = 10.0 ** floor(log10(raw))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= raw * 0.999)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [float(f"{n * step:.12g}") for n in range(first, last + 1)]


def steps(times: Floats, values: Floats, start: float, end: float, x: Scale, y: Scale) -> str:
    """A step function that begins at 0 and goes on to `end`; steps that fall on one px are one."""
    d, here, level = [f"M{x(0):g} {y(start):g}"], x(0), y(start)
    for time, value in zip(times, values, strict=True):
        across, up = x(float(time)), y(float(value))
        if up != level:
            d.append(f"H{across:g}V{up:g}" if across != here else f"V{up:g}")
            here, level = across, up
    return "".join([*d, f"H{x(end):g}"])


def area(times: Floats, lower: Floats, upper: Floats, end: float, x: Scale, y: Scale) -> str:
    """The space between two step functions that both begin at 1."""
    there = steps(times, upper, 1.0, end, x, y)
    corners = [(x(0), y(1.0))]
    for time, value in zip(times, lower, strict=True):
        corners += [(x(float(time)), corners[-1][1]), (x(float(time)), y(float(value)))]
    corners.append((x(end), corners[-1][1]))
    return there + "".join(f"L{a:g} {b:g}" for a, b in reversed(_without_repeats(corners))) + "Z"


def _without_repeats(corners: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [corner for n, corner in enumerate(corners) if n == 0 or corner != corners[n - 1]]


def blocks(edges: Floats, heights: Floats, x: Scale, y: Scale) -> str:
    """The outline of a histogram, closed at the bottom."""
    d = [f"M{x(float(edges[0])):g} {y(0):g}"]
    for right, height in zip(edges[1:], heights, strict=True):
        d.append(f"V{y(float(height)):g}H{x(float(right)):g}")
    return "".join([*d, f"V{y(0):g}Z"])


def bar(left: float, top: float, width: float, height: float) -> str:
    """A rectangle."""
    return f"M{left:g} {top:g}h{width:g}v{height:g}h{-width:g}z"


def joined(flags: Iterable[bool]) -> str:
    """A strip of height 1: a block from the first to the last of each run of flags that are set, a flag 1 wide."""
    padded = np.concatenate([[False], np.fromiter(flags, dtype=bool), [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return "".join(bar(int(a), 0, int(b - a), 1) for a, b in zip(edges[::2], edges[1::2], strict=True))

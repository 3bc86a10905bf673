"""The distribution of each predictor by arm: a histogram of numbers, bars of categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.cohort import Cohort
from mmcare.cohort.dictionary import ColumnEntry
from mmcare.workflow.cohort_page.arms import Arm
from mmcare.workflow.cohort_page.drawing import Chart, Path, Scale, Words, bar, blocks

__all__ = ["PredictorPart", "Predictors", "predictors"]

Floats = npt.NDArray[np.float64]
_MOST_CHARTS = 300
"""More of them nobody looks at; about 2 kB each."""
_MOST_BINS, _MOST_LEVELS = 24, 10
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 300, 40, 290, 10, 120


@dataclass(frozen=True, slots=True)
class PredictorPart:
    """One predictor: its chart (None where no value is known), and how many are known by arm."""

    name: str
    unit: str
    after: bool
    known: tuple[tuple[Arm, int, int], ...]
    chart: Chart | None


@dataclass(frozen=True, slots=True)
class Predictors:
    """The predictors that are shown, names of those that are not, and of those that the table does not hold."""

    parts: tuple[PredictorPart, ...]
    left_out: tuple[str, ...]
    absent: tuple[str, ...]


def predictors(cohort: Cohort, arms: Sequence[Arm]) -> Predictors:
    """Every predictor of the dictionary, in its order."""
    named = {n: c for n, c in cohort.dictionary.columns.items() if c.role in ("predictor", "genomic")}
    held = [name for name in named if name in cohort.table.columns]
    shown = held[:_MOST_CHARTS]
    parts = tuple(_part(cohort, name, named[name], arms) for name in shown)
    return Predictors(parts, tuple(held[_MOST_CHARTS:]), tuple(name for name in named if name not in held))


def _part(cohort: Cohort, name: str, entry: ColumnEntry, arms: Sequence[Arm]) -> PredictorPart:
    groups = [arm for arm in arms if len(arm.members)]
    if entry.type == "number":
        values, _ = cohort.table.numbers(name, entry.missing)
        is_known = np.isfinite(values)
        chart = _histogram(name, values, groups) if is_known.any() else None
    else:
        texts = np.array([cell.strip() for cell in cohort.table.column(name)], dtype=object)
        is_known = ~np.isin(texts, ["", *entry.missing])
        chart = _bars(name, texts, is_known, groups) if is_known.any() else None
    known = tuple((arm, int(is_known[arm.members].sum()), len(arm.members)) for arm in groups)
    return PredictorPart(name, entry.unit, entry.available_at == "after", known, chart)


def _histogram(name: str, values: Floats, arms: Sequence[Arm]) -> Chart:
    edges = _edges(values[np.isfinite(values)])
    shares = {}
    for arm in arms:
        known = values[arm.members][np.isfinite(values[arm.members])]
        if len(known):
            shares[arm] = 100 * np.histogram(known, edges)[0] / len(known)
    x = Scale(float(edges[0]), float(edges[-1]), _LEFT, _RIGHT)
    y = Scale(0, max(float(share.max()) for share in shares.values()) * 1.05, _BOTTOM, _TOP)
    paths = tuple(Path(blocks(edges, share, x, y), f"fill {arm.css}", arm.words) for arm, share in shares.items())
    return Chart(
        f"histogram of {name} by arm, in per cent of each arm's known values",
        _WIDTH,
        _BOTTOM + 24,
        (_LEFT, _TOP, _RIGHT, _BOTTOM),
        x_ticks=x.ticks(5),
        y_ticks=y.ticks(3, "%"),
        paths=paths,
    )


def _edges(values: Floats) -> Floats:
    """Bins of equal width: one a whole number where there are few of them, else some as numpy's `auto` chooses."""
    low, high = float(values.min()), float(values.max())
    if np.array_equal(values, np.round(values)) and high - low < _MOST_BINS:
        return np.arange(low, high + 2) - 0.5
    widest = max(2, min(_MOST_BINS, len(np.histogram_bin_edges(values, "auto")) - 1))
    return np.linspace(low, high, widest + 1) if high > low else np.array([low - 0.5, low + 0.5])


def _bars(name: str, texts: npt.NDArray[np.object_], is_known: npt.NDArray[np.bool_], arms: Sequence[Arm]) -> Chart:
    counts = Counter(texts[is_known].tolist())
    levels = [level for level, _ in counts.most_common(_MOST_LEVELS)]
    more = len(counts) - len(levels)
    thick = 7
    row = thick * len(arms) + 8
    bottom = _TOP + row * len(levels)
    x = Scale(0, 100, 120, _RIGHT)
    words = [Words(114, _TOP + row * n + row / 2, _cut(level), "end") for n, level in enumerate(levels)]
    if more:
        words.append(Words(_LEFT, bottom + 36, f"and {more} rarer categories, not drawn", ""))
    return Chart(
        f"shares of {name} by arm, in per cent of each arm's known values",
        _WIDTH,
        bottom + (42 if more else 24),
        (120, _TOP, _RIGHT, bottom),
        x_ticks=x.ticks(4, "%"),
        paths=tuple(_rows(texts, is_known, levels, arms, x, thick)),
        words=tuple(words),
    )


def _rows(
    texts: npt.NDArray[np.object_],
    is_known: npt.NDArray[np.bool_],
    levels: Sequence[str],
    arms: Sequence[Arm],
    x: Scale,
    thick: int,
) -> Iterator[Path]:
    for place, arm in enumerate(arms):
        known = texts[arm.members][is_known[arm.members]]
        for n, level in enumerate(levels):
            share = 100 * float((known == level).mean()) if len(known) else 0.0
            top = _TOP + (thick * len(arms) + 8) * n + 2 + thick * place
            d = bar(x(0), top, max(0.5, round(x(share) - x(0), 1)), thick - 1)
            yield Path(d, f"solid {arm.css}", f"{level}, {arm.words}: {share:.1f} %")


def _cut(text: str) -> str:
    return text if len(text) <= 17 else f"{text[:16]}…"

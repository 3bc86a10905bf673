"""How alike the arms' patients are, as the page shows it: propensity by arm, and a row a covariate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmcare.cohort import Cohort
from mmcare.workflow.cohort_page.arms import Arm
from mmcare.workflow.cohort_page.drawing import Chart, Path, Scale, Words, blocks
from mmcare.workflow.cohort_page.overlap import TRIM, Balance, Overlap, overlap

__all__ = ["AlikePart", "BalanceRow", "alike_part"]

FAR = 0.1
"""A standardised difference above it counts as imbalance (Austin 2009)."""
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 420, 44, 408, 14, 150
_WIDEST = 1.0
_DOTS = 160


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """A covariate: its figures, and where its dots stand in a strip 160 wide (clipped at 1); None: no dot."""

    balance: Balance
    far: bool
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class AlikePart:
    """Overlap of the arms, with a chart an arm whose probability it is (of two arms one).

    Attributes:
        overlap: The figures.
        arms: Those compared.
        others: Arms of too few patients, and patients whose arm is not known.
        charts: Of the propensity.
        rows: A covariate each.
        limits: Where -0.1, 0 and 0.1 stand in a strip.
    """

    overlap: Overlap
    arms: tuple[Arm, ...]
    others: tuple[Arm, ...]
    charts: tuple[Chart, ...]
    rows: tuple[BalanceRow, ...]
    limits: tuple[float, float, float]


def alike_part(cohort: Cohort, arms: Sequence[Arm]) -> AlikePart | None:
    """None where it cannot be asked: fewer than two arms of ten patients, or no predictor that varies."""
    found = overlap(cohort)
    if found is None:
        return None
    by_name: Mapping[str, Arm] = {arm.name: arm for arm in arms}
    compared = tuple(by_name[name] for name in found.arms)
    asked = range(1, 2) if len(compared) == 2 else range(len(compared))
    charts = tuple(_chart(found, compared, place) for place in asked)
    x = Scale(-_WIDEST, _WIDEST, 4, _DOTS - 4)
    others = tuple(arm for arm in arms if arm.name not in found.arms)
    return AlikePart(found, compared, others, charts, tuple(_rows(found, x)), (x(-FAR), x(0), x(FAR)))


def _rows(found: Overlap, x: Scale) -> Iterator[BalanceRow]:
    for balance in found.balance:
        yield BalanceRow(balance, abs(balance.smd) > FAR, _dot(balance.smd, x), _dot(balance.weighted_smd, x))


def _dot(difference: float, x: Scale) -> float | None:
    return None if np.isnan(difference) else x(float(np.clip(difference, -_WIDEST, _WIDEST)))


def _chart(found: Overlap, arms: Sequence[Arm], place: int) -> Chart:
    """Histogram of the probability to receive one arm, of the patients of each arm, in per cent of them."""
    edges = np.linspace(0, 1, 21)
    shares = []
    for code in range(len(arms)):
        values = found.propensity[found.arm == code, place]
        shares.append(100 * np.histogram(values, edges)[0] / len(values))
    x = Scale(0, 1, _LEFT, _RIGHT)
    y = Scale(0, max(float(share.max()) for share in shares) * 1.05, _BOTTOM, _TOP)
    fills = [Path(blocks(edges, s, x, y), f"fill {arm.css}", arm.words) for arm, s in zip(arms, shares, strict=True)]
    trims = [Path(f"M{x(at):g} {_TOP}V{_BOTTOM}", "rule") for at in (TRIM, 1 - TRIM)]
    words = f"probability of {arms[place].words}, from the covariates"
    return Chart(
        f"histogram of the {words}, by arm received",
        _WIDTH,
        _BOTTOM + 42,
        (_LEFT, _TOP, _RIGHT, _BOTTOM),
        x_ticks=x.ticks(5),
        y_ticks=y.ticks(4, "%"),
        paths=(*fills, *trims),
        words=(Words((_LEFT + _RIGHT) / 2, _BOTTOM + 34, words, "middle"),),
    )

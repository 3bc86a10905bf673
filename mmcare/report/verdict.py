"""The advice in a few sentences, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from mmcare.report.choice import Choice, ContrastFigure
from mmcare.report.data import ReportData
from mmcare.report.numbers import signed
from mmcare.report.part import Missing

__all__ = ["Verdict", "verdict"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What stands at the top of the page.

    Attributes:
        arm: Name of the arm advised; None, none is. place: Of it among the arms.
        lines: Sentences.
    """

    arm: str | None
    place: int
    lines: tuple[str, ...]


def verdict(data: ReportData) -> Verdict:
    """Advice with its interval, or the step that failed."""
    if isinstance(data.choice, Missing):
        return Verdict(None, 0, (data.choice.what,))
    names = {arm.key: arm.name for arm in data.arms}
    contrasts = tuple(_contrast(contrast, names) for contrast in data.choice.contrasts)
    if data.choice.arm is not None:
        place = [arm.key for arm in data.arms].index(data.choice.arm)
        return Verdict(names[data.choice.arm], place, (*contrasts, "All steps of the rule hold."))
    return Verdict(None, 0, (*_failed(data.choice), *contrasts))


def _failed(choice: Choice) -> tuple[str, ...]:
    """The first step that failed, and how many more did."""
    failed = [step for step in choice.steps if not step.passed]
    if not failed:
        return ("The rule gives no advice.",)
    more = len(failed) - 1
    rest = f" {more} more {'step fails' if more == 1 else 'steps fail'}, too (see “Choice”)." if more else ""
    return (f"Not fulfilled: “{failed[0].title}”. {failed[0].words}{rest}",)


def _contrast(contrast: ContrastFigure, names: dict[str, str]) -> str:
    """`Utility of surgery less that of SBRT: +4.1 points (90 % interval +1.0 to +7.2).`"""
    arms = f"Utility of {names[contrast.arm]} less that of {names[contrast.minus]}"
    if contrast.delta is None:
        return f"{arms}: unknown."
    if contrast.lower is None or contrast.upper is None:
        return f"{arms}: {signed(contrast.delta)} points; no interval: the run holds no refits, or too few."
    level = "" if contrast.level is None else f"{100 * contrast.level:.0f} % "
    interval = f"{level}interval {signed(contrast.lower)} to {signed(contrast.upper)}"
    return f"{arms}: {signed(contrast.delta)} points ({interval})."

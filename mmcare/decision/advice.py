"""What is advised for one patient, and by which steps; or which step failed, in words."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Advice", "ArmMean", "Contrast", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the rule (STATISTICS: gate, difference, bound, support).

    Attributes:
        name: `confounders`, `gate`, `difference`, `bound`, `overlap`, `distribution`, `pattern`, `support`.
        passed: Whether it holds.
        words: One plain sentence with the figures, such as a report prints.
    """

    name: str
    passed: bool
    words: str


@dataclass(frozen=True, slots=True)
class Contrast:
    """The difference of utility between two arms for one patient.

    Attributes:
        arm: Key. minus: Key of the other.
        delta: U(arm) - U(minus); None where one is not known.
        standard_error: Over bootstrap refits of the heads on stored R, the encoder held fixed; None without refits.
        lower: Lower bound that the rule compares with the margin. upper: The other end of the same two-sided interval.
        bound: Lower 95 % bound of the gate's line at delta; None where there is no gate.
        deltas: The refits' own differences, for a band (empty without refits).
    """

    arm: str
    minus: str
    delta: float | None
    standard_error: float | None
    lower: float | None
    upper: float | None
    bound: float | None
    deltas: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ArmMean:
    """What an arm brings on average over the training patients, shown where no personal advice is given.

    Attributes:
        arm: Key.
        utility: Mean utility if all of them had received it; None where it is not known.
        standard_error: Of the doubly robust mean; None for a mean of predictions.
        source: Where it comes from, in words.
    """

    arm: str
    utility: float | None
    standard_error: float | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """The decision for one patient.

    Attributes:
        patient: Id.
        arm: Key of the arm advised; None, the rule abstains.
        contrasts: Differences, the best arm against each other one.
        steps: All steps in the rule's order.
        means: Of the arms.
        mid: Least difference that matters. weights: Of the endpoints. horizon: Years.
    """

    patient: str
    arm: str | None
    contrasts: tuple[Contrast, ...]
    steps: tuple[Step, ...]
    means: tuple[ArmMean, ...]
    mid: float
    weights: tuple[tuple[str, float], ...]
    horizon: float

    @property
    def failed(self) -> tuple[Step, ...]:
        """The steps that did not hold."""
        return tuple(step for step in self.steps if not step.passed)

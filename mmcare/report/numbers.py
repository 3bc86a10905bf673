"""Numbers and sentences as a page shows them: as many digits as mean something."""

from __future__ import annotations

__all__ = ["decimals", "percent", "points", "sentence", "signed", "value"]

_MINUS = "−"


def decimals(number: float, digits: int = 2) -> str:
    """A number to so many decimals, with a minus that is one, and no sign before a zero."""
    text = f"{abs(number):.{digits}f}"
    return text if number >= 0 or float(text) == 0 else f"{_MINUS}{text}"


def percent(number: float) -> str:
    """A percentage without its sign: whole, and bounded where a whole one would claim certainty."""
    if 99.5 < number < 100:
        return "> 99"
    if 0 < number < 0.5:
        return "< 1"
    return f"{number:.0f}"


def points(difference: float) -> str:
    """A difference of two probabilities in percentage points, with its sign."""
    number = round(100 * difference)
    return "0 points" if number == 0 else f"{'+' if number > 0 else _MINUS}{abs(number)} points"


def signed(difference: float) -> str:
    """A difference of two probabilities in points to a tenth, with its sign."""
    text = f"{abs(100 * difference):.1f}"
    return text if float(text) == 0 else f"{'+' if difference > 0 else _MINUS}{text}"


def value(number: float | str) -> str:
    """A value of the data: a number in up to four significant digits, a text as it is."""
    if isinstance(number, str):
        return number
    return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.4g}".replace("-", _MINUS)


def sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".") if text else ""

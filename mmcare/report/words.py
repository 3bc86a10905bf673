"""Plain words for endpoints, horizons and chances."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EndpointWords", "arm_of", "kind_of", "of_hundred", "within", "words_of", "years"]


@dataclass(frozen=True, slots=True)
class EndpointWords:
    """How a reader is told of an endpoint.

    Attributes:
        name: As a heading.
        are: What those are who had no event, after "of 100 patients about 62": `are alive`.
        event: What the event is called.
    """

    name: str
    are: str
    event: str


_KNOWN = {
    "os": EndpointWords("Overall survival", "are alive", "death"),
    "lc": EndpointWords("Local control", "have had no local failure", "local failure"),
    "pfs": EndpointWords("Progression-free survival", "are alive without progression", "progression or death"),
    "dfs": EndpointWords("Disease-free survival", "are alive and free of disease", "recurrence or death"),
}
_KINDS = {"ct": "CT", "pet": "PET", "mri": "MRI"}
_ARMS = {"sbrt": "SBRT"}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def words_of(endpoint: str) -> EndpointWords:
    """The words for an endpoint's key; of a key that we do not know, the key itself."""
    return _KNOWN.get(endpoint.casefold(), EndpointWords(endpoint, f"have had no event of “{endpoint}”", endpoint))


def within(endpoint: str) -> str:
    """The name within a sentence: `overall survival`; a key that has no name of its own, as it is."""
    name = words_of(endpoint).name
    return name if name == endpoint else name[:1].lower() + name[1:]


def kind_of(modality: str) -> str:
    """`CT`; a modality's key that is no such acronym, as it is."""
    return _KINDS.get(modality, modality)


def arm_of(arm: str) -> str:
    """The name of an arm for which the cohort has none."""
    return _ARMS.get(arm, arm)


def years(horizon: float) -> str:
    """`one year`, `three years`, `2.5 years`."""
    if horizon == 1:
        return "one year"
    whole = int(horizon)
    return f"{_NUMBERS[whole] if whole == horizon and whole < len(_NUMBERS) else f'{horizon:g}'} years"


def of_hundred(endpoint: str, horizon: float, probability: float) -> str:
    """`Of 100 patients like this one, about 62 are alive after three years.`"""
    number = round(100 * probability)
    count = "more than 99" if probability > 0.995 else "fewer than 1" if probability < 0.005 else f"about {number}"
    return f"Of 100 patients like this one, {count} {words_of(endpoint).are} after {years(horizon)}."

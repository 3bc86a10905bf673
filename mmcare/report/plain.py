"""Sentences of other rooms as a reader of the page knows things: names in place of keys, numbers typeset."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from mmcare.report.numbers import signed
from mmcare.report.words import kind_of, within, words_of

__all__ = ["Plain", "typeset"]

_SAID = {
    "the arm's average": "the treatment's average",
    "arm average": "average of the treatment",
    "of each arm": "of each treatment",
}


def typeset(text: str) -> str:
    """A minus that is one, a cross between lengths, and no line break between a number and its percent sign."""
    text = re.sub(r"(?<![\w.,-])-(?=\d)", "−", text)
    text = re.sub(r"(?<=\d) x (?=\d)", " × ", text)
    return re.sub(r"(?<=\d) %", "\u00a0%", text)


@dataclass(frozen=True)
class Plain:
    """Says sentences about a run's arms, endpoints and modalities in the page's words, utilities in points of 100.

    A key is replaced only where our own sentences have one ("under KEY", "KEY over", "KEY 17 %"), for it may be a word
    like any other.

    Attributes:
        arms: Names by key. endpoints: Keys. modalities: Keys.
    """

    arms: Mapping[str, str]
    endpoints: tuple[str, ...]
    modalities: tuple[str, ...]

    def __call__(self, text: str) -> str:
        """The sentence with names, typeset."""
        return typeset(_in_points(_without_jargon(self._names.sub(self._name, text))))

    @cached_property
    def _names(self) -> re.Pattern[str]:
        arm, endpoint, modality = (_any(keys) for keys in (self.arms, self.endpoints, self._images))
        return re.compile(
            rf"(?:(?<=\bunder )|(?<=\bover ))(?P<arm>{arm})(?![\w-])"
            rf"|(?<![\w-])(?P<before>{arm})(?= over | \d+ %)"
            rf"|(?<![\w-])(?P<endpoint>{endpoint})(?= under | at [\d.]+ years?\b)"
            rf"|(?<=\bpart of )(?P<part>{endpoint})(?![\w-])"
            rf"|(?<![\w/.-])(?P<modality>{modality})(?![\w/.-])"
        )

    @property
    def _images(self) -> list[str]:
        return [key for key in self.modalities if kind_of(key) != key]

    def _name(self, found: re.Match[str]) -> str:
        key = found[0]
        match found.lastgroup:
            case "arm" | "before":
                return self.arms[key]
            case "modality":
                return kind_of(key)
            case _:
                begins = found.start() == 0 or found.string[: found.start()].endswith(". ")
                return words_of(key).name if begins else within(key)


def _without_jargon(text: str) -> str:
    """An arm is a treatment to the reader; what is typed stands in quotation marks."""
    for ours, theirs in _SAID.items():
        text = text.replace(ours, theirs)
    return re.sub("`([^`]*)`", r"“\1”", text)


def _in_points(text: str) -> str:
    """Differences of utility, which the rule writes as `+0.135`, as the rest of the page has them."""
    text = re.sub(r"(?<![\w.])[+-]\d\.\d{3}(?!\d)", lambda found: f"{signed(float(found[0]))} points", text)
    return re.sub(
        r"more than (0\.\d+) matters", lambda found: f"more than {100 * float(found[1]):g} points matter", text
    )


def _any(keys: Iterable[str]) -> str:
    """Any of the keys, the longest first; nothing, where there is none."""
    return "|".join(re.escape(key) for key in sorted(keys, key=len, reverse=True)) or r"(?!)"

"""What may become of one element: each rule makes a new value, or none; nothing is ever copied unseen.

A rule is called with the item that holds the element, so that it reads what it needs and no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mmcare.cohort.deidentify.held_back import CLASSES
from mmcare.cohort.deidentify.pseudonyms import Pseudonyms
from mmcare.cohort.deidentify.values import one_text, texts
from mmcare.cohort.deidentify.vocabulary import is_kernel, is_model, is_region, maker, named_after

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = [
    "Allowed",
    "Become",
    "Codes",
    "Context",
    "Items",
    "Rule",
    "among",
    "constant",
    "first",
    "kernel",
    "known_maker",
    "known_model",
    "mapped_uid",
    "new_patient",
    "number",
    "pixels",
    "pointer",
    "region",
    "registered_uid",
    "shifted",
    "whole",
]

Does = Literal["keep", "clean", "map", "shift", "replace"]
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Context:
    """What rules know beside the item.

    Attributes:
        pseudonyms: New ids, UIDs and dates.
        patient: Original id of the patient.
        regions: Patterns of further region names, after which those that match are named.
    """

    pseudonyms: Pseudonyms
    patient: str
    regions: Sequence[str] = ()


Make = Callable[["Dataset", str, Context], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """How the new values of an element are made.

    Attributes:
        does: `keep` what has the one form allowed, `clean` what is free text, `map` a UID or id, `shift` a date,
            `replace` whatever is there.
        make: From item, keyword and context to the new values as texts; none where the element is to be left out.
    """

    does: Does
    make: Make


@dataclass(frozen=True, slots=True)
class Items:
    """The items of a sequence, made anew from what is allowed in each."""

    allowed: tuple[Allowed, ...]


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of a sequence that the standard's own dictionary holds, with its words for them.

    Attributes:
        otherwise: Value, scheme and meaning of the code that stands where none is left; None: the sequence is left out.
    """

    otherwise: tuple[str, str, str] | None = None


Become = Rule | Items | Codes


@dataclass(frozen=True, slots=True)
class Allowed:
    """One line of the allow-list.

    Attributes:
        keyword: The element.
        rule: What becomes of it.
        needed: Without a value the object means nothing, so that it is held back.
        empty: Written without a value where there is none (type 2).
        exact: May be absent, but where it is there and not of the form allowed, the object is held back.
    """

    keyword: str
    rule: Become
    needed: bool = False
    empty: bool = False
    exact: bool = False


def number(low: float, high: float, count: int | None = None) -> Rule:
    """Numbers within bounds; `count` of them, or any number of them."""

    def make(item: Dataset, keyword: str, _: Context) -> Sequence[str]:
        values = texts(item, keyword)
        good = count is None or len(values) == count
        return list(values) if good and all(_within(v, _DECIMAL, low, high) for v in values) else []

    return Rule("keep", make)


def whole(low: int, high: int, count: int | None = 1) -> Rule:
    """Whole numbers within bounds; one by default."""

    def make(item: Dataset, keyword: str, _: Context) -> Sequence[str]:
        values = texts(item, keyword)
        good = count is None or len(values) == count
        return [str(int(v)) for v in values] if good and all(_within(v, _WHOLE, low, high) for v in values) else []

    return Rule("keep", make)


def among(*words: str) -> Rule:
    """Those of the values that are among some words."""

    def make(item: Dataset, keyword: str, _: Context) -> Sequence[str]:
        return [value for value in texts(item, keyword) if value in words]

    return Rule("keep", make)


def constant(value: str) -> Rule:
    """One value, whatever is there; the empty text for a type-2 element."""
    return Rule("replace", lambda item, keyword, context: [value])


def first(*rules: Rule) -> Rule:
    """The values of the first rule that gives some; it does what the least keeping of them does."""

    def make(item: Dataset, keyword: str, context: Context) -> Sequence[str]:
        return next((made for made in (rule.make(item, keyword, context) for rule in rules) if made), [])

    return Rule(rules[0].does, make)


def region(kind: str, number_in: str) -> Rule:
    """A name made of known words; else one after a pattern of the user; else `kind-n`.

    The number is the item's own, in the element `number_in`.
    """

    def make(item: Dataset, keyword: str, context: Context) -> Sequence[str]:
        name, n = one_text(item, keyword), one_text(item, number_in)
        if is_region(name):
            return [name]
        if not _WHOLE.fullmatch(n):
            return []
        return [named_after(name, context.regions, int(n)) or f"{kind}-{int(n)}"]

    return Rule("clean", make)


def _mapped(item: Dataset, keyword: str, context: Context) -> Sequence[str]:
    return [uid if _registered(uid) else context.pseudonyms.uid(uid) for uid in texts(item, keyword) if uid]


def _shifted(item: Dataset, keyword: str, context: Context) -> Sequence[str]:
    moved = [context.pseudonyms.date(date, context.patient) for date in texts(item, keyword)[:1]]
    return [date.replace(".", "").replace("-", "") for date in moved if date is not None and date[:4].isdigit()]


def _pointers(item: Dataset, keyword: str, _: Context) -> Sequence[str]:
    """Tags of the standard's dictionary, as `0x00620002`."""
    from pydicom.datadict import dictionary_has_tag

    try:
        tag = int(item[keyword].value)
    except Exception:  # what is no tag raises whatever it makes pydicom stumble over
        return []
    return [f"{tag:#010x}"] if dictionary_has_tag(tag) else []


def _clean(test: Callable[[str], bool]) -> Rule:
    return Rule("clean", lambda item, keyword, context: [v for v in texts(item, keyword) if test(v)])


mapped_uid = Rule("map", _mapped)
registered_uid = Rule("keep", lambda item, keyword, context: [v for v in texts(item, keyword) if _registered(v)])
new_patient = Rule("map", lambda item, keyword, context: [context.pseudonyms.patient(context.patient)])
shifted = Rule("shift", _shifted)
pointer = Rule("keep", _pointers)
kernel = _clean(is_kernel)
known_model = _clean(is_model)
known_maker = Rule("clean", lambda item, keyword, context: [m for v in texts(item, keyword)[:1] if (m := maker(v))])
pixels = Rule("keep", lambda item, keyword, context: [])
"""A mark: the pixel data are made by `exact_pixels`."""


def _within(text: str, form: re.Pattern[str], low: float, high: float) -> bool:
    return form.fullmatch(text) is not None and low <= float(text) <= high


def _registered(uid: str) -> bool:
    """Whether the standard itself gave the UID a meaning: it says nothing of a patient."""
    from pydicom.uid import UID_dictionary

    return uid in UID_dictionary or uid in CLASSES

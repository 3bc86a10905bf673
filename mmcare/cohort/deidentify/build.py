"""A new data set from an old one: made element by element from the allow-list, never a copy with holes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mmcare.cohort.deidentify.held_back import HeldBack, HeldBackError
from mmcare.cohort.deidentify.rules import Allowed, Codes, Context, Items, Rule, pixels
from mmcare.cohort.deidentify.values import datasets, is_filled, one_text, texts

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["build", "code_item"]

_INTEGERS = ("US", "SS", "UL", "SL", "UV", "SV", "AT")
_LONGEST_DECIMAL = 16
"""Characters of a DS value: DICOM PS3.5, table 6.2-1."""


def build(source: Dataset, allowed: Iterable[Allowed], context: Context) -> Dataset:
    """What is allowed of `source`, made anew; the pixel data are left to the caller.

    Raises:
        HeldBackError: An element without which the object means nothing is absent or not of the form allowed.
    """
    from pydicom import Dataset as New

    target = New()
    for entry in allowed:
        if entry.rule is not pixels:
            _put(target, source, entry, context)
    return target


def _put(target: Dataset, source: Dataset, entry: Allowed, context: Context) -> None:
    value = _value(source, entry, context)
    if value:
        _add(target, entry.keyword, value, source)
    elif entry.needed or (entry.exact and is_filled(source, entry.keyword)):
        found = "not of the form that is allowed" if is_filled(source, entry.keyword) else "absent"
        what = f"{entry.keyword} is {found}."
        raise HeldBackError(HeldBack("damaged", what, "Export it again."))
    elif entry.empty:
        _add(target, entry.keyword, [], source)


def _value(source: Dataset, entry: Allowed, context: Context) -> Sequence[Any]:
    if isinstance(entry.rule, Items):
        return [build(item, entry.rule.allowed, context) for item in datasets(source, entry.keyword)]
    if isinstance(entry.rule, Codes):
        return _codes(source, entry.keyword, entry.rule)
    return _split(entry.rule, source, entry.keyword, context)


def _split(rule: Rule, source: Dataset, keyword: str, context: Context) -> Sequence[str]:
    """A value of several parts may come as one text, as DICOM writes it."""
    return [part for value in rule.make(source, keyword, context) for part in value.split("\\")]


def _add(target: Dataset, keyword: str, value: Sequence[Any], source: Dataset) -> None:
    from pydicom import DataElement
    from pydicom.datadict import dictionary_VR, tag_for_keyword

    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    vr = dictionary_VR(tag)
    if vr == "US or SS":
        vr = "SS" if texts(source, "PixelRepresentation") == ("1",) else "US"
    parts = list(value) if vr == "SQ" else [_of_vr(part, vr) for part in value]
    target.add(DataElement(tag, vr, parts if len(parts) != 1 or vr == "SQ" else parts[0]))


def _of_vr(text: str, vr: str) -> str | int | float:
    if vr in _INTEGERS:
        return int(text, 0) if text.startswith("0x") else int(text)
    if vr in ("FD", "FL"):
        return float(text)
    if vr == "DS" and len(text) > _LONGEST_DECIMAL:
        from pydicom.valuerep import format_number_as_ds

        return str(format_number_as_ds(float(text)))
    return text


def _codes(source: Dataset, keyword: str, rule: Codes) -> list[Dataset]:
    """The items with a code that the standard's dictionary holds; its words, not the file's."""
    found = [code for item in datasets(source, keyword) if (code := _known(item)) is not None]
    if not found and rule.otherwise is not None:
        found = [rule.otherwise]
    return [code_item(*code) for code in found]


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    """An item of a code sequence (DICOM PS3.3, table 8.8-1)."""
    from pydicom import Dataset as New

    item = New()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _known(item: Dataset) -> tuple[str, str, str] | None:
    value, scheme = (one_text(item, key) for key in ("CodeValue", "CodingSchemeDesignator"))
    meaning = _meanings(scheme).get(value) if scheme in ("SCT", "DCM") else None
    return (value, scheme, meaning) if meaning is not None else None


@lru_cache(maxsize=4)
def _meanings(scheme: str) -> dict[str, str]:
    """Words by code, as DICOM PS3.16 lists them."""
    from pydicom.sr.codedict import Collection

    return {code.value: code.meaning for code in Collection(scheme).concepts.values()}

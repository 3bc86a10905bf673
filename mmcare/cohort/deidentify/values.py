"""The values of one DICOM element, read with suspicion: what cannot be read is none."""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["datasets", "is_filled", "one_text", "texts"]


def texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of an element as texts without padding; none where it is absent, empty or cannot be read."""
    from pydicom import Dataset as Items
    from pydicom.datadict import dictionary_VR
    from pydicom.dataelem import RawDataElement

    try:
        element: Any = dataset.get_item(keyword)
        # Numbers as text stay as they are: pydicom's own number objects would take a hundred times as long.
        if isinstance(element, RawDataElement) and dictionary_VR(element.tag) in ("DS", "IS") and element.value:
            return tuple(part.decode("ascii").strip(" \0") for part in element.value.split(b"\\"))
        value = dataset[keyword].value if element is not None else None
    # pydicom raises whatever a damaged element makes it stumble over.
    except Exception:
        return ()
    # An item where a text is due has none; to ask for one would have pydicom read all that is within.
    return tuple(_text(part) for part in _parts(value) if not isinstance(part, Items))


def one_text(dataset: Dataset, keyword: str) -> str:
    """The first value of an element as text; empty where there is none."""
    return next(iter(texts(dataset, keyword)), "")


def datasets(dataset: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """The items of a sequence; none where it is absent, empty, no sequence or cannot be read."""
    from pydicom import Dataset as Item

    try:
        value = dataset[keyword].value if keyword in dataset else None
    except Exception:
        return ()
    return tuple(part for part in _parts(value) if isinstance(part, Item))


def is_filled(dataset: Dataset, keyword: str) -> bool:
    """Whether an element is there with any value, readable or not."""
    try:
        element: Any = dataset.get_item(keyword)
        value = None if element is None else element.value
        return value is not None and (not hasattr(value, "__len__") or len(value) > 0)
    except Exception:
        return True


def _parts(value: Any) -> tuple[Any, ...]:
    if value is None or (isinstance(value, str | bytes) and not value):
        return ()
    return tuple(value) if isinstance(value, (MutableSequence, tuple)) else (value,)


def _text(part: object) -> str:
    text = part.decode("latin-1") if isinstance(part, bytes) else str(part)
    return text.strip(" \0")

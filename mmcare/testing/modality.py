"""Checks of modalities: the layout without data, and what it says it gives."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

from mmcare.components import (
    GraphLayout,
    Modality,
    SequenceLayout,
    TableLayout,
    TokensLayout,
    VolumeLayout,
)
from mmcare.registry import Entry
from mmcare.testing.not_applicable import NotApplicable
from mmcare.testing.record import default_config

__all__ = ["modality_checks"]

_LAYOUTS = {
    "volume": VolumeLayout,
    "table": TableLayout,
    "graph": GraphLayout,
    "sequence": SequenceLayout,
    "tokens": TokensLayout,
}


def modality_checks(entry: Entry) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the checks of a modality that need no files; its own tests read real ones."""
    yield "modality: the layout without data is of the kind it gives", partial(_layout, entry)
    yield "modality: sizes that data decide are distinct primes, each with its letter", partial(_letters, entry)
    yield "modality: can be sent to another process", partial(_picklable, entry)


def _make(entry: Entry) -> Modality[Any]:
    return cast("Modality[Any]", entry.load()(default_config(entry)))


def _layout(entry: Entry) -> None:
    expected = _LAYOUTS[entry.component.gives or ""]
    found = _make(entry).layout(None)
    assert isinstance(found, expected), (
        f"gives `{entry.component.gives}`: expected {expected.__name__}, found {type(found).__name__}"
    )


def _letters(entry: Entry) -> None:
    letters = _make(entry).layout(None).letters
    if not letters:
        raise NotApplicable("its sizes do not depend on data")
    odd = [size for size in letters if size < 2 or any(size % factor == 0 for factor in range(2, size))]
    assert not odd, f"stand-ins that are no primes: {', '.join(map(str, odd))}"
    assert len(set(letters.values())) == len(letters), f"a letter stands for two sizes: {dict(letters)}"


def _picklable(entry: Entry) -> None:
    modality = _make(entry)
    again = pickle.loads(pickle.dumps(modality))  # noqa: S301 - made one line above
    assert again.config == modality.config, "the config is lost on the way"

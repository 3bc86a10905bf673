"""Plain values and named arrays: the form in which everything fitted or prepared travels and is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["JSON", "Fitted", "Prepared", "Record", "State"]

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"


@dataclass(frozen=True, slots=True)
class Record:
    """JSON values and named arrays; nothing that needs pickle.

    Attributes:
        values: Numbers, texts and lists by name.
        arrays: Arrays by name.
    """

    values: Mapping[str, JSON] = field(default_factory=dict)
    arrays: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict)


class Prepared(Record):
    """One patient's sample of one modality, ready for `collate`; what the cache keeps."""

    __slots__ = ()


class Fitted(Record):
    """What a modality learned from the training patients (scales, levels, node list); stored in the run."""

    __slots__ = ()


class State(Record):
    """A fitted baseline."""

    __slots__ = ()

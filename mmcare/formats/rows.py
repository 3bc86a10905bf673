"""What a reader of rows hands over: the rows of use, what was wrong with the others, and a count that must add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mmcare.errors import Finding

__all__ = ["Rows", "counted", "first_lines"]

RowT = TypeVar("RowT")
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Rows(Generic[RowT]):
    """The rows read from a file.

    Attributes:
        values: The rows of use, in the file's order.
        n_read: Rows in the file, header and comments not counted.
        left_out: Rows left out by reason; `n_read == len(values) + sum(left_out.values())` always.
        findings: What was wrong; names every reason of `left_out` but the blank line.
    """

    values: tuple[RowT, ...]
    n_read: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        accounted = len(self.values) + sum(self.left_out.values())
        if self.n_read != accounted:
            raise AssertionError(f"{self.n_read} rows read, {accounted} accounted for")

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[RowT]:
        return iter(self.values)


def counted(n: int, noun: str) -> str:
    """`1 row`, `1,204 rows`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def first_lines(places: list[str]) -> str:
    """The first few of `places` and how many more there are: `line 3, line 9, line 12 and 4 more`."""
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return ", ".join(places[:SHOWN]) + more

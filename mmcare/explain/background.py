"""The training patients that stand for "not known", from a run's `reference/`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmcare.components import (
    GraphBatch,
    GraphLayout,
    InputLayout,
    ModalityBatch,
    TableBatch,
    TableLayout,
    TokenBatch,
    Tokens,
    TokensLayout,
)
from mmcare.errors import Finding, RunError
from mmcare.run import Run
from mmcare.run.store import read_arrays

__all__ = ["Background", "Reference", "read_reference", "same_rows"]


@dataclass(frozen=True)
class Background:
    """K training patients, one after the other.

    Attributes:
        numbers: Their running numbers in the run's `reference/`.
        inputs: By modality, K rows each.
        tokens: By modality, what each member's encoder made of K images.
    """

    numbers: tuple[int, ...]
    inputs: Mapping[str, ModalityBatch]
    tokens: Mapping[str, tuple[Tokens, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """The training patients, as an explanation states them."""
        return tuple(f"training patient {number}" for number in self.numbers)


@dataclass(frozen=True)
class Reference:
    """What a run keeps of its training patients for explanations.

    Attributes:
        patients: How many.
        inputs: By modality: the rows of those who have it, `rows` being running numbers.
        tokens: By modality: running numbers (n,), and each member's tokens of these patients.
    """

    patients: int
    inputs: Mapping[str, ModalityBatch]
    tokens: Mapping[str, tuple[Tensor, tuple[Tokens, ...]]]

    def background(self, wanted: Sequence[str], count: int, seed: int) -> Background:
        """Up to `count` patients, drawn among those who have all modalities that are `wanted` and kept here.

        Fewer where there are fewer. A modality that none of them has beside the others is left out. The draw depends on
        `seed` and `wanted` alone.
        """
        pool, kept = set(range(self.patients)), list[str]()
        for name in sorted(wanted, key=lambda name: name not in self.inputs):
            having = pool & set(self._numbers(name).tolist())
            if having:
                pool, kept = having, [*kept, name]
        drawn = np.random.default_rng(seed).permutation(sorted(pool))[:count]
        numbers = tuple(sorted(int(number) for number in drawn))
        return Background(
            numbers,
            {name: self._rows(name, numbers) for name in kept if name in self.inputs},
            {name: self._tokens(name, numbers) for name in kept if name not in self.inputs},
        )

    def _numbers(self, name: str) -> Tensor:
        if name in self.inputs:
            return self.inputs[name].rows
        return self.tokens[name][0] if name in self.tokens else torch.zeros(0, dtype=torch.int64)

    def _rows(self, name: str, numbers: Sequence[int]) -> ModalityBatch:
        return self.inputs[name].take(self._places(name, numbers), torch.arange(len(numbers)))

    def _tokens(self, name: str, numbers: Sequence[int]) -> tuple[Tokens, ...]:
        places = self._places(name, numbers)
        return tuple(tokens.take(places) for tokens in self.tokens[name][1])

    def _places(self, name: str, numbers: Sequence[int]) -> Tensor:
        return torch.searchsorted(self._numbers(name), torch.tensor(numbers, dtype=torch.int64))


def read_reference(run: Run, layouts: Mapping[str, InputLayout]) -> Reference:
    """The training patients that a run keeps.

    Args:
        run: A finished run.
        layouts: Of its modalities.

    Raises:
        RunError: The run was made without them, or the file is damaged.
    """
    file = run.path / "reference" / "training.safetensors"
    if not file.exists():
        what = "the run keeps no training patients to explain against (`reference/` is not there)."
        todo = "Train without `--no-reference`."
        raise RunError(Finding(file=run.path, what=what, todo=todo, code="no-reference"))
    arrays = {name: torch.from_numpy(np.array(values)) for name, values in read_arrays(file).items()}
    inputs = {n: batch for n, layout in layouts.items() if (batch := _inputs(n, layout, arrays)) is not None}
    tokens = {
        name: (arrays[f"{name}.tokens.rows"], tuple(_tokens(name, arrays)))
        for name in layouts
        if f"{name}.tokens.rows" in arrays
    }
    return Reference(len(arrays["present"]), inputs, tokens)


def _tokens(name: str, arrays: Mapping[str, Tensor]) -> Iterator[Tokens]:
    """Of each member."""
    values = [key for key in arrays if key.startswith(f"{name}.tokens.values")]
    for member in range(len(values)):
        end = f".{member}" if member else ""
        yield Tokens(arrays[f"{name}.tokens.values{end}"], arrays[f"{name}.tokens.mask{end}"])


def _inputs(name: str, layout: InputLayout, arrays: Mapping[str, Tensor]) -> ModalityBatch | None:
    if f"{name}.rows" not in arrays:
        return None
    rows, values, measured = (arrays[f"{name}.{part}"] for part in ("rows", "values", "measured"))
    match layout:
        case TableLayout():
            return TableBatch(rows=rows, values=values, measured=measured)
        case GraphLayout():
            return GraphBatch(rows=rows, values=values, measured=measured)
        case TokensLayout():
            return TokenBatch(rows=rows, values=values, mask=measured)
    return None


def same_rows(one: ModalityBatch, other: ModalityBatch) -> Tensor:
    """(b,) bool, which rows of two batches of one class and length hold the same; shared fields must be the same."""
    same = torch.ones(len(one), dtype=torch.bool)
    for field in dataclasses.fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, Tensor) and field.name != "rows":
            equal = (mine == theirs) | (mine.isnan() & theirs.isnan()) if mine.is_floating_point() else mine == theirs
            same &= equal.flatten(1).all(1).cpu() if equal.ndim > 1 else equal.cpu()
    return same

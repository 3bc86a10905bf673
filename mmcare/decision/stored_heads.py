"""The refits' heads in one file of tensors, by refit, member and path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import safetensors.torch
from torch import Tensor

from mmcare.components import Head, OutcomeLayout
from mmcare.errors import Finding, RunError
from mmcare.formats.atomic import write_bytes
from mmcare.run.json_file import RESTORE
from mmcare.run.store import read_tensors
from mmcare.spec import Spec

__all__ = ["make_heads", "read_refits", "write_refits"]

Refit = Sequence[Sequence[Head]]
"""Of each member, a head a path."""


def make_heads(spec: Spec, dim: int, outcomes: OutcomeLayout, paths: int) -> list[Head]:
    """Untrained heads of a spec.

    Args:
        spec: Describes a network.
        dim: D of the representation.
        outcomes: Arms and endpoints.
        paths: P.
    """
    assert spec.head is not None, "a network has a head"
    return [cast(Head, spec.head.make(dim, outcomes)) for _ in range(paths)]


def write_refits(path: Path, refits: Sequence[Refit]) -> None:
    """Write the heads' weights and what they fitted."""
    tensors = {
        f"{number}.{member}.{place}.{name}": value.detach().contiguous().clone()
        for number, refit in enumerate(refits)
        for member, heads in enumerate(refit)
        for place, head in enumerate(heads)
        for name, value in head.state_dict().items()
    }
    write_bytes(path, safetensors.torch.save(tensors))


def read_refits(
    path: Path, number: int, make: Sequence[Sequence[int]], spec: Spec, outcomes: OutcomeLayout
) -> Iterator[Refit]:
    """What `write_refits` wrote, one refit at a time, in eval mode.

    Args:
        path: The file.
        number: Of refits.
        make: Of each member, D and P.
        spec: Of the heads.
        outcomes: Arms and endpoints.

    Raises:
        RunError: Tensors are missing or of other heads.
    """
    groups = _grouped(path, read_tensors(path))
    for refit in range(number):
        members = []
        for member, (dim, paths) in enumerate(make):
            heads = make_heads(spec, dim, outcomes, paths)
            for place, head in enumerate(heads):
                _load(head, groups.get((refit, member, place), {}), path)
            members.append(heads)
        yield members


def _grouped(path: Path, tensors: Mapping[str, Tensor]) -> Mapping[tuple[int, int, int], dict[str, Tensor]]:
    found: dict[tuple[int, int, int], dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        *numbers, name = key.split(".", 3)
        if len(numbers) != 3 or not all(part.isdigit() for part in numbers):
            raise RunError(Finding(file=path, what=f"the tensor {key} is of no refit.", todo=RESTORE, code="tensor"))
        refit, member, place = map(int, numbers)
        found.setdefault((refit, member, place), {})[name] = tensor
    return found


def _load(head: Head, tensors: dict[str, Tensor], path: Path) -> None:
    try:
        head.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip().rstrip(".")
        raise RunError(Finding(file=path, what=f"{reason}.", todo=RESTORE, code="tensor")) from error
    head.eval()

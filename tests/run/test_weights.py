"""Weights and arrays whose digest is right and whose content is not: named by tensor, and no memory is taken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from mmcare.run import Run

from .conftest import Copy, refusal, reseal

RESTORE = "Restore it from a copy of the run, or train again."
TOGETHER = "The run's spec and weights do not belong together: restore both from a copy of the run."
FIRST = "encoder_modules.modality-clinical.layers.0.weight"
BIAS = "encoder_modules.modality-clinical.layers.0.bias"


def spoiled(run: Path, spoil: Callable[[dict[str, Tensor]], object]) -> Path:
    """The weights file after `spoil` had its tensors; the manifest follows."""
    file = run / "members" / "00" / "weights.safetensors"
    tensors = safetensors.torch.load_file(file)
    spoil(tensors)
    file.write_bytes(safetensors.torch.save(tensors))
    reseal(run)
    return file


def rewritten(run: Path, header: bytes, data: bytes, length: int | None = None) -> Path:
    """A weights file of these bytes; the manifest follows."""
    file = run / "members" / "00" / "weights.safetensors"
    file.write_bytes((len(header) if length is None else length).to_bytes(8, "little") + header + data)
    reseal(run)
    return file


def f32(shape: list[int], start: int, end: int) -> dict[str, object]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}


def test_a_missing_tensor_is_named(network: Run, copy: Copy) -> None:
    file = spoiled(copy(network), lambda t: t.pop(FIRST))
    assert refusal(file.parents[2]) == f"{file}: the tensor {FIRST} is missing. {TOGETHER}"


def test_a_tensor_too_many_is_named(network: Run, copy: Copy) -> None:
    file = spoiled(copy(network), lambda t: t.update({"heads.7.bias": torch.zeros(2)}))
    assert refusal(file.parents[2]) == (
        f"{file}: the tensor heads.7.bias belongs to no part of the network. {TOGETHER}"
    )


def test_a_tensor_of_another_shape_shows_both(network: Run, copy: Copy) -> None:
    name = "encoder_modules.modality-clinical.embedding.slope"
    file = spoiled(copy(network), lambda t: t.update({name: t[name].T.contiguous()}))
    assert refusal(file.parents[2]) == (
        f"{file}: the tensor {name}: expected (3, 8) float32, found (8, 3) float32. {TOGETHER}"
    )


def test_a_tensor_of_another_type_shows_both(network: Run, copy: Copy) -> None:
    file = spoiled(copy(network), lambda t: t.update({FIRST: t[FIRST].double()}))
    assert refusal(file.parents[2]) == (
        f"{file}: the tensor {FIRST}: expected (8, 8) float32, found (8, 8) float64. {TOGETHER}"
    )


def test_a_weight_that_is_not_finite_is_named(network: Run, copy: Copy) -> None:
    def spoil(tensors: dict[str, Tensor]) -> None:
        tensors[FIRST][0, :3] = torch.nan
        tensors[BIAS][1] = torch.inf

    file = spoiled(copy(network), spoil)
    assert refusal(file.parents[2]).splitlines() == [
        f"{file}: the tensor {FIRST} holds 3 of 64 numbers that are not finite. {RESTORE}",
        f"{file}: the tensor {BIAS} holds 1 of 8 numbers that are not finite. {RESTORE}",
    ]


def test_a_header_longer_than_the_file_takes_no_memory(network: Run, copy: Copy) -> None:
    file = rewritten(copy(network), b"{}", b"", length=2**62)
    assert refusal(file.parents[2]) == (
        f"{file}: is no readable safetensors file (10 bytes): its header should take 4,611,686,018,427,387,904 bytes, "
        f"and 2 follow. {RESTORE}"
    )


def test_a_tensor_larger_than_the_file_takes_no_memory(network: Run, copy: Copy) -> None:
    file = rewritten(copy(network), json.dumps({"a": f32([2**40], 0, 2**42)}).encode(), b"\0" * 8)
    assert refusal(file.parents[2]) == (
        f"{file}: is no readable safetensors file ({file.stat().st_size} bytes): its tensors take 4,398,046,511,104 "
        f"bytes, and 8 are there. {RESTORE}"
    )


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"not json", "invalid JSON in header: expected ident at line 1 column 2"),
        (
            b"[" * 5000,
            "invalid JSON in header: invalid type: sequence, expected struct HashMetadata at line 1 column 0",
        ),
    ],
)
def test_a_header_that_is_no_json_is_said(network: Run, copy: Copy, header: bytes, said: str) -> None:
    file = rewritten(copy(network), header, b"")
    assert refusal(file.parents[2]) == (
        f"{file}: is no readable safetensors file ({len(header) + 8:,} bytes): {said}. {RESTORE}"
    )


def test_a_file_too_short_for_its_length_is_said(network: Run, copy: Copy) -> None:
    run = copy(network)
    file = run / "members" / "00" / "weights.safetensors"
    file.write_bytes(b"abc")
    reseal(run)
    assert refusal(run) == (
        f"{file}: is no readable safetensors file (3 bytes): even its first 8 bytes, the length of its header, are not "
        f"whole. {RESTORE}"
    )


@pytest.mark.parametrize(
    ("entries", "data", "said"),
    [
        ({"a": f32([2], 0, 8), "b": f32([2], 4, 12)}, 12, "the tensors a and b overlap at byte 4 of the data"),
        ({"a": f32([2], 0, 8), "b": f32([2], 0, 8)}, 8, "the tensors a and b overlap at byte 0 of the data"),
        ({"a": f32([2], 0, 8), "b": f32([0], 4, 4)}, 8, "the tensors a and b overlap at byte 4 of the data"),
        (
            {"a": f32([1], 0, 4), "b": f32([1], 8, 12)},
            12,
            "the bytes 4 to 8 between the tensors a and b belong to none",
        ),
        ({"a": f32([1], 0, 4)}, 12, "its tensors take 4 bytes, and 12 are there"),
    ],
)
def test_tensors_that_lie_across_each_other_are_named(
    network: Run, copy: Copy, entries: dict[str, object], data: int, said: str
) -> None:
    file = rewritten(copy(network), json.dumps(entries).encode(), b"\0" * data)
    assert refusal(file.parents[2]) == (
        f"{file}: is no readable safetensors file ({file.stat().st_size} bytes): {said}. {RESTORE}"
    )


def test_an_empty_tensor_at_anothers_border_hides_nothing(network: Run, copy: Copy) -> None:
    """The format allows it; a network that expects numbers there does not."""
    file = spoiled(copy(network), lambda t: t.update({BIAS: torch.zeros(0)}))
    assert refusal(file.parents[2]) == (
        f"{file}: the tensor {BIAS}: expected (8,) float32, found (0,) float32. {TOGETHER}"
    )


def test_a_damaged_state_of_a_baseline_is_said(baseline: Run, copy: Copy) -> None:
    run = copy(baseline)
    state = run / "members" / "00" / "state.json"
    state.write_text('{"columnz": []}')
    reseal(run)
    assert refusal(run) == (f"{state}: the baseline cannot be restored from it: KeyError: 'columns'. {RESTORE}")
    state.write_text("[1]")
    reseal(run)
    assert refusal(run) == f"{state}: holds `[1]`, and must hold names and values. {RESTORE}"
    arrays = run / "members" / "00" / "state.safetensors"
    arrays.write_bytes(b"")
    reseal(run)
    state.write_text('{"columns": []}')
    reseal(run)
    assert refusal(run) == (
        f"{arrays}: is no readable safetensors file (0 bytes): even its first 8 bytes, the length of its header, are "
        f"not whole. {RESTORE}"
    )

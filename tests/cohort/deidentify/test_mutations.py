"""Files with flipped bits, cut ends, spliced pieces: written without what was planted, or named; no traceback."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from mmcare.cohort.deidentify import Deidentifier, deidentify_folder
from tests.cohort.deidentify import planted

TEXTS = [token for token in planted.tokens().values() if token.startswith("QZ")]
Mutation = Callable[[bytes, random.Random], bytes]


def flipped(raw: bytes, at: random.Random) -> bytes:
    """Up to eight bits, most of them within the header."""
    data = bytearray(raw)
    for _ in range(at.randint(1, 8)):
        data[at.randrange(128, len(data))] ^= 1 << at.randrange(8)
    return bytes(data)


def cut(raw: bytes, at: random.Random) -> bytes:
    return raw[: at.randrange(len(raw))]


def spliced(raw: bytes, at: random.Random) -> bytes:
    """A piece of the file, once more, somewhere else."""
    begin = at.randrange(132, len(raw))
    piece = raw[begin : begin + at.randrange(1, 200)]
    place = at.randrange(132, len(raw))
    return raw[:place] + piece + raw[place + (len(piece) if at.random() < 0.5 else 0) :]


@pytest.mark.parametrize("n", [300, pytest.param(5_000, marks=pytest.mark.slow)])
def test_damaged_files_are_written_clean_or_named(
    n: int, source: Path, tmp_path: Path, deidentifier: Deidentifier
) -> None:
    at, originals = random.Random(20), [path.read_bytes() for path in sorted(source.rglob("*.dcm"))]
    mutated = tmp_path / "mutated"
    mutated.mkdir()
    for index in range(n):
        mutation: Mutation = at.choice([flipped, cut, spliced])
        (mutated / f"{index:05d}.dcm").write_bytes(mutation(at.choice(originals), at))
    summary = deidentify_folder(mutated, tmp_path / "out", deidentifier)
    assert len(summary.files) == n
    named = {finding.file for finding in summary.findings}
    assert not [
        r for r in summary.files if r.outcome != "written" and r.kind != "no DICOM file" and r.file not in named
    ]
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*.dcm"))
    assert len({r.outcome for r in summary.files}) >= 3
    assert not [text for text in TEXTS if text.encode() in written]

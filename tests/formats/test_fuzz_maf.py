"""Damaged MAFs: read, or refused by our own error; no other exception, and nothing hangs."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmcare.errors import MMCareError
from mmcare.formats import read_maf

Damage = Callable[[bytes, random.Random], bytes]
SMALL = b"Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\tHGVSp_Short\n" + b"".join(
    f"GENE{i}\tS{i % 7}\tMissense_Mutation\tp.L{i}R\n".encode() for i in range(40)
)


def flip_bits(data: bytes, random_: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(random_.randint(1, 20)):
        damaged[random_.randrange(len(damaged))] ^= 1 << random_.randrange(8)
    return bytes(damaged)


def truncate(data: bytes, random_: random.Random) -> bytes:
    return data[: random_.randrange(len(data))]


def splice(data: bytes, random_: random.Random) -> bytes:
    """A piece of the file stands where another was: rows run into each other."""
    start, end, place = sorted(random_.randrange(len(data)) for _ in range(3))
    return data[:start] + data[place:] + data[start:end]


DAMAGES: tuple[Damage, ...] = (flip_bits, truncate, splice)


def read_damaged(data: bytes, path: Path, seed: int) -> tuple[str, float]:
    """Whether a mutation was read or refused, and the seconds of CPU; any other exception goes through."""
    random_ = random.Random(seed)
    path.write_bytes(DAMAGES[seed % len(DAMAGES)](data, random_))
    start = time.process_time()
    try:
        rows = read_maf(path)
        assert rows.n_read == len(rows) + sum(rows.left_out.values())
        outcome = "read"
    except MMCareError as error:
        assert str(path) in str(error)
        outcome = "refused"
    return outcome, time.process_time() - start


def test_damaged_mafs_are_read_or_refused_in_words(tmp_path: Path) -> None:
    outcomes = {read_damaged(SMALL, tmp_path / "m.maf", seed)[0] for seed in range(150)}
    assert outcomes == {"read", "refused"}


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_5000_mutations_of_a_published_maf(tmp_path: Path, real_data: Path) -> None:
    data = (real_data / "msk-luad-2020" / "data_mutations.txt").read_bytes()
    found = [read_damaged(data, tmp_path / "m.maf", seed) for seed in range(5000)]
    assert {outcome for outcome, _ in found} == {"read", "refused"}
    assert max(seconds for _, seconds in found) < 10

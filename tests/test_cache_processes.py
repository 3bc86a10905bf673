"""The cache under several processes, `kill -9` and disks that refuse: whole entries, and little done twice."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from mmcare.cache import Cache, _encode, key_of
from mmcare.components import Prepared
from mmcare.errors import MMCareError
from mmcare.formats import atomic

ITEMS = 40
FEW = 5
BYTES = 40 + len(_encode(Prepared({"item": 0}, {"hu": np.zeros((32, 32, 32), np.int16)})))
"""Of an entry: its checksum and the sample."""
FILL = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_cache_processes import fill
print("ready", flush=True)
fill(Path(sys.argv[1]))
"""


def sample(item: int) -> Prepared:
    rng = np.random.default_rng(item)
    return Prepared({"item": item}, {"hu": rng.integers(-1000, 400, (32, 32, 32)).astype(np.int16)})


def fill(folder: Path, items: int = ITEMS) -> tuple[int, int]:
    """Ask for every item, in an order of this process's own: wrong arrays, and items computed."""
    cache, wrong, computed = Cache(folder, must_write=True), 0, 0

    def compute(item: int) -> Prepared:
        nonlocal computed
        computed += 1
        time.sleep(0.005)  # long enough that another process asks meanwhile
        return sample(item)

    for item in random.sample(range(items), items):
        found = cache.get_or_compute(key_of(item), lambda item=item: compute(item))
        wrong += not np.array_equal(found.arrays["hu"], sample(item).arrays["hu"])
    return wrong, computed


def whole_entries(folder: Path) -> int:
    """All entries that can be seen are whole; how many."""
    said: list[str] = []
    cache = Cache(folder, tell=said.append)
    found = [item for item in range(ITEMS) if (kept := cache.get(key_of(item))) and kept.values["item"] == item]
    assert said == []
    return len(found)


@pytest.mark.slow
def test_eight_processes_compute_each_item_once_and_read_no_wrong_array(tmp_path: Path) -> None:
    with get_context("spawn").Pool(8) as pool:
        found = pool.map(fill, [tmp_path] * 8, chunksize=1)
    assert sum(wrong for wrong, _ in found) == 0
    assert ITEMS <= sum(computed for _, computed in found) <= 1.05 * ITEMS
    assert whole_entries(tmp_path) == ITEMS


def check_killed(folder: Path, seed: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", FILL, str(folder), str(Path(__file__).parent)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(random.Random(seed).uniform(0, 0.5))
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    process.stdout.close()
    before = whole_entries(folder)
    assert fill(folder) == (0, ITEMS - before)
    assert whole_entries(folder) == ITEMS


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_a_killed_process_leaves_whole_entries_and_no_lock(tmp_path: Path, seed: int) -> None:
    check_killed(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_fifty_killed_processes_leave_whole_entries_and_no_lock(tmp_path: Path, seed: int) -> None:
    check_killed(tmp_path, 100 + seed)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
@pytest.mark.parametrize("failing", range(FEW))
def test_each_write_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, number: int) -> None:
    """One write in turn is refused: said in words, nothing half, nothing locked, and what is whole stays."""
    writes = 0
    fsync = os.fsync

    def refuse(handle: int) -> None:
        nonlocal writes
        writes += 1
        if writes == failing + 1:
            raise OSError(number, os.strerror(number))
        fsync(handle)

    monkeypatch.setattr(atomic.os, "fsync", refuse)
    cure = "The disk is full: free some space" if number == errno.ENOSPC else "Allow writing there"
    with pytest.raises(MMCareError) as caught:
        fill(tmp_path, FEW)
    file, _, rest = str(caught.value).partition(": ")
    assert Path(file).parent.parent == tmp_path
    assert rest == f"cannot be written ({BYTES:,} bytes): {os.strerror(number)}. {cure}, or write elsewhere."
    monkeypatch.undo()
    assert list(tmp_path.glob("??/.*")) == []
    assert whole_entries(tmp_path) == failing
    assert fill(tmp_path, FEW) == (0, FEW - failing)


def test_a_disk_that_refuses_is_said_once_where_it_need_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", refuse)
    said: list[str] = []
    cache = Cache(tmp_path, tell=said.append)
    for item in range(3):
        assert cache.get_or_compute(key_of(item), lambda item=item: sample(item)).values == {"item": item}
    entry = tmp_path / key_of(0)[:2] / f"{key_of(0)}.2.sample"
    assert said == [
        f"{entry}: cannot be written ({BYTES:,} bytes): No space left on device. The disk is full: free some space, or "
        "write elsewhere. Samples are not cached; set MMCARE_CACHE to a folder that can be written."
    ]
    assert cache.size().entries == 0


def test_old_entries_and_what_killed_writers_left_are_cleared(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for item in range(4):
        cache.put(key_of(item), sample(item))
    entries = sorted(tmp_path.glob("??/*.sample"))
    long_ago = time.time() - 40 * 86_400
    for entry in entries[:2]:
        os.utime(entry, (long_ago, long_ago))
    left = entries[3].with_name(".half.0123")
    left.write_bytes(b"12345")
    assert cache.size().abandoned == 0, "its writer may be at work"
    os.utime(left, (long_ago, long_ago))
    used = next(item for item in range(4) if entries[0].name.startswith(key_of(item)))
    assert cache.get(key_of(used)) is not None
    gone = cache.clear_older(30)
    assert (gone.entries, gone.entries_bytes, gone.abandoned, gone.abandoned_bytes) == (1, BYTES, 1, 5)
    assert sorted(tmp_path.glob("??/*.sample")) == [entries[0], *entries[2:]]
    assert not left.exists()

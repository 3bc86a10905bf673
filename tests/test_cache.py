"""The cache: whole entries, damage found, no loss where it cannot be written."""

from __future__ import annotations

import hashlib
import logging
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from mmcare.cache import Cache, key_of
from mmcare.components import Prepared


def sample(seed: int = 0) -> Prepared:
    rng = np.random.default_rng(seed)
    arrays = {"hu": rng.integers(-1000, 400, (4, 5, 6)).astype(np.int16), "mask": rng.random((4, 5, 6)) > 0.5}
    return Prepared({"extent_mm": [1.0, 2.0, 3.0], "note": "Größe", "none": None}, arrays)


def assert_same(a: Prepared, b: Prepared) -> None:
    assert dict(a.values) == dict(b.values)
    assert a.arrays.keys() == b.arrays.keys()
    for name, values in a.arrays.items():
        assert values.dtype == b.arrays[name].dtype
        np.testing.assert_array_equal(values, b.arrays[name])


def test_what_was_put_comes_back(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.get(key_of("a")) is None
    cache.put(key_of("a"), sample())
    found = cache.get(key_of("a"))
    assert found is not None
    assert_same(found, sample())


@pytest.mark.parametrize("kind", ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (3, 5, 7)])
def test_arrays_of_every_type_and_shape_come_back(tmp_path: Path, kind: str, shape: tuple[int, ...]) -> None:
    cache, rng = Cache(tmp_path), np.random.default_rng(1)
    arrays = {"odd": np.array([True, False, True]), "one": (100 * rng.random(shape)).astype(kind)}
    cache.put(key_of("a"), Prepared({}, arrays))
    found = cache.get(key_of("a"))
    assert found is not None
    assert_same(found, Prepared({}, arrays))
    assert all(values.flags.aligned and not values.flags.writeable for values in found.arrays.values())


def test_a_damaged_entry_is_removed_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = Cache(tmp_path)
    key = key_of("a")
    cache.put(key, sample())
    (entry,) = tmp_path.rglob("*.sample")
    for damage in (lambda b: b[:-1], lambda b: b[:200] + b"x" + b[201:], lambda b: b""):
        cache.put(key, sample())
        entry.write_bytes(damage(entry.read_bytes()))
        with caplog.at_level(logging.WARNING):
            assert cache.get(key) is None
        assert not entry.exists()
        assert f"{entry}: the cached sample is damaged; it is computed again." in caplog.text


def test_the_bytes_of_an_entry_are_those_of_its_format(tmp_path: Path) -> None:
    """Where this fails, other bytes are written than before: raise the cache's format, and take the new digest here."""
    arrays = {"hu": np.arange(24, dtype=np.int16).reshape(2, 3, 4), "mask": np.eye(3) > 0, "affine": np.eye(4) / 3}
    Cache(tmp_path).put(key_of("a"), Prepared({"extent_mm": [1.5, 2.0], "note": "Größe", "none": None}, arrays))
    entry = tmp_path / key_of("a")[:2] / f"{key_of('a')}.2.sample"
    digest = "b5b932f1e407f91bc90757838cea700ff7b058e34839dbff968c320c787a6cb9"
    assert hashlib.sha256(entry.read_bytes()).hexdigest() == digest


def test_an_entry_of_another_format_is_neither_read_nor_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An older and a newer mmcare use one folder: what the one wrote is no damage to the other."""
    cache, key = Cache(tmp_path), key_of("a")
    before = tmp_path / key[:2] / f"{key}.sample"
    before.parent.mkdir()
    before.write_bytes(b"as it was written once")
    assert cache.get(key) is None
    cache.put(key, sample())
    monkeypatch.setattr("mmcare.cache._FORMAT", 3)
    assert cache.get(key) is None
    cache.put(key, sample(1))
    for number, seed in ((2, 0), (3, 1)):
        monkeypatch.setattr("mmcare.cache._FORMAT", number)
        found = cache.get(key)
        assert found is not None
        assert_same(found, sample(seed))
    assert caplog.text == "" and before.read_bytes() == b"as it was written once"
    assert cache.size().entries == 3, "all of them are shown, and cleared by their age"


def test_a_cache_that_cannot_be_written_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    cache = Cache(in_the_way / "cache")
    with caplog.at_level(logging.WARNING):
        cache.put(key_of("a"), sample())
        cache.put(key_of("b"), sample())
    assert caplog.text.count("Samples are not cached; set MMCARE_CACHE to a folder that can be written.") == 1


def test_a_changed_file_has_another_digest(tmp_path: Path) -> None:
    cache, file = Cache(tmp_path / "cache"), tmp_path / "a.bin"
    file.write_bytes(b"one")
    first = cache.digest(file)
    assert cache.digest(file) == first
    file.write_bytes(b"two, longer")
    assert cache.digest(file) != first
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_bytes(b"1")
    before = cache.digest(folder)
    (folder / "b").write_bytes(b"2")
    assert cache.digest(folder) != before


def _write_and_read(folder: Path) -> int:
    cache, wrong = Cache(folder), 0
    for round_ in range(30):
        key = key_of(round_ % 5)
        found = cache.get(key)
        if found is not None and not np.array_equal(found.arrays["hu"], sample(round_ % 5).arrays["hu"]):
            wrong += 1
        cache.put(key, sample(round_ % 5))
    return wrong


@pytest.mark.slow
def test_several_processes_read_no_wrong_array(tmp_path: Path) -> None:
    with get_context("spawn").Pool(3) as pool:
        assert pool.map(_write_and_read, [tmp_path] * 3) == [0, 0, 0]

"""The content-addressed store of prepared samples: what it holds is whole, checked on reading, and never edited.

An entry's name is the digest of all that decided its content (files, config, versions), and the format of its bytes; it
begins with a checksum of the bytes that follow. A damaged entry is removed, said, and computed again; one of another
format, which another mmcare wrote, is left to that. Safe with several processes: the same name always means the same
bytes, entries appear by an atomic rename, and one process at a time computes an entry. Its lock is the system's, which
lets go of it where the process ends, however it ends.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import platformdirs
import safetensors.numpy
import xxhash

from mmcare.components import Prepared
from mmcare.errors import MMCareError
from mmcare.formats.atomic import write_bytes
from mmcare.formats.digest import key_of

__all__ = ["Cache", "CacheSize", "cache_folder"]

log = logging.getLogger(__name__)
_FORMAT = 2
"""Of an entry's bytes: raise it where the same sample gives others. Older and newer mmcare share a folder so."""
_CHUNK = 1 << 20
_CHECKSUM_BYTES = 40
"""A multiple of 8, as safetensors' own header is: arrays are aligned."""
_DTYPES = {
    **{f"{kind}{bits}": np.dtype(f"{kind.lower()}{bits // 8}") for kind in "IU" for bits in (8, 16, 32, 64)},
    **{f"F{bits}": np.dtype(f"f{bits // 8}") for bits in (16, 32, 64)},
    "BOOL": np.dtype(bool),
}
Bytes = np.ndarray[tuple[int], np.dtype[np.uint8]]
_HEX = re.compile("[0-9a-f]{64}")
_DAY_SECONDS = 86_400
_ABANDONED_SECONDS = 3_600
"""After which a file that was never renamed into place belongs to a process that was killed."""
Other = TypeVar("Other")


@dataclass(frozen=True, slots=True)
class CacheSize:
    """What a cache takes on the disk.

    Attributes:
        entries: Prepared samples.
        entries_bytes: Their bytes.
        digests: Remembered digests of files, 64 bytes each.
        abandoned: Files of writers that were killed.
        abandoned_bytes: Their bytes.
    """

    entries: int
    entries_bytes: int
    digests: int
    abandoned: int
    abandoned_bytes: int


def cache_folder() -> Path:
    """Where caches live: `MMCARE_CACHE`, or the user's cache folder."""
    return Path(os.environ.get("MMCARE_CACHE") or platformdirs.user_cache_dir("mmcare"))


class Cache:
    """Prepared samples by key, in a folder.

    Args:
        folder: Where entries are; by default `inputs` in the cache folder.
        tell: Where damaged entries are said, and that nothing can be written; by default the log.
        must_write: Whether an entry that cannot be written is an error.
    """

    def __init__(
        self, folder: Path | None = None, *, tell: Callable[[str], None] = log.warning, must_write: bool = False
    ) -> None:
        self.folder = folder if folder is not None else cache_folder() / "inputs"
        self.writable = True
        self._tell, self._must_write = tell, must_write

    def get(self, key: str) -> Prepared | None:
        """The sample under `key`; None where there is none, or where it was damaged (said in the log)."""
        path = self._path(key)
        try:
            content = _read(path)
        except OSError:  # not there, or not to be read: computed again
            return None
        payload = content[_CHECKSUM_BYTES:]
        if _checksum(payload.data) != content[:_CHECKSUM_BYTES].tobytes():
            self._tell(f"{path}: the cached sample is damaged; it is computed again.")
            with suppress(OSError):  # a cache that cannot be written keeps it, and says so each time
                path.unlink()
            return None
        _note_use(path)
        return _decode(payload)

    def get_or_compute(self, key: str, compute: Callable[[], Prepared | Other]) -> Prepared | Other:
        """The sample under `key`, or what `compute` gives; a sample is kept.

        Several processes and threads that ask for one key wait for the first, and read what it kept.

        Raises:
            MMCareError: It cannot be written, and must be.
        """
        found = self.get(key)
        if found is not None:
            return found
        with self._alone(key):
            found = self.get(key)  # another may have kept it while this one waited
            if found is not None:
                return found
            computed = compute()
            if isinstance(computed, Prepared):
                self.put(key, computed)
            return computed

    def put(self, key: str, sample: Prepared) -> None:
        """Keep a sample. A cache that cannot be written is said once and then left alone: the sample is not lost.

        Raises:
            MMCareError: It cannot be written, and must be.
        """
        if not self.writable:
            return
        payload = _encode(sample)
        try:
            write_bytes(self._path(key), _checksum(payload) + payload)
        except (MMCareError, OSError) as error:
            if self._must_write:
                raise
            self.writable = False
            self._tell(f"{error} Samples are not cached; set MMCARE_CACHE to a folder that can be written.")

    def digest(self, path: Path) -> str:
        """Digest of a file's content, or of all files below a folder; remembered by path, size and time."""
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.is_file())
            return key_of([[str(p.relative_to(path)), self._file_digest(p)] for p in found])
        return self._file_digest(path)

    def digests(self, paths: Iterable[Path]) -> list[str]:
        """`digest` of each path."""
        return [self.digest(path) for path in paths]

    def size(self) -> CacheSize:
        """What the entries and all beside them take."""
        entries = [stat.st_size for _, stat in _files(self.folder, "??/[!.]*.sample")]
        abandoned = [stat.st_size for _, stat in self._abandoned()]
        digests = sum(1 for _ in _files(self.folder, "digests/*"))
        return CacheSize(len(entries), sum(entries), digests, len(abandoned), sum(abandoned))

    def clear_older(self, days: float) -> CacheSize:
        """Remove what was not used for so many days, and what killed writers left; what was removed.

        Use is noted once a day.

        Raises:
            OSError: A file cannot be removed.
        """
        before, until = self.size(), time.time() - days * _DAY_SECONDS
        old = [
            path
            for pattern in ("??/[!.]*.sample", "digests/*")
            for path, stat in _files(self.folder, pattern)
            if stat.st_mtime < until
        ]
        for path in (*old, *(path for path, _ in self._abandoned())):
            path.unlink(missing_ok=True)
        return _less(before, self.size())

    def _abandoned(self) -> Iterator[tuple[Path, os.stat_result]]:
        until = time.time() - _ABANDONED_SECONDS
        return ((path, stat) for path, stat in _files(self.folder, "*/.*") if stat.st_mtime < until)

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """While nobody else computes `key`. Without locks, or where none can be made, it may be computed twice."""
        handle = self._lock(self.folder / "locks" / key[:3])
        try:
            yield
        finally:
            if handle is not None:
                os.close(handle)

    def _lock(self, file: Path) -> int | None:
        """Wait for the lock of a file, which is never removed; keys that begin alike share one."""
        try:
            import fcntl

            file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except (ImportError, OSError):
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            os.close(handle)
            return None
        except BaseException:  # Ctrl-C while waiting
            os.close(handle)
            raise
        return handle

    def _file_digest(self, path: Path) -> str:
        stat = path.stat()
        seen = [str(path.absolute()), stat.st_size, stat.st_mtime_ns, stat.st_ino]
        memory = self.folder / "digests" / key_of(seen)[:40]
        try:
            remembered = memory.read_text()
            if _HEX.fullmatch(remembered):  # a writer that was killed leaves a part of one
                return remembered
        except (OSError, ValueError):
            pass  # not remembered yet
        digest = _content_digest(path)
        self._remember(memory, digest)
        return digest

    def _remember(self, memory: Path, digest: str) -> None:
        if self.writable:
            try:
                memory.parent.mkdir(parents=True, exist_ok=True)
                memory.write_text(digest)
            except OSError:
                log.debug("%s cannot be written: digests are computed each time.", memory)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key[:2]}/{key}.{_FORMAT}.sample"


def _files(folder: Path, pattern: str) -> Iterator[tuple[Path, os.stat_result]]:
    """Files and their sizes and times; those that vanish meanwhile are passed over."""
    for path in folder.glob(pattern):
        with suppress(FileNotFoundError):
            yield path, path.stat()


def _less(before: CacheSize, after: CacheSize) -> CacheSize:
    """What is gone; another process may have added entries meanwhile, which are not counted against it."""
    return CacheSize(*(max(0, getattr(before, name) - getattr(after, name)) for name in CacheSize.__slots__))


def _note_use(path: Path) -> None:
    """Once a day, for `clear_older`; a cache that cannot be written goes by when entries were made."""
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > _DAY_SECONDS:
            os.utime(path)


def _content_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _read(path: Path) -> Bytes:
    """A file's bytes, which nobody changes: the sample's arrays are views of them."""
    with path.open("rb", buffering=0) as file:
        content = np.empty(os.fstat(file.fileno()).st_size, np.uint8)
        view, done = content.data, 0
        while n := file.readinto(view[done:]):  # at most 2 GB at once
            done += n
    content.flags.writeable = False
    return content[:done]


def _checksum(payload: bytes | memoryview) -> bytes:
    """Against damage: whoever can write the cache can write a checksum of any kind, so the quickest serves."""
    return b"xxh3-128" + xxhash.xxh3_128_hexdigest(payload).encode()


def _encode(sample: Prepared) -> bytes:
    arrays = {name: np.ascontiguousarray(values) for name, values in sample.arrays.items()}
    assert all(values.dtype in _DTYPES.values() for values in arrays.values()), "numbers and masks"
    return safetensors.numpy.save(arrays, metadata={"values": json.dumps(dict(sample.values))})


def _decode(payload: Bytes) -> Prepared:
    """Read here, and not by safetensors, which copies: with the checksum right, the bytes are what `_encode` wrote."""
    start = 8 + int.from_bytes(payload[:8].tobytes(), "little")
    header = json.loads(payload[8:start].tobytes())
    values = json.loads(header.pop("__metadata__")["values"])
    arrays = {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        arrays[name] = payload[start + first : start + end].view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return Prepared(values, arrays)

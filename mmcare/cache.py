"""The content-addressed store of prepared samples: what it holds is whole, checked on reading, and never edited.

An entry's name is the digest of all that decided its content (files, config, versions); its first line is the digest
of the bytes that follow. A damaged entry is removed, said, and computed again. Safe with several processes: the same
key always means the same bytes, and entries appear by an atomic rename.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import platformdirs
import safetensors.numpy

from mmcare.components import Prepared
from mmcare.errors import MMCareError
from mmcare.formats.atomic import write_bytes
from mmcare.formats.digest import key_of

__all__ = ["Cache", "cache_folder"]

log = logging.getLogger(__name__)
_CHUNK = 1 << 20


def cache_folder() -> Path:
    """Where caches live: `MMCARE_CACHE`, or the user's cache folder."""
    return Path(os.environ.get("MMCARE_CACHE") or platformdirs.user_cache_dir("mmcare"))


class Cache:
    """Prepared samples by key, in a folder.

    Args:
        folder: Where entries are; by default `inputs` in the cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder if folder is not None else cache_folder() / "inputs"
        self.writable = True

    def get(self, key: str) -> Prepared | None:
        """The sample under `key`; None where there is none, or where it was damaged (said in the log)."""
        path = self._path(key)
        try:
            digest, _, payload = path.read_bytes().partition(b"\n")
        except OSError:  # not there, or not to be read: computed again
            return None
        if hashlib.sha256(payload).hexdigest().encode() != digest:
            log.warning("%s: the cached sample is damaged; it is computed again.", path)
            with suppress(OSError):  # a cache that cannot be written keeps it, and says so each time
                path.unlink()
            return None
        return _decode(payload)

    def put(self, key: str, sample: Prepared) -> None:
        """Keep a sample. A cache that cannot be written is said once and then left alone: the sample is not lost."""
        if not self.writable:
            return
        payload = _encode(sample)
        try:
            write_bytes(self._path(key), hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)
        except (MMCareError, OSError) as error:
            self.writable = False
            log.warning("%s Samples are not cached; set MMCARE_CACHE to a folder that can be written.", error)

    def digest(self, path: Path) -> str:
        """Digest of a file's content, or of all files below a folder; remembered by path, size and time."""
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.is_file())
            return key_of([[str(p.relative_to(path)), self._file_digest(p)] for p in found])
        return self._file_digest(path)

    def digests(self, paths: Iterable[Path]) -> list[str]:
        """`digest` of each path."""
        return [self.digest(path) for path in paths]

    def size_bytes(self) -> int:
        """Bytes that the entries take."""
        return sum(p.stat().st_size for p in self.folder.rglob("*") if p.is_file())

    def clear(self) -> None:
        """Remove all entries."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file_digest(self, path: Path) -> str:
        path = path.resolve()
        stat = path.stat()
        seen = [str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino]
        memory = self.folder / "digests" / key_of(seen)[:40]
        try:
            remembered = memory.read_text()
            if len(remembered) == 64:
                return remembered
        except OSError:
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
        return self.folder / key[:2] / f"{key}.sample"


def _content_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _encode(sample: Prepared) -> bytes:
    arrays = {name: np.ascontiguousarray(values) for name, values in sample.arrays.items()}
    return safetensors.numpy.save(arrays, metadata={"values": json.dumps(dict(sample.values))})


def _decode(payload: bytes) -> Prepared:
    arrays = safetensors.numpy.load(payload)
    header = json.loads(payload[8 : 8 + int.from_bytes(payload[:8], "little")])
    return Prepared(json.loads(header["__metadata__"]["values"]), arrays)

"""A folder of planted identifiers, and what de-identifying makes of it."""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from mmcare.cohort.deidentify import Deidentifier, deidentify_folder
from tests.cohort.deidentify import planted

KEY = bytes(range(32))


@pytest.fixture(scope="session")
def deidentifier() -> Deidentifier:
    return Deidentifier(KEY)


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted.write(tmp_path_factory.mktemp("original"))


@pytest.fixture(scope="session")
def made(source: Path, deidentifier: Deidentifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "out"
    deidentify_folder(source, out, deidentifier)
    return out


@pytest.fixture(scope="session")
def everything() -> Callable[[Path], bytes]:
    """All that a folder holds, in one piece: names, raw bytes, and what is within compressed files."""

    def everything(folder: Path) -> bytes:
        found = []
        for path in sorted(folder.rglob("*")):
            found.append(os.fsencode(path.relative_to(folder)))
            if path.is_file():
                raw = path.read_bytes()
                found += [raw, _decompressed(raw)]
        return b"\n".join(found)

    return everything


def _decompressed(raw: bytes) -> bytes:
    try:
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else b""
    except (OSError, EOFError, zlib.error):
        return b""


@pytest.fixture(scope="session")
def original(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lung1")
    with tarfile.open(real_data / "nsclc-radiomics-ct-LUNG1-001" / "LUNG1-001.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "LUNG1-001"

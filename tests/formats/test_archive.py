"""Archives: unpacked whole, or refused whole with the member named."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmcare.errors import CohortError, cut
from mmcare.formats import archive as archives
from mmcare.formats.archive import is_archive, unpack

ADVICE = "Ask where the archive comes from; if you trust it, unpack it yourself and name the folder."
CONTENT = {"a/1": b"one" * 1000, "a/b/2": b"two", "with space ü": b""}


def zip_of(path: Path, members: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if change is not None:
                change(info)
            archive.writestr(info, content)
    return path


def tar_of(path: Path, members: dict[str, bytes], mode: str = "w", **header: object) -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in header.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))
    return path


def error_of(archive: Path) -> str:
    target = archive.parent / "out"
    with pytest.raises(CohortError) as caught:
        unpack(archive, target)
    assert [p.name for p in archive.parent.iterdir()] == [archive.name]
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.xz", "a.tar.bz2", "a.of-another-name"])
def test_each_kind_is_unpacked(tmp_path: Path, name: str) -> None:
    kind = name.rpartition(".")[2]
    mode = {"tar": "w", "gz": "w:gz", "xz": "w:xz", "bz2": "w:bz2"}.get(kind)
    path = zip_of(tmp_path / name, CONTENT) if mode is None else tar_of(tmp_path / name, CONTENT, mode)
    assert is_archive(path)
    assert unpack(path, tmp_path / "out") == 3
    found = {str(p.relative_to(tmp_path / "out")): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert found == CONTENT


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "C:evil", "..\\evil"])
@pytest.mark.parametrize("write", [zip_of, tar_of])
def test_d31_a_member_that_leads_out(tmp_path: Path, write: Callable[..., Path], name: str) -> None:
    path = write(tmp_path / "a", {"good": b"1", name: b"2"})
    assert error_of(path) == (
        f"{path}: the member '{name}' leads out of the folder that it is unpacked to; nothing is unpacked. {ADVICE}"
    )


def test_d31_a_link_in_a_zip(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a", {"link": b"/etc/passwd"}, lambda info: setattr(info, "external_attr", 0o120777 << 16))
    assert error_of(path) == f"{path}: the member 'link' is a link; nothing is unpacked. {ADVICE}"


@pytest.mark.parametrize(
    ("kind", "word"), [(tarfile.SYMTYPE, "link"), (tarfile.LNKTYPE, "link"), (tarfile.FIFOTYPE, "device")]
)
def test_d31_a_link_or_device_in_a_tar(tmp_path: Path, kind: bytes, word: str) -> None:
    path = tar_of(tmp_path / "a", {"x": b""}, type=kind, linkname="good")
    assert error_of(path) == f"{path}: the member 'x' is a {word}; nothing is unpacked. {ADVICE}"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "1")
        archive.writestr("x", "2")
    assert error_of(path) == f"{path}: the member 'x' stands there twice, or has no name; nothing is unpacked. {ADVICE}"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("y" * 300, "File name too long"), ("x/y", "File exists"), ("x/y/z", "Not a directory")],
)
@pytest.mark.parametrize("write", [zip_of, tar_of])
def test_a_name_that_no_file_can_have(tmp_path: Path, write: Callable[..., Path], name: str, reason: str) -> None:
    """Too long, or below another file."""
    path = write(tmp_path / "a", {"x": b"1", name: b"2"})
    assert error_of(path) == (
        f"{path}: the member '{cut(name)}' has a name that no file can have there ({reason}); nothing is unpacked. "
        f"{ADVICE}"
    )


def test_more_bytes_than_images_are_compressed_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SMALL", 1000)
    path = zip_of(tmp_path / "a", {"x": bytes(5_000_000)})
    size = path.stat().st_size
    assert error_of(path) == (
        f"{path}: the member 'x' brings the unpacked bytes to 5,000,000; at most {size * 200:,} are what images "
        f"compressed to {size:,} bytes make; nothing is unpacked. {ADVICE}"
    )


def test_a_member_that_holds_more_than_it_declares(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a", {"x": b"y" * 100})
    raw = path.read_bytes()
    place = raw.rindex(b"PK\x01\x02") + 24  # the size in the list at the end
    path.write_bytes(raw[:place] + (60).to_bytes(4, "little") + raw[place + 4 :])
    assert error_of(path).startswith(f"{path}: cannot be unpacked (BadZipFile: Bad CRC-32 for file 'x').")


def test_damaged_archives(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "a", {"x": np.random.default_rng(0).bytes(100_000)}, "w:gz")
    path.write_bytes(path.read_bytes()[:50_000])
    assert error_of(path) == (
        f"{path}: cannot be unpacked (ReadError: unexpected end of data). "
        "Copy it again, or unpack it with the program that made it and name the folder."
    )
    assert not is_archive(tmp_path / "absent")
    (tmp_path / "text").write_text("hello")
    assert not is_archive(tmp_path / "text")

"""Texts in the headers of NIfTI and NRRD files."""

from __future__ import annotations

import gzip
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from mmcare.cohort.deidentify.checks.looks import looks_like

__all__ = ["in_nifti", "in_nrrd"]

_MOST_HEADER_BYTES = 1 << 20
_TOOLS = re.compile(
    r"(?:FSL|SPM|MATLAB|ITK|SimpleITK|dcm2niix?|nibabel|NiBabel|AFNI|ANTs|Slicer|MONAI|c3d|elastix|FreeSurfer)"
    r"[\w .:/=+-]{0,40}",
    re.ASCII,
)
_DICOM_EXTENSION = 2
"""Code of an extension that holds DICOM elements (nifti.nimh.nih.gov)."""
_TEXTS = {
    348: {
        "data_type": (4, 10),
        "db_name": (14, 18),
        "descrip": (148, 80),
        "aux_file": (228, 24),
        "intent_name": (328, 16),
    },
    540: {"descrip": (240, 80), "aux_file": (320, 24), "intent_name": (508, 16)},
}
"""Place and length of each text in a header of that size (nifti1.h, nifti2.h)."""
_VOXELS_AT = {348: (108, "f"), 540: (168, "q")}
"""Place and form of the number that says where the voxels begin."""


def in_nifti(path: Path) -> Iterator[tuple[str, str]]:
    """Texts (place, what it looks like) in the header and its extensions; `a text` where nothing more can be said.

    Raises:
        OSError: It is damaged.
    """
    start = _start(path)
    order, size = _order_and_size(start)
    for name, (place, length) in _TEXTS.get(size, {}).items():
        yield from _found(name, start[place : place + length].split(b"\0")[0])
    if size in _TEXTS and start[size : size + 1] not in (b"", b"\0"):
        yield from _extensions(start[size + 4 :], "little" if order == "<" else "big")


def _extensions(rest: bytes, order: Literal["little", "big"]) -> Iterator[tuple[str, str]]:
    """Each is its length, a code, and its content."""
    while len(rest) >= 8:
        length, code = (int.from_bytes(rest[at : at + 4], order) for at in (0, 4))
        if length < 8 or length % 16:
            return
        content = rest[8:length].rstrip(b"\0")
        if code == _DICOM_EXTENSION:
            yield "extension", "DICOM elements"
        else:
            yield from _found("extension", content)
        rest = rest[length:]


def _found(place: str, content: bytes) -> Iterator[tuple[str, str]]:
    text = content.decode("utf-8", "replace").strip()
    if text and not _TOOLS.fullmatch(text):
        yield place, looks_like(text) or "a text"


def _start(path: Path) -> bytes:
    """The header and what lies before the voxels, decompressed."""
    with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
        start = file.read(540)
        return start + file.read(max(0, _header_bytes(start) - len(start)))


def _header_bytes(start: bytes) -> int:
    order, size = _order_and_size(start)
    if size not in _VOXELS_AT or len(start) < size:
        return 0
    place, form = _VOXELS_AT[size]
    (begin,) = struct.unpack_from(order + form, start, place)
    return int(begin) if 0 <= begin < _MOST_HEADER_BYTES else _MOST_HEADER_BYTES


def _order_and_size(start: bytes) -> tuple[str, int]:
    """Byte order (`<`, `>`) and size of the header, 0 where it is none."""
    sizes = {order: struct.unpack(f"{order}i", start[:4])[0] for order in ("<", ">")} if len(start) >= 4 else {}
    return next(((order, size) for order, size in sizes.items() if size in _TEXTS), ("<", 0))


def in_nrrd(path: Path) -> Iterator[tuple[str, str]]:
    """Lines (field, what it looks like) of the text header."""
    with path.open("rb") as file:
        header = file.read(_MOST_HEADER_BYTES).split(b"\n\n")[0].decode("utf-8", "replace")
    for line in header.splitlines()[1:]:
        field, _, text = line.partition(":")
        if looks_like(text.lstrip("= ")):
            yield field.strip()[:40], looks_like(text.lstrip("= "))

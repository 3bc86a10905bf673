"""DICOM files opened by their content, those without preamble too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmcare.formats.dicom_headers import is_bare, transfer_syntax

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["is_dicom", "read_dicom"]

_START = 132


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(_START)
    return start[128:] == b"DICM" or is_bare(start)


def read_dicom(path: Path, only: Sequence[str] = (), pixels: bool = True) -> Dataset:
    """The data set of a file, its file meta completed with the transfer syntax where that is missing.

    Args:
        path: The file.
        only: Keywords of the elements to read; empty: all of them.
        pixels: Whether the pixel data are read.

    Raises:
        Exception: Whatever a damaged file makes pydicom stumble over.
    """
    from pydicom import dcmread

    dataset = dcmread(path, force=True, stop_before_pixels=not pixels, specific_tags=list(only) or None)
    dataset.file_meta.TransferSyntaxUID = transfer_syntax(dataset)
    return dataset

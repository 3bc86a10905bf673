"""Pixel data as numbers and nothing else: no text in a compressed stream, behind the last pixel or in unused bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmcare.cohort.deidentify.held_back import HeldBack, HeldBackError
from mmcare.errors import cut

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["exact_pixels"]


def exact_pixels(source: Dataset) -> bytes:
    """The pixels, uncompressed and little-endian, as many bytes as rows, columns, frames and bits make.

    Compressed data are decoded, for their streams have room for comments; bits beyond those stored, where older files
    hide overlays, become what the stored bits make them.

    Raises:
        HeldBackError: There are none, they are damaged, or no decoder is installed.
    """
    from pydicom.pixels import pixel_array

    if "PixelData" not in source:
        raise HeldBackError(HeldBack("damaged", "it holds no pixel data.", "Export it again."))
    try:
        values = pixel_array(source, raw=True)
    # Decoders raise whatever a damaged stream makes them stumble over.
    except Exception as error:
        syntax = getattr(getattr(source, "file_meta", None), "TransferSyntaxUID", None)
        if syntax is not None and syntax.is_compressed:
            what = f"its pixel data ({syntax.name}) cannot be decoded ({cut(f'{type(error).__name__}: {error}', 200)})."
            todo = "Install the decoder that pydicom names, or export the file uncompressed."
            raise HeldBackError(HeldBack("no-decoder", what, todo)) from error
        what = f"its pixel data are damaged ({cut(f'{type(error).__name__}: {error}', 200)})."
        raise HeldBackError(HeldBack("damaged", what, "Export it again.")) from error
    if int(source.BitsAllocated) == 1:
        return np.packbits(values.astype(np.uint8).ravel(), bitorder="little").tobytes()
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()

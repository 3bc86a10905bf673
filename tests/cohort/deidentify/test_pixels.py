"""Pixel data hold numbers and nothing else, whatever the transfer syntax."""

from __future__ import annotations

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import MPEG2MPML, ExplicitVRBigEndian, RLELossless

from mmcare.cohort.deidentify import Deidentifier, HeldBack, file_bytes
from tests.cohort.deidentify import planted

SECRET = b"QZ99PLANT"


def pixels(made: Dataset | HeldBack) -> np.ndarray:
    assert isinstance(made, Dataset), made
    assert made.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    return np.frombuffer(made.PixelData, "<u2").reshape(planted.SIZE, planted.SIZE)


def test_a_text_in_a_compressed_stream_is_gone(deidentifier: Deidentifier) -> None:
    ds = planted.ct(1)
    ds.compress(RLELossless)
    (frame,) = generate_frames(ds.PixelData, number_of_frames=1)
    ds.PixelData = encapsulate([frame + SECRET.ljust(16, b"\0")])
    made = deidentifier.dataset(ds)
    np.testing.assert_array_equal(pixels(made), planted.stored(1))
    assert SECRET not in file_bytes(made)  # type: ignore[arg-type]


def test_an_overlay_in_unused_bits_is_gone(deidentifier: Deidentifier) -> None:
    """Letters in the four bits above the twelve stored, as old overlays lie there."""
    ds = planted.ct(0)
    ds.BitsStored, ds.HighBit = 12, 11
    letters = np.resize(np.frombuffer(SECRET, np.uint8), planted.SIZE**2).reshape(planted.SIZE, -1)
    hidden = planted.stored(0) | (letters.astype("<u2") & 0xF) << 12
    assert (hidden != planted.stored(0)).any()
    ds.PixelData = hidden.astype("<u2").tobytes()
    np.testing.assert_array_equal(pixels(deidentifier.dataset(ds)), planted.stored(0))


def test_negative_pixels_of_twelve_bits_keep_their_value(deidentifier: Deidentifier) -> None:
    ds = planted.ct(0)
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 12, 11, 1
    values = np.arange(-32, 32, dtype="<i2")
    ds.PixelData = values.tobytes()
    made = deidentifier.dataset(ds)
    assert isinstance(made, Dataset)
    np.testing.assert_array_equal(np.frombuffer(made.PixelData, "<i2"), values)


def test_big_endian_pixels_are_turned(deidentifier: Deidentifier) -> None:
    ds = planted.ct(2)
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    ds.PixelData = planted.stored(2).astype(">u2").tobytes()
    np.testing.assert_array_equal(pixels(deidentifier.dataset(ds)), planted.stored(2))


def test_a_padding_value_is_kept_with_the_sign_of_the_pixels(deidentifier: Deidentifier) -> None:
    ds = planted.ct(0)
    ds.PixelRepresentation = 1
    ds.add_new("PixelPaddingValue", "SS", -2000)
    made = deidentifier.dataset(ds)
    assert isinstance(made, Dataset)
    assert (made.PixelPaddingValue, made["PixelPaddingValue"].VR) == (-2000, "SS")


def test_cut_pixels_are_held_back(deidentifier: Deidentifier) -> None:
    ds = planted.ct(0)
    ds.PixelData = ds.PixelData[:40]
    made = deidentifier.dataset(ds)
    assert isinstance(made, HeldBack)
    assert made.code == "damaged"
    assert made.what.startswith("its pixel data are damaged (ValueError: ")


def test_a_syntax_without_a_decoder_is_named(deidentifier: Deidentifier) -> None:
    ds = planted.ct(0)
    ds.PixelData = encapsulate([b"\xff\x4f" + SECRET])
    ds.file_meta.TransferSyntaxUID = MPEG2MPML
    made = deidentifier.dataset(ds)
    assert isinstance(made, HeldBack)
    assert made.code == "no-decoder"
    assert made.what.startswith("its pixel data (MPEG2 Main Profile / Main Level) cannot be decoded (")
    assert made.todo == "Install the decoder that pydicom names, or export the file uncompressed."


def test_a_data_set_without_file_meta_is_named(deidentifier: Deidentifier) -> None:
    ds = planted.ct(0)
    del ds.file_meta
    made = deidentifier.dataset(ds)
    assert isinstance(made, HeldBack)
    assert (made.code, made.todo) == ("damaged", "Export it again.")

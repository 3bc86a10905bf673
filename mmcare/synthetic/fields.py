"""Random fields in a cube of 96 mm: the same on any grid of it, for Fourier modes are drawn and not voxels."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import fft

__all__ = ["FIELD_OF_VIEW_MM", "Box", "Voxels", "power_law_field", "smooth_field"]

Voxels = npt.NDArray[np.float32]
Box = tuple[slice, slice, slice]
FIELD_OF_VIEW_MM = 96.0
_SHORTEST_WAVE_MM = 4.0
_ALL: Box = (slice(None), slice(None), slice(None))


def smooth_field(rng: np.random.Generator, size: int, length_mm: float, sd: float, box: Box = _ALL) -> Voxels:
    """A Gaussian field of mean 0: white noise blurred by a Gaussian of half that length.

    Waves shorter than 4/3 of the length have less than a sixteenth of the amplitude, and are left out.

    Args:
        rng: Where its numbers come from; as many whatever the grid.
        size: Voxels of the cube along each axis, more than 96 mm / (2/3 of the length).
        length_mm: Of what it is made.
        sd: In HU.
        box: The part that is wanted.
    """
    return _field(rng, _gaussian_spectrum(length_mm), size, sd, box)


def power_law_field(rng: np.random.Generator, size: int, exponent: float, sd: float) -> Voxels:
    """A Gaussian field of mean 0, in waves from 4 mm on; amplitudes fall with frequency to the power `-exponent`."""
    return _field(rng, _power_law_spectrum(exponent), size, sd, _ALL)


@cache
def _gaussian_spectrum(length_mm: float) -> Voxels:
    return _to_unit_sd(np.exp(-2 * (np.pi * length_mm / 2 * _frequency(length_mm * 4 / 3)) ** 2))


@cache
def _power_law_spectrum(exponent: float) -> Voxels:
    return _to_unit_sd(np.maximum(_frequency(_SHORTEST_WAVE_MM), 1 / FIELD_OF_VIEW_MM) ** -exponent)


def _frequency(shortest_wave_mm: float) -> npt.NDArray[np.float64]:
    """|q| per mm of each mode of half the spectrum, as far as such waves need it."""
    modes = 2 * int(FIELD_OF_VIEW_MM / shortest_wave_mm)
    whole = fft.fftfreq(modes, FIELD_OF_VIEW_MM / modes)
    half = fft.rfftfreq(modes, FIELD_OF_VIEW_MM / modes)
    return np.asarray(np.sqrt(whole[:, None, None] ** 2 + whole[:, None] ** 2 + half**2))


def _to_unit_sd(amplitude: npt.NDArray[np.float64]) -> Voxels:
    """Scaled so that the field has SD 1.

    A mode of the half spectrum stands for itself and its mirror image, one of its first plane for half of one: only its
    real part is seen.
    """
    amplitude[0, 0, 0] = 0
    amplitude[..., 0] *= 2**0.5
    square = (amplitude[..., 0] ** 2).sum() + 4 * (amplitude[..., 1:] ** 2).sum()
    return np.asarray(amplitude / square**0.5, dtype=np.float32)


def _field(rng: np.random.Generator, amplitude: Voxels, size: int, sd: float, box: Box) -> Voxels:
    drawn = rng.standard_normal((*amplitude.shape, 2), dtype=np.float32)
    modes = drawn.view(np.complex64)[..., 0]
    modes *= amplitude
    modes *= np.float32(sd)
    planes = fft.ifft2(_on_grid(modes, size), axes=(0, 1), norm="forward", overwrite_x=True)
    return np.asarray(fft.irfft(planes[box[:2]], size, axis=2, norm="forward")[:, :, box[2]])


def _on_grid(modes: npt.NDArray[np.complex64], size: int) -> npt.NDArray[np.complex64]:
    """The same modes in the layout of a finer grid along the first two axes."""
    laid_out = np.zeros((size, size, modes.shape[2]), dtype=np.complex64)
    half = modes.shape[0] // 2
    low, high = slice(0, half), slice(-half, None)
    for x in (low, high):
        for y in (low, high):
            laid_out[x, y] = modes[x, y]
    return laid_out

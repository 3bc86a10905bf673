"""From a DICOM series to a cached crop, beside MONAI's LoadImage, Spacing and SpatialCrop.

A CT of 512 x 512 x 134 voxels is drawn and written as DICOM, or a folder is given; the crop is 64 voxels of 1.4 mm a
side (from 1.47 mm on, ours smooths first, MONAI's never). Its place is a part of the grid that MONAI resamples the
whole volume to, so that both sides interpolate the same points. Crops are compared first; then both sides run in turn,
in one process, on one thread, and the CPU time of the quickest round of each counts. Ours includes writing the crop to
the cache. Ends with exit code 1 where the ratio is below 8 or the two disagree.

    python benchmarks/dicom_crop.py [FOLDER] [REPEATS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms import LoadImage, Spacing, SpatialCrop
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from scipy.ndimage import gaussian_filter

from mmcare.cache import Cache
from mmcare.components import Region, Source
from mmcare_imaging.ct import CT
from mmcare_imaging.plugin import CTConfig

SIDE, SLICES, PIXEL_MM, STEP_MM = 512, 134, 0.9765625, 3.0
SIZE, SPACING_MM = 64, 1.4
NEEDED, ALLOWED_HU = 8.0, 1.0
Crop = Callable[[], np.ndarray]


def write_series(folder: Path) -> None:
    """Smooth noise between lung and bone, a file a slice."""
    generator = np.random.default_rng(0)
    noise = gaussian_filter(generator.standard_normal((SLICES, 128, 128)), (1, 4, 4))
    hu = (noise.repeat(4, 1).repeat(4, 2) * 4000 - 300).clip(-1000, 2000).astype(np.int16)
    for index in range(SLICES):
        dataset = _slice(folder / f"{SLICES - index:03d}", index)
        dataset.PixelData = (hu[index] + 1024).astype("<u2").tobytes()
        dataset.save_as(dataset.filename)


def _slice(path: Path, index: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, f"1.2.3.{index + 1}"
    dataset.Modality, dataset.SeriesInstanceUID, dataset.StudyInstanceUID = "CT", "1.2.3", "1.2"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Rows = dataset.Columns = SIDE
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelSpacing, dataset.ImageOrientationPatient = [PIXEL_MM, PIXEL_MM], [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient, dataset.InstanceNumber = [-250, -250, STEP_MM * index], index + 1
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    return dataset


def resampled(folder: Path) -> Any:
    """The whole volume by MONAI, (1, i, j, k) with its affine."""
    load = LoadImage(reader="PydicomReader", ensure_channel_first=True, image_only=True)
    return Spacing(pixdim=(SPACING_MM,) * 3, mode="bilinear")(load(str(folder)))


def monai(folder: Path, start: Sequence[int]) -> Crop:
    """LoadImage, Spacing, SpatialCrop; axes turned to RAS+."""
    crop = SpatialCrop(roi_start=start, roi_end=[s + SIZE for s in start])

    def run() -> np.ndarray:
        found = crop(resampled(folder))
        values = found[0].numpy()
        flips = tuple(axis for axis in range(3) if float(found.affine[axis, axis]) < 0)
        return np.flip(values, flips)

    return run


def ours(folder: Path, centre_mm: np.ndarray, cache: Cache) -> Crop:
    """The CT modality: read, cut, keep."""
    modality = CT(CTConfig(size=(SIZE,) * 3, spacing_mm=SPACING_MM, margin_mm=10))
    source = Source(
        root=folder.parent,
        key="ct",
        entry={"files": folder.name},
        columns={},
        patients_file="patients.csv",
        id="patient_id",
    )
    region = Region(lower_mm=centre_mm - 10, upper_mm=centre_mm + 10, mask=None, key="middle")

    def run() -> np.ndarray:
        prepared = modality.prepare(modality.read(source, "P1"), region)  # type: ignore[arg-type]
        cache.put("0" * 64, prepared)
        return prepared.arrays["hu"]

    return run


def seconds(crop: Crop) -> float:
    """CPU time of one crop: other work on the machine does not count."""
    start = time.process_time()
    crop()
    return time.process_time() - start


def compare(folder: Path, repeats: int, cache: Cache) -> int:
    """Equality, then time."""
    whole = resampled(folder)
    start = [(n - SIZE) // 2 for n in whole.shape[1:]]
    centre_mm = (whole.affine.numpy() @ [*(np.array(start) + (SIZE - 1) / 2), 1.0])[:3]
    mine, other = ours(folder, centre_mm, cache), monai(folder, start)
    difference = float(np.abs(mine() - other()).max())
    print(f"largest difference {difference:.2f} HU (ours is rounded to whole HU)")
    if difference > ALLOWED_HU:
        return 1
    rounds = [(seconds(mine), seconds(other)) for _ in range(repeats)]
    a, b = min(a for a, _ in rounds), min(b for _, b in rounds)
    print(f"DICOM to cached crop {1000 * a:.0f} ms, MONAI {1000 * b:.0f} ms, ratio {b / a:.1f}")
    return 0 if b / a >= NEEDED else 1


def main(arguments: Sequence[str]) -> int:
    """Draw or take a series, compare, judge."""
    torch.set_num_threads(1)
    repeats = int(arguments[1]) if len(arguments) > 1 else 5
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments[0]) if arguments else Path(temporary) / "series"
        if not arguments:
            folder.mkdir()
            write_series(folder)
        return compare(folder, repeats, Cache(Path(temporary) / "cache"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

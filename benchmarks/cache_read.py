"""A cached crop read by our cache, beside MONAI's PersistentDataset.

The crop is what the CT modality keeps of 64 voxels a side: HU as int16 and a mask as bool, and both sides keep and give
back just that, as NumPy arrays; the first pass compares types, shapes and values. MONAI's usual transforms end in
float32, which makes its files larger and its reads slower: that is left out, in MONAI's favour.

Two ratios, all in one process on one thread, each from the CPU time of the quickest round. *Read*: from the key to the
arrays, by MONAI from the item (its hash of the item, which is its key, is a part of its read and cannot be taken out).
*Found and read*: ours also makes the key anew from the digests of the patient's two files, which it remembers by path,
size and time; MONAI's key knows their names only. Ours verifies an entry's checksum, MONAI's does not. The files are in
the page cache. Ends with exit code 1 where the two disagree or *read* is below 3.

    python benchmarks/cache_read.py [ITEMS] [REPEATS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from monai.data import PersistentDataset
from monai.transforms import Compose, Transform
from scipy.ndimage import gaussian_filter

from mmcare.cache import Cache
from mmcare.components import Prepared
from mmcare.formats.digest import key_of

SIZE, NEEDED = 64, 3.0
Arrays = Mapping[str, np.ndarray]
Read = Callable[[int], Arrays]


def crop(item: int) -> dict[str, np.ndarray]:
    """Smooth noise in HU, and a ball."""
    generator = np.random.default_rng(item)
    noise = gaussian_filter(generator.standard_normal((SIZE,) * 3), 2)
    distance = np.linalg.norm(np.indices((SIZE,) * 3) - SIZE / 2, axis=0)
    return {"hu": (noise * 4000 - 300).clip(-1000, 2000).astype(np.int16), "mask": distance < 12}


def patients_files(folder: Path, items: int) -> list[tuple[Path, Path]]:
    """A CT and a mask a patient, for the names and digests in keys; what is in them does not matter here."""
    files = [(folder / f"P{item:03d}.nii.gz", folder / f"P{item:03d}_gtv.nii.gz") for item in range(items)]
    for pair in files:
        for path in pair:
            path.write_bytes(path.name.encode())
    return files


def ours(folder: Path, files: Sequence[tuple[Path, Path]]) -> tuple[Read, Read]:
    """Kept once; read by key, and by a key made anew."""
    cache = Cache(folder)

    def key(item: int) -> str:
        return key_of(cache.digests(files[item]), "config")

    keys = [key(item) for item in range(len(files))]
    for item, known in enumerate(keys):
        cache.put(known, Prepared({}, crop(item)))

    def read(item: int, known: str | None = None) -> Arrays:
        found = cache.get(known or key(item))
        assert found is not None, "it was kept"
        return found.arrays

    return lambda item: read(item, keys[item]), read


class Cropped(Transform):
    """MONAI keeps what its own kind of transform gives; what a plain function gives it would make anew each time."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, item: Mapping[str, str]) -> dict[str, torch.Tensor]:
        self.made += 1
        number = int(Path(item["image"]).name[1:4])
        return {name: torch.from_numpy(values) for name, values in crop(number).items()}


def monai(folder: Path, files: Sequence[tuple[Path, Path]], transform: Cropped) -> Read:
    """Kept by the first pass, read by place."""
    items = [{"image": str(image), "mask": str(mask)} for image, mask in files]
    dataset = PersistentDataset(items, Compose([transform]), cache_dir=folder)
    for item in range(len(items)):
        dataset[item]
    return lambda item: {name: tensor.numpy() for name, tensor in dataset[item].items()}


def same(a: Arrays, b: Arrays) -> bool:
    """Names, types, shapes and values."""
    return a.keys() == b.keys() and all(
        type(a[name]) is type(b[name]) and a[name].dtype == b[name].dtype and np.array_equal(a[name], b[name])
        for name in a
    )


def seconds(read: Read, items: int) -> float:
    """CPU time of reading every item: other work on the machine does not count."""
    start = time.process_time()
    for item in range(items):
        read(item)
    return time.process_time() - start


def main(arguments: Sequence[str]) -> int:
    """Keep, compare, judge."""
    torch.set_num_threads(1)
    items, repeats = (int(a) for a in (*arguments, *("100", "15")[len(arguments) :]))
    with tempfile.TemporaryDirectory() as temporary:
        folder, transform = Path(temporary), Cropped()
        files = patients_files(folder, items)
        (by_key, found), other = ours(folder / "ours", files), monai(folder / "monai", files, transform)
        equal = all(same(read(item), other(item)) for read in (by_key, found) for item in range(items))
        print(f"{items} crops of {SIZE} voxels a side, int16 and bool: {'equal' if equal else 'NOT equal'}")
        rounds = [[seconds(read, items) for read in (by_key, found, other)] for _ in range(repeats)]
        if not equal or transform.made != items:
            return 1
    a, b, c = (1000 * min(side) / items for side in zip(*rounds, strict=True))
    print(f"read: {a:.3f} ms, MONAI {c:.3f} ms, ratio {c / a:.1f}")
    print(f"found and read: {b:.3f} ms, MONAI {c:.3f} ms, ratio {c / b:.1f}")
    return 0 if c / a >= NEEDED else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

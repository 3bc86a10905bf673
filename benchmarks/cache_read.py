"""A cached crop read by our cache, beside MONAI's PersistentDataset.

The crop is what the CT modality keeps of 64 voxels a side: HU as int16 and a mask. MONAI keeps the tensors that its
transforms end in, float32 image and mask, of the same numbers, and its default hashing of the item is part of a read,
as finding the entry is of ours. Ours checks the entry's digest. Both sides are read and compared first; then they run
in turn, in one process, on one thread, and the CPU time of the quickest round of each counts. Ends with exit code 1
where the ratio is below 3 or the two disagree.

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
from scipy.ndimage import gaussian_filter

from mmcare.cache import Cache
from mmcare.components import Prepared
from mmcare.formats.digest import key_of

SIZE, NEEDED = 64, 3.0
Crop = tuple[np.ndarray, np.ndarray]
Read = Callable[[int], Crop]


def crop(item: int) -> Crop:
    """Smooth noise in HU, and a ball."""
    generator = np.random.default_rng(item)
    noise = gaussian_filter(generator.standard_normal((SIZE,) * 3), 2)
    distance = np.linalg.norm(np.indices((SIZE,) * 3) - SIZE / 2, axis=0)
    return (noise * 4000 - 300).clip(-1000, 2000).astype(np.int16), distance < 12


def ours(folder: Path, items: int) -> Read:
    """Kept once, read by key."""
    cache = Cache(folder)
    for item in range(items):
        hu, mask = crop(item)
        cache.put(key_of(item), Prepared({}, {"hu": hu, "mask": mask}))

    def read(item: int) -> Crop:
        found = cache.get(key_of(item))
        assert found is not None, "it was kept"
        return found.arrays["hu"], found.arrays["mask"]

    return read


def _tensors(item: Mapping[str, int]) -> Mapping[str, torch.Tensor]:
    hu, mask = crop(item["item"])
    return {"image": torch.from_numpy(hu)[None].float(), "mask": torch.from_numpy(mask)[None].float()}


def monai(folder: Path, items: int) -> Read:
    """Kept by the first pass, read by place."""
    dataset = PersistentDataset([{"item": item} for item in range(items)], _tensors, cache_dir=folder)
    for item in range(items):
        dataset[item]

    def read(item: int) -> Crop:
        found = dataset[item]
        return found["image"][0].numpy(), found["mask"][0].numpy()

    return read


def seconds(read: Read, items: int) -> float:
    """CPU time of reading every item: other work on the machine does not count."""
    start = time.process_time()
    for item in range(items):
        read(item)
    return time.process_time() - start


def main(arguments: Sequence[str]) -> int:
    """Keep, compare, judge."""
    torch.set_num_threads(1)
    items, repeats = (int(a) for a in (*arguments, *("100", "7")[len(arguments) :]))
    with tempfile.TemporaryDirectory() as temporary:
        mine, other = ours(Path(temporary) / "ours", items), monai(Path(temporary) / "monai", items)
        same = all(np.array_equal(a, b) for item in range(items) for a, b in zip(mine(item), other(item), strict=True))
        print(f"{items} crops of {SIZE} voxels a side: {'equal' if same else 'NOT equal'}")
        if not same:
            return 1
        rounds = [(seconds(mine, items), seconds(other, items)) for _ in range(repeats)]
    a, b = (1000 * min(side) / items for side in zip(*rounds, strict=True))
    print(f"a cached crop {a:.2f} ms, MONAI {b:.2f} ms, ratio {b / a:.1f}")
    return 0 if b / a >= NEEDED else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

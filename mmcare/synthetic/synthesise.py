"""A whole synthetic cohort: drawn, written with full CTs, its truth beside it with curves and oracles, in parallel."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmcare.errors import Finding, MMCareError
from mmcare.formats import write_nifti
from mmcare.formats.atomic import new_folder
from mmcare.synthetic.draw import Draw, draw
from mmcare.synthetic.items import taken
from mmcare.synthetic.oracle import ENOUGH
from mmcare.synthetic.persons import CTParameters, Ints, SiteEffects
from mmcare.synthetic.scene import SIZES, render_scene
from mmcare.synthetic.truth_files import Truth, true_curves, write_curves, write_oracle, write_world
from mmcare.synthetic.write import CT_ENTRY, DICTIONARY, Progress, patient_id, write_tables, write_truth
from mmcare.workers import in_order, processes

__all__ = ["Contents", "Synthesised", "synthesise"]

_AT_ONCE = 10
_WRITTEN_AT = 1_577_836_800
"""2020-01-01: when every file says it was written, so that how long a CT took says nothing of the patient."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is written.

    Attributes:
        size_voxels: Of a CT along each axis, 64 or 96; None for a cohort of tables only.
        oracle: Whether the truth holds what each set of modalities can tell.
    """

    size_voxels: int | None = 64
    oracle: bool = True


@dataclass(frozen=True, slots=True)
class Synthesised:
    """What was made: the cohort's folder, its truth's, and both as they were drawn.

    Attributes:
        enough: Effective draws that an oracle should rest on.
    """

    cohort: Path
    truth: Path
    drawn: Draw
    curves: Truth
    enough: int = ENOUGH


@dataclass(frozen=True, slots=True)
class _CTs:
    ct: CTParameters
    sites: SiteEffects
    site: Ints
    seed: int
    patients: Sequence[int]
    size_voxels: int
    folder: Path


def synthesise(
    folder: Path,
    world: str,
    n: int,
    seed: int,
    contents: Contents | None = None,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Synthesised:
    """Write a cohort to `folder`, and its truth to the sibling `NAME.truth`.

    The cohort appears last, and whole. The same world, n and seed give the same bytes, whatever the number of workers.

    Args:
        folder: Must not exist, or be empty; its truth's as well.
        world: Name of a world.
        n: Patients, at least 1.
        seed: Any non-negative number.
        contents: What is written.
        workers: Processes; with more than one, a script needs `if __name__ == "__main__":`.
        progress: Told how far it is.

    Raises:
        MMCareError: There is no such world, size or number, a folder is in use or cannot be written, or a worker was
            killed.
    """
    contents = contents or Contents()
    _check(n, seed, contents)
    folder = folder if folder.name not in ("", "..") else folder.resolve()
    beside = folder.with_name(f"{folder.name}.truth") if folder.name else folder
    with new_folder(folder) as cohort, new_folder(beside) as truth_folder, processes(workers) as pool:
        drawn = draw(world, n, seed)
        write_tables(drawn, cohort, DICTIONARY if contents.size_voxels else DICTIONARY.replace(CT_ENTRY, ""))
        if contents.size_voxels:
            _write_cts(drawn, cohort / "ct", contents.size_voxels, pool, progress)
        truth = true_curves(drawn, contents.oracle, pool, progress)
        write_truth(drawn, truth_folder)
        write_curves(truth, truth_folder)
        if contents.oracle:
            write_oracle(drawn, truth, truth_folder)
        write_world(drawn, truth, contents.size_voxels, truth_folder)
        _set_times(cohort)
    return Synthesised(folder, beside, drawn, truth)


def _check(n: int, seed: int, contents: Contents) -> None:
    if n < 1:
        raise MMCareError(Finding(what=f"{n} patients cannot be drawn; it takes at least 1."))
    if seed < 0:
        raise MMCareError(Finding(what=f"the seed is {seed}; seeds are 0 and above."))
    if contents.size_voxels is not None and contents.size_voxels not in SIZES:
        sizes = " or ".join(map(str, SIZES))
        raise MMCareError(Finding(what=f"CTs of {contents.size_voxels} voxels an axis are not drawn; {sizes} are."))


def _write_cts(
    drawn: Draw, folder: Path, size: int, pool: ProcessPoolExecutor | None, progress: Progress | None
) -> None:
    folder.mkdir()
    tasks, done = [], 0
    for start in range(0, len(drawn), _AT_ONCE):
        rows = np.arange(start, min(start + _AT_ONCE, len(drawn)))
        ct, site = taken(drawn.ct, rows), drawn.latents.site[rows]
        tasks.append(_CTs(ct, drawn.sites, site, drawn.seed, rows.tolist(), size, folder))
    for count in in_order(_write_some, tasks, pool):
        done += count
        if progress is not None:
            progress("drawing CTs", done, len(drawn))


def _write_some(task: _CTs) -> int:
    for row, number in enumerate(task.patients):
        site = int(task.site[row])
        ct = render_scene(task.ct, task.sites, site, task.seed, number, task.size_voxels, row)
        write_nifti(task.folder / f"{patient_id(number)}.nii.gz", ct.hu, ct.affine)
        write_nifti(task.folder / f"{patient_id(number)}_gtv.nii.gz", ct.mask, ct.affine)
    return len(task.patients)


def _set_times(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        os.utime(path, (_WRITTEN_AT, _WRITTEN_AT))
    os.utime(folder, (_WRITTEN_AT, _WRITTEN_AT))

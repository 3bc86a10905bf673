"""Folders of the Medical Segmentation Decathlon: `dataset.json` names each image and its mask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mmcare.errors import CohortError, Finding, cut

__all__ = ["DATASET", "read_decathlon"]

DATASET = "dataset.json"
_TODO = "Take the folder as the Decathlon publishes it: dataset.json beside imagesTr/ and labelsTr/."


def read_decathlon(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Image and mask of each training case, by the image's name without its ending.

    Raises:
        CohortError: `dataset.json` cannot be read, names no training case, one twice, or a file that is not there or
            outside the folder.

    Source:
        Antonelli et al. 2022 (10.1038/s41467-022-30695-9).
    """
    file = folder / DATASET
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CohortError(Finding(file=file, what=f"is no JSON: {error}.", todo=_TODO)) from error
    cases = data.get("training") if isinstance(data, dict) else None
    if not isinstance(cases, list) or not cases:
        raise CohortError(Finding(file=file, what="has no list `training` with cases.", todo=_TODO))
    findings = list(_wrong(file, cases))
    if findings:
        raise CohortError(findings)
    return {_name(case["image"]): (folder / case["image"], folder / case["label"]) for case in cases}


def _wrong(file: Path, cases: list[object]) -> Iterator[Finding]:
    seen: set[str] = set()
    for number, case in enumerate(cases):
        key = f"training.{number}"
        if not isinstance(case, dict) or not all(isinstance(case.get(name), str) for name in ("image", "label")):
            yield Finding(
                file=file, key=key, what=f"expected `image` and `label`, found {cut(repr(case))}.", todo=_TODO
            )
            continue
        for name in ("image", "label"):
            what = _unusable(file.parent, case[name])
            if what:
                yield Finding(file=file, key=f"{key}.{name}", what=what, todo=_TODO)
        if _name(case["image"]) in seen:
            yield Finding(file=file, key=key, what=f"the case {cut(_name(case['image']))} is there twice.", todo=_TODO)
        seen.add(_name(case["image"]))


def _unusable(folder: Path, name: str) -> str:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        return f"{cut(name)} lies outside the folder."
    return "" if path.is_file() else f"there is no file {cut(name)}."


def _name(image: str) -> str:
    return PurePosixPath(image).name.removesuffix(".gz").removesuffix(".nii")

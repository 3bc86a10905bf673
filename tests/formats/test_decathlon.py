"""Folders of the Medical Segmentation Decathlon."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmcare.errors import CohortError
from mmcare.formats.decathlon import read_decathlon

TODO = "Take the folder as the Decathlon publishes it: dataset.json beside imagesTr/ and labelsTr/."


def write(folder: Path, training: object) -> None:
    for name in ("imagesTr/lung_001.nii.gz", "labelsTr/lung_001.nii.gz"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    (folder / "dataset.json").write_text(json.dumps({"name": "Lung", "training": training}))


def message(folder: Path) -> list[str]:
    with pytest.raises(CohortError) as caught:
        read_decathlon(folder)
    return str(caught.value).splitlines()


CASE = {"image": "./imagesTr/lung_001.nii.gz", "label": "./labelsTr/lung_001.nii.gz"}


def test_each_case_has_an_image_and_a_mask(tmp_path: Path) -> None:
    write(tmp_path, [CASE])
    found = read_decathlon(tmp_path)
    assert {name: tuple(f.relative_to(tmp_path).as_posix() for f in files) for name, files in found.items()} == {
        "lung_001": ("imagesTr/lung_001.nii.gz", "labelsTr/lung_001.nii.gz")
    }


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    write(tmp_path, [CASE, CASE, {"image": "../other.nii.gz", "label": "./labelsTr/lung_002.nii.gz"}, "lung_003"])
    file = tmp_path / "dataset.json"
    assert message(tmp_path) == [
        f"{file}, training.1: the case lung_001 is there twice. {TODO}",
        f"{file}, training.2.image: ../other.nii.gz lies outside the folder. {TODO}",
        f"{file}, training.2.label: there is no file ./labelsTr/lung_002.nii.gz. {TODO}",
        f"{file}, training.3: expected `image` and `label`, found 'lung_003'. {TODO}",
    ]


def test_without_cases(tmp_path: Path) -> None:
    write(tmp_path, [])
    assert message(tmp_path) == [f"{tmp_path / 'dataset.json'}: has no list `training` with cases. {TODO}"]


def test_no_json(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text("{")
    assert message(tmp_path) == [
        f"{tmp_path / 'dataset.json'}: is no JSON: Expecting property name enclosed in double quotes: "
        f"line 1 column 2 (char 1). {TODO}"
    ]

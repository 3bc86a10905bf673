"""`mmcare cohort cache`: what it prints and refuses, how it ends, and what is left in the cache."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest

from mmcare.cli.main import main

Capture = pytest.CaptureFixture[str]
DICTIONARY = """\
mmcare_cohort: 1
patients: {file: patients.csv, id: id}
endpoints: {os: {time: t, event: e, horizons: [1]}}
columns: {age: {type: number, unit: years}}
modalities: {ct: {files: "ct/{patient}.nii", mask: "ct/{patient}_gtv.nii"}}
"""
SPEC = """\
mmcare: 1
name: three
modalities:
  ct: {use: ct, size: [8, 8, 8], spacing_mm: 2.0, encoder: {use: resnet3d, backbone: resnet10t, stride: 8, dim: 8}}
  clinical: {use: table, encoder: {use: mlp, hidden: [8]}}
fusion: {use: concat, dim: 8}
head: {use: dual-task, endpoints: {os: {model: discrete}}}
"""
SEGMENTER = "mmcare: 1\nname: finder\nsegmenter: {use: unet3d}\n"
HEADER = "modality  there already  prepared  absent  made anew each time\n"
CLINICAL = "clinical              0         0       0                    3\n"


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Three patients, the third without a CT."""
    folder = tmp_path / "cohort"
    (folder / "ct").mkdir(parents=True)
    (folder / "cohort.yaml").write_text(DICTIONARY)
    (folder / "patients.csv").write_text("id,t,e,age\nP1,1,1,60\nP2,2,0,70\nP3,3,1,80\n")
    for number, patient in enumerate(("P1", "P2")):
        mask = np.zeros((12, 12, 12), np.int16)
        mask[4:7, 4:8, 5:7] = 1
        for end, values in (("", 800 * mask - 800 + np.int16(number)), ("_gtv", mask)):
            nibabel.save(nibabel.Nifti1Image(values, np.diag([2.0, 2, 2, 1])), folder / "ct" / f"{patient}{end}.nii")
    return folder


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    file = tmp_path / "three.yaml"
    file.write_text(SPEC)
    return file


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache's folder."""
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "inputs"


def fill(spec: Path, cohort: Path, *words: str) -> int:
    return main(["cohort", "cache", str(spec), "--cohort", str(cohort), "--workers", "1", *words])


def ct(there: int, prepared: int, absent: int = 1) -> str:
    return f"ct        {there:>13}  {prepared:>8}  {absent:>6}                    0\n"


def entries(cache: Path) -> list[Path]:
    return sorted(cache.glob("??/*.sample"))


def test_samples_are_prepared_once(spec: Path, cohort: Path, cache: Path, capfd: Capture) -> None:
    assert fill(spec, cohort) == 0
    assert capfd.readouterr() == (HEADER + ct(0, 2) + CLINICAL, "")
    assert fill(spec, cohort) == 0
    assert capfd.readouterr() == (HEADER + ct(2, 0) + CLINICAL, "")
    assert fill(spec, cohort, "--set", "modalities.ct.margin_mm=7") == 0
    assert capfd.readouterr() == (HEADER + ct(0, 2) + CLINICAL, "")
    assert len(entries(cache)) == 4


def test_a_changed_file_is_prepared_anew(spec: Path, cohort: Path, cache: Path, capfd: Capture) -> None:
    assert fill(spec, cohort) == 0
    image = cohort / "ct" / "P1.nii"
    content = bytearray(image.read_bytes())
    content[-1] ^= 1
    image.write_bytes(content)
    capfd.readouterr()
    assert fill(spec, cohort) == 0
    assert capfd.readouterr().out == HEADER + ct(1, 1) + CLINICAL


def test_the_size_is_shown(spec: Path, cohort: Path, cache: Path, capfd: Capture) -> None:
    shown = f"{cache}\nprepared samples   {{}}\ndigests of files   {{}}\nof killed writers  0  0.0 MB\n"
    assert main(["cohort", "cache", "--show"]) == 0
    assert capfd.readouterr() == (shown.format("0  0.0 MB", "0"), "")
    assert fill(spec, cohort, "--show") == 0
    assert capfd.readouterr() == (HEADER + ct(0, 2) + CLINICAL + shown.format("2  0.0 MB", "4"), "")


def test_a_damaged_entry_is_said_and_prepared_again(spec: Path, cohort: Path, cache: Path, capfd: Capture) -> None:
    assert fill(spec, cohort) == 0
    capfd.readouterr()
    damaged, _ = entries(cache)
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert fill(spec, cohort) == 0
    said = f"Warning: {damaged}: the cached sample is damaged; it is computed again.\n"
    assert capfd.readouterr() == (HEADER + ct(1, 1) + CLINICAL, said)
    assert damaged.read_bytes() == content


def test_a_file_that_cannot_be_used_is_named_and_the_others_are_kept(
    spec: Path, cohort: Path, cache: Path, capfd: Capture
) -> None:
    file = cohort / "ct" / "P2.nii"
    file.write_bytes(file.read_bytes()[:-100])
    assert fill(spec, cohort) == 1
    out, err = capfd.readouterr()
    assert out == HEADER + ct(0, 1) + CLINICAL
    assert err == (
        f"Error: {file}, patient P2: is cut or damaged: 3,808 bytes expected, 3,708 found.\n"
        "  Copy or export it again.\n"
    )
    assert len(entries(cache)) == 1


def test_old_entries_are_cleared(spec: Path, cohort: Path, cache: Path, capfd: Capture) -> None:
    assert fill(spec, cohort) == 0
    capfd.readouterr()
    old, young = entries(cache)
    left = young.with_name(".half.0123456789ab")
    left.write_bytes(b"half")
    long_ago = time.time() - 40 * 86_400
    for path in (old, left):
        os.utime(path, (long_ago, long_ago))
    assert main(["cohort", "cache", "--clear-older", "30"]) == 0
    said = "removed 1 prepared sample (0.0 MB), 0 digests of files and 1 file of killed writers\n"
    assert capfd.readouterr() == ("", said)
    assert entries(cache) == [young] and not left.exists()
    assert fill(spec, cohort) == 0
    assert capfd.readouterr().out == HEADER + ct(1, 1) + CLINICAL


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to do: name SPEC and `--cohort DIR`, or `--show`, or `--clear-older DAYS`."),
        (["SPEC"], "`--cohort DIR` is missing: mmcare cohort cache SPEC --cohort DIR."),
        (["--cohort", "COHORT"], "a spec is missing: mmcare cohort cache SPEC --cohort DIR."),
        (
            ["SPEC", "--cohort", "COHORT", "--workers", "-1"],
            "--workers: is -1; a number from 1 upwards is due, or 0 for as many as there are cores.\n"
            "  Give such a number.",
        ),
        (
            ["SPEC", "--cohort", "COHORT", "--set", "modalities.ct.from=pet"],
            "COHORT, modality pet: the cohort holds no modality `pet`; it holds: ct.\n"
            "  Add `pet` to `modalities` of cohort.yaml, take it out of the spec, or mark it `optional: true` there.",
        ),
    ],
)
def test_what_cannot_be_done_is_said(
    spec: Path, cohort: Path, cache: Path, capfd: Capture, words: list[str], message: str
) -> None:
    places = {"SPEC": str(spec), "COHORT": str(cohort)}
    assert main(["cohort", "cache", *(places.get(word, word) for word in words)]) == 2
    assert capfd.readouterr() == ("", f"Error: {message.replace('COHORT', str(cohort))}\n")
    assert not cache.exists()


def test_a_segmenter_is_refused(cohort: Path, cache: Path, tmp_path: Path, capfd: Capture) -> None:
    file = tmp_path / "finder.yaml"
    file.write_text(SEGMENTER)
    assert fill(file, cohort) == 2
    assert capfd.readouterr() == (
        "",
        "Error: the spec finder describes a segmenter, whose volumes `mmcare train` caches itself.\n"
        "  Name a spec with `modalities`.\n",
    )


def test_a_cache_that_cannot_be_written_ends_it(
    spec: Path, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "file"))
    assert fill(spec, cohort) == 2
    entry = rf"{re.escape(str(tmp_path))}/file/inputs/[0-9a-f]{{2}}/[0-9a-f]{{64}}\.2\.sample"
    out, err = capfd.readouterr()
    assert out == ""
    assert re.fullmatch(
        rf"Error: {entry}: cannot be written \([\d,]+ bytes\): Not a directory\.\n"
        r"  What should be a folder on the way is a file: write elsewhere\.\n",
        err,
    ), err

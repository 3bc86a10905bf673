"""Images that came to harm are imported, or refused in our own words; no file is lost, and nothing hangs."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from pathlib import Path

import nibabel
import numpy as np
import pytest

from mmcare.errors import Severity
from mmcare.formats import read_mask, read_volume
from mmcare.formats.image_files import ImageFiles, check_image_files
from mmcare.workflow.import_dicom import ImportOptions, import_dicom
from tests.damage import damaged

from .conftest import inside, tumour, write_ct, write_enhanced, write_rtstruct, write_seg

LONGEST_SECONDS = 10.0
MANY, MANY_VOLUMES = 1250, 5000
"""Of each of the four kinds of DICOM, and of NIfTI: 5,000 of either format."""
FEW = 40
KINDS = ("slice", "structure set", "segmentation", "multi-frame CT")
Sources = dict[str, tuple[Path, str]]


def written_patient(folder: Path, real_data: Path | None) -> Sources:
    """By what is damaged: the source of one patient, and the file that comes to harm."""
    ct = folder / "ct"
    if real_data is None:
        write_ct(ct)
        rtstruct, mask = write_rtstruct(folder / "rs", rois={"GTV-1": tumour()}), inside()
    else:
        phantom = real_data / "ibsi1-ct-phantom" / "dicom"
        ct.mkdir()
        for path in sorted((phantom / "image").iterdir())[26:34]:
            shutil.copy(path, ct / path.name)
        (structures,) = (phantom / "mask").iterdir()
        rtstruct = Path(shutil.copy(structures, folder / "rs"))
        volume, _ = read_volume(ct)
        mask = read_mask(rtstruct, "GTV*", volume)[0][::-1, ::-1].transpose(2, 1, 0)
    segments = write_seg(folder / "seg", ct, {"GTV-1": mask})
    sources: Sources = {}
    for kind, beside, file in zip(KINDS, (rtstruct, rtstruct, segments), ("ct/slice", "rs", "seg"), strict=False):
        source = folder / kind
        shutil.copytree(ct, source / "ct")
        sorted((source / "ct").iterdir())[3].rename(source / "ct" / "slice")
        shutil.copy(beside, source / beside.name)
        sources[kind] = source, file
    one = write_enhanced(folder / KINDS[3] / "ct", ct)
    shutil.copy(rtstruct, one.parent / "rs")
    return {**sources, KINDS[3]: (one.parent, "ct")}


def imported(source: Path, cohort: Path) -> str:
    """What became of the source; every file of it is accounted for, and a refusal has its words."""
    summary = import_dicom(source, cohort, ImportOptions(("gtv*",), workers=1))
    assert sum(summary.files.values()) == sum(path.is_file() for path in source.rglob("*"))
    said = [*summary.findings, *(finding for result in summary.patients for finding in result.findings)]
    outcomes = [str(result.outcome) for result in summary.patients]
    if "refused" in outcomes or not outcomes:
        assert [finding for finding in said if finding.severity is Severity.ERROR]
    for result in summary.patients:
        if str(result.outcome) == "imported":
            read_back(cohort, result.patient)
    return " and ".join(outcomes) or "no patient"


def read_back(cohort: Path, patient: str) -> None:
    """What was written can be read and fits."""
    volume, _ = read_volume(cohort / "ct" / f"{patient}.nii.gz")
    mask = cohort / "ct" / f"{patient}_gtv.nii.gz"
    if mask.exists():
        read_mask(mask, None, volume)


def run(sources: Sources, kind: str, folder: Path, n: int) -> tuple[Counter[str], float]:
    """Outcomes of `n` mutations, and the CPU seconds of the slowest."""
    source, name = sources[kind]
    path, outcomes, slowest = source / name, Counter[str](), 0.0
    whole = path.read_bytes()
    for seed in range(n):
        path.write_bytes(damaged(whole, seed))
        start = time.process_time()
        try:
            outcomes[imported(source, folder / "cohort")] += 1
        except Exception as error:
            raise AssertionError(f"mutation {seed} of the {kind}") from error
        slowest = max(slowest, time.process_time() - start)
        shutil.rmtree(folder / "cohort", ignore_errors=True)
    return outcomes, slowest


@pytest.mark.parametrize("kind", KINDS)
def test_a_patient_with_a_damaged_file_is_imported_or_refused(kind: str, tmp_path: Path) -> None:
    outcomes, _ = run(written_patient(tmp_path, None), kind, tmp_path, FEW)
    assert {"imported", "refused"} <= set(outcomes)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", KINDS)
def test_1250_mutations_of_a_published_patient_are_imported_or_refused(
    kind: str, tmp_path: Path, real_data: Path
) -> None:
    outcomes, slowest = run(written_patient(tmp_path, real_data), kind, tmp_path, MANY)
    print(f"{kind}: {dict(outcomes)}, the slowest {slowest:.1f} s")
    assert {"imported", "refused"} <= set(outcomes)
    assert slowest < LONGEST_SECONDS


def volumes(folder: Path, real_data: Path | None) -> dict[str, Path]:
    """A CT and its mask as NIfTI, compressed and not."""
    if real_data is None:
        rng = np.random.default_rng(0)
        values, mask = rng.integers(-900, 100, (20, 18, 6)).astype(np.int16), np.zeros((20, 18, 6), np.uint8)
        mask[5:9, 6:10, 2:4], affine = 1, np.diag([2.0, 2.0, 3.0, 1.0])
    else:
        nifti = real_data / "ibsi1-ct-phantom" / "nifti"
        image, drawn = (nibabel.load(nifti / name) for name in ("image/phantom.nii.gz", "mask/mask.nii.gz"))
        affine = image.affine
        values, mask = (np.asarray(one.dataobj)[..., 26:34] for one in (image, drawn))
    paths = {}
    for name, array in (("image", values), ("mask", mask)):
        for end in (".nii", ".nii.gz"):
            paths[name + end] = folder / (name + end)
            nibabel.save(nibabel.Nifti1Image(array, affine, dtype=array.dtype), paths[name + end])
    return paths


def checked(paths: dict[str, Path], name: str, path: Path) -> str:
    """What `cohort check` says of the pair with one file damaged."""
    is_image = name.startswith("image")
    image, mask = (path, paths["mask.nii.gz"]) if is_image else (paths["image.nii.gz"], path)
    findings = check_image_files(ImageFiles("P1", image, mask))
    assert all(finding.patient == "P1" and finding.file and finding.what for finding in findings)
    return "refused" if any(finding.severity is Severity.ERROR for finding in findings) else "read"


def check_damaged(folder: Path, real_data: Path | None, n: int) -> tuple[Counter[str], float]:
    paths, outcomes, slowest = volumes(folder, real_data), Counter[str](), 0.0
    contents = {name: path.read_bytes() for name, path in paths.items()}
    for seed in range(n):
        name = tuple(contents)[seed % 4]
        path = folder / f"damaged.{name.partition('.')[2]}"
        path.write_bytes(damaged(contents[name], seed // 4))
        start = time.process_time()
        try:
            outcomes[checked(paths, name, path)] += 1
        except Exception as error:
            raise AssertionError(f"mutation {seed} of {name}") from error
        slowest = max(slowest, time.process_time() - start)
    return outcomes, slowest


def test_a_damaged_nifti_is_read_or_refused(tmp_path: Path) -> None:
    outcomes, _ = check_damaged(tmp_path, None, 200)
    assert set(outcomes) == {"read", "refused"}


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_5000_mutations_of_a_published_nifti_are_read_or_refused(tmp_path: Path, real_data: Path) -> None:
    outcomes, slowest = check_damaged(tmp_path, real_data, MANY_VOLUMES)
    print(f"NIfTI: {dict(outcomes)}, the slowest {slowest:.1f} s")
    assert set(outcomes) == {"read", "refused"}
    assert slowest < LONGEST_SECONDS

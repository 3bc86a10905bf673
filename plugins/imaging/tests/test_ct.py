"""The CT modality: from files to crops, what the encoder sees of them, and what is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import mmcare_imaging.ct as ct_module
from mmcare.components import Absent, Prepared, Segmenter, Source, VolumeBatch
from mmcare.errors import Finding, Severity
from mmcare.formats import write_nifti
from mmcare.inputs.locate import region_of
from mmcare_imaging.ct import CT
from mmcare_imaging.plugin import CTConfig, MaskConfig, ResNet3DConfig, WholeConfig
from mmcare_imaging.resnet3d import ResNet3D
from mmcare_imaging.segmenters import GivenMask, WholeVolume

ENTRY = {"files": "ct/{patient}.nii.gz", "mask": "ct/{patient}_gtv.nii.gz"}
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
SHAPE = (48, 48, 24)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`small` and `large` have a tumour, `bare` has a CT without a mask, `blank` an empty mask, `none` no CT."""
    root = tmp_path_factory.mktemp("cohort")
    (root / "ct").mkdir()
    (root / "patients.csv").write_text("patient_id\nsmall\nlarge\nbare\nblank\nnone\n")
    rng = np.random.default_rng(0)
    for patient, half in (("small", 4), ("large", 20), ("bare", 0), ("blank", 0)):
        hu = rng.integers(-900, 100, SHAPE).astype(np.int16)
        mask = np.zeros(SHAPE, dtype=np.uint8)
        mask[24 - half : 24 + half, 24 - half : 24 + half, 12 - half // 2 : 12 + half // 2] = 1
        write_nifti(root / f"ct/{patient}.nii.gz", hu, AFFINE)
        if patient != "bare":
            write_nifti(root / f"ct/{patient}_gtv.nii.gz", mask, AFFINE)
    return root


def source_of(root: Path) -> Source:
    return Source(root=root, key="ct", entry=ENTRY, columns={}, patients_file="patients.csv", id="patient_id")


def prepared(root: Path, patient: str, config: CTConfig, segmenter: Segmenter | None = None) -> Prepared | Absent:
    modality = CT(config)
    raw = modality.read(source_of(root), patient)
    if isinstance(raw, Absent):
        return raw
    region = region_of(modality.volume(raw), segmenter or GivenMask(MaskConfig()), "key")
    return region if isinstance(region, Absent) else modality.prepare(raw, region)


def batch_of(item: Prepared, config: CTConfig) -> VolumeBatch:
    modality = CT(config)
    return modality.collate([item], torch.tensor([0]), modality.fit(None, [item]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("patient", "reason"),
    [("none", "no CT at ct"), ("bare", "no tumour mask"), ("blank", "the mask is empty")],
)
def test_why_a_patient_has_no_crop(cohort: Path, patient: str, reason: str) -> None:
    assert prepared(cohort, patient, CTConfig(size=(16, 16, 16))) == Absent(reason)


@pytest.mark.parametrize("patient", ["bare", "blank"])
def test_the_fallback_takes_the_whole_volume(cohort: Path, patient: str) -> None:
    config = CTConfig(size=(16, 16, 16), margin_mm=0)
    whole = prepared(cohort, patient, config, GivenMask(MaskConfig(fallback="whole")))
    assert isinstance(whole, Prepared)
    assert whole.arrays["mask"].all()
    other = prepared(cohort, patient, config, WholeVolume(WholeConfig()))
    assert isinstance(other, Prepared)
    np.testing.assert_array_equal(whole.arrays["hu"], other.arrays["hu"])


def test_without_a_region_the_crop_lies_in_the_middle(cohort: Path) -> None:
    modality = CT(CTConfig(size=(8, 8, 8), spacing_mm=(1, 1, 2)))
    raw = modality.read(source_of(cohort), "small")
    item = modality.prepare(raw, None)
    np.testing.assert_array_equal(item.arrays["hu"], raw.volume.values[20:28, 20:28, 8:16])
    assert item.arrays["mask"].all()


def test_the_encoder_sees_the_margin_and_nothing_beyond_it(cohort: Path) -> None:
    """A tumour of 8 x 8 x 8 mm: what lies within 6 mm of it changes the tokens, what lies farther away does not."""
    config = CTConfig(size=(32, 32, 32), spacing_mm=1.0, margin_mm=6)
    item = prepared(cohort, "small", config)
    assert isinstance(item, Prepared)
    batch = batch_of(item, config)
    modality = CT(config)
    torch.manual_seed(0)
    encoder = ResNet3D(ResNet3DConfig(backbone="resnet10t", stride=8, dim=8), modality.layout(None)).eval()

    def tokens(at: tuple[int, int, int]) -> torch.Tensor:
        values = batch.values.clone()
        values[0, 0][at] += 500
        changed = VolumeBatch(
            rows=batch.rows, values=values, mask=batch.mask, spacing_mm=batch.spacing_mm, affine=batch.affine
        )
        with torch.no_grad():
            found = encoder(changed)
        return torch.where(found.mask[..., None], found.values, 0.0)

    with torch.no_grad():
        reference = encoder(batch)
    before = torch.where(reference.mask[..., None], reference.values, 0.0)
    assert not torch.equal(tokens((16, 16, 16)), before)  # in the tumour
    assert not torch.equal(tokens((24, 16, 16)), before)  # 5 mm from its surface
    torch.testing.assert_close(tokens((30, 16, 16)), before, rtol=0, atol=0)  # 10 mm


def test_without_a_margin_all_but_the_tumour_is_masked(cohort: Path) -> None:
    config = CTConfig(size=(32, 32, 32), spacing_mm=1.0, margin_mm=0)
    item = prepared(cohort, "small", config)
    assert isinstance(item, Prepared)
    assert item.arrays["mask"].sum() == 8 * 8 * 8


def test_an_overflow_is_said_with_patient_extent_and_box(cohort: Path) -> None:
    for choice, done in (
        ("shrink", "the spacing is 3.25 x 3.25 x 3.25 mm for this patient"),
        ("crop", "it is cut at the box"),
    ):
        config = CTConfig(size=(16, 16, 16), spacing_mm=2.0, margin_mm=6, on_overflow=choice)
        items = {patient: prepared(cohort, patient, config) for patient in ("small", "large")}
        assert all(isinstance(item, Prepared) for item in items.values())
        findings = CT(config).findings(items, CT(config).fit(None, []))  # type: ignore[arg-type]
        assert [str(finding) for finding in findings] == [
            f"patient large: the region with its margin spans 52 x 52 x 52 mm, the box 32 x 32 x 32 mm: {done}."
        ]


def test_the_encoder_is_told_of_a_coarser_spacing(cohort: Path) -> None:
    config = CTConfig(size=(16, 16, 16), spacing_mm=2.0, margin_mm=6)
    item = prepared(cohort, "large", config)
    assert isinstance(item, Prepared)
    torch.testing.assert_close(batch_of(item, config).spacing_mm, torch.full((1, 3), 3.25))


def test_flips_and_shifts_keep_values_mask_and_place_together(cohort: Path) -> None:
    config = CTConfig(size=(16, 16, 16), spacing_mm=1.0, margin_mm=2)
    item = prepared(cohort, "small", config)
    assert isinstance(item, Prepared)
    batch, modality = batch_of(item, config), CT(config)
    flipped = set()
    for seed in range(12):
        changed = modality.augment(batch, [torch.Generator().manual_seed(seed)])
        turn = torch.linalg.inv(batch.affine[0]) @ changed.affine[0]  # from an index after to the index before
        axes = tuple(int(axis) for axis in range(3) if turn[axis, axis] < 0)
        flipped.add(axes)
        dims = [axis + 1 for axis in axes]
        torch.testing.assert_close(changed.mask[0], batch.mask[0].flip(dims))
        shift = changed.values[0] - batch.values[0].flip(dims)
        torch.testing.assert_close(shift, shift.mean().expand_as(shift), rtol=0, atol=1e-3)
    assert len(flipped) > 3
    assert CT(CTConfig(augment=False)).augment(batch, [torch.Generator()]) is batch


def test_a_ct_is_read_once(cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading, locating and cropping share one decoding; later it comes from the cache, also of a copy elsewhere."""
    import shutil

    from mmcare.cache import Cache
    from mmcare.inputs import Stage
    from mmcare.spec import load_spec

    read, true = [], ct_module.read_volume
    monkeypatch.setattr(ct_module, "read_volume", lambda path: (read.append(path), true(path))[1])
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "mmcare: 1\nmodalities:\n  ct: {use: ct, size: [32, 32, 32], spacing_mm: 1, roi: {use: mask}, "
        "encoder: {use: resnet3d, backbone: resnet10t, stride: 8}}\n"
        "head: {use: dual-task, endpoints: {os: {model: discrete}}}\n"
    )
    part = load_spec(spec).modalities["ct"]
    cache = Cache(tmp_path / "cache")
    first = Stage(part, source_of(cohort), GivenMask(MaskConfig())).samples(["small", "large", "none"], cache)
    assert [path.name for path in read] == ["small.nii.gz", "large.nii.gz"]
    assert first.absent == {"none": "no CT at ct"}
    moved = Path(shutil.copytree(cohort, tmp_path / "moved"))
    again = Stage(part, source_of(moved), GivenMask(MaskConfig())).samples(["small", "large", "none"], cache)
    assert len(read) == 2
    entry = next((tmp_path / "cache").rglob("*.sample"))
    entry.write_bytes(entry.read_bytes()[:-1])
    repaired = Stage(part, source_of(moved), GivenMask(MaskConfig())).samples(["small", "large"], cache)
    assert len(read) == 3  # the damaged one alone
    for patient, item in repaired.prepared.items():
        np.testing.assert_array_equal(item.arrays["hu"], first.prepared[patient].arrays["hu"])
    for patient, item in first.prepared.items():
        np.testing.assert_array_equal(item.arrays["hu"], again.prepared[patient].arrays["hu"])
        assert dict(item.values) == dict(again.prepared[patient].values)


def test_what_the_readers_say_keeps_its_weight(cohort: Path) -> None:
    modality = CT(CTConfig(size=(8, 8, 8)))
    raw = modality.read(source_of(cohort), "small")
    notes = (
        Finding(what="a scout is left out.", severity=Severity.NOTE),
        Finding(file="a.dcm", what="a header is odd.", todo="Look at it.", severity=Severity.WARNING),
    )
    item = modality.prepare(replace(raw, findings=notes), None)
    found = modality.findings({"small": item}, modality.fit(source_of(cohort), [item]))
    assert [f"{finding.severity}: {finding}" for finding in found] == [
        "note: patient small: a scout is left out.",
        "warning: patient small: a.dcm: a header is odd. Look at it.",
    ]

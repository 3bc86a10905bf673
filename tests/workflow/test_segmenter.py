"""A segmenter from training to locating in a model, on volumes of a dense ball in air."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import mmcare
from mmcare.cache import Cache
from mmcare.cli.main import main
from mmcare.errors import CohortError, RunError, SpecError
from mmcare.inputs import Kept
from mmcare.run import SegmenterRun, load_segmenter_run
from mmcare.workflow.cohort_cache import CacheTask, fill_cache
from mmcare.workflow.dry_run import dry_run
from mmcare.workflow.evaluate_segmenter import evaluate_segmenter
from mmcare.workflow.options import Options
from mmcare.workflow.segmenter import fit_segmenter

COHORT = """\
mmcare_cohort: 1
patients: {file: patients.csv, id: id}
endpoints: {os: {time: t, event: e, horizons: [1]}}
modalities: {ct: {files: "ct/{patient}.nii.gz", mask: "ct/{patient}_gtv.nii.gz"}}
"""
SEGMENTER = """\
mmcare: 1
name: finder
segmenter: {use: unet3d, spacing_mm: 2.0, patch: [16, 16, 16], channels: [4, 8], residual_units: 1, patches: 4}
training: {lr: 1.0e-2, batch_size: 4, max_epochs: 8, device: cpu}
"""
MODEL = """\
mmcare: 1
name: located
modalities:
  ct:
    use: ct
    size: [16, 16, 16]
    spacing_mm: 2.0
    margin_mm: 4
    roi: {use: unet3d, weights: WEIGHTS, spacing_mm: 2.0, patch: [16, 16, 16], channels: [4, 8], residual_units: 1}
    encoder: {use: resnet3d, backbone: resnet10t, stride: 8, dim: 8}
head: {use: dual-task, endpoints: {os: {model: discrete}}}
training: {max_epochs: 1, device: cpu}
"""
N = 24


def write_volumes(folder: Path, image: str, mask: str) -> list[str]:
    """Volumes of 20 voxels of 2 mm with a ball of 6 to 10 mm somewhere; names of the patients."""
    rng, affine = np.random.default_rng(3), np.diag([2.0, 2, 2, 1])
    at = np.stack(np.meshgrid(*[np.arange(20) * 2.0] * 3, indexing="ij"), -1)
    names = [f"P{n:02d}" for n in range(N)]
    for name in names:
        ball = ((at - rng.uniform(12, 26, 3)) ** 2).sum(-1) <= rng.uniform(6, 10) ** 2
        hu = np.where(ball, 20, -900) + rng.normal(0, 20, ball.shape)
        for path, values in ((image, hu.astype(np.int16)), (mask, ball.astype(np.uint8))):
            file = folder / path.format(patient=name)
            file.parent.mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(values, affine), file)
    return names


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("balls")
    names = write_volumes(folder, "ct/{patient}.nii.gz", "ct/{patient}_gtv.nii.gz")
    rows = [f"{name},{1 + n % 5 / 2},{n % 2}" for n, name in enumerate(names)]
    (folder / "patients.csv").write_text("\n".join(["id,t,e", *rows]) + "\n")
    (folder / "cohort.yaml").write_text(COHORT)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("spec") / "finder.yaml"
    file.write_text(SEGMENTER)
    return file


@pytest.fixture(scope="module")
def run(spec: Path, cohort: Path, cache: Cache, tmp_path_factory: pytest.TempPathFactory) -> SegmenterRun:
    out = tmp_path_factory.mktemp("runs") / "finder"
    return fit_segmenter(spec, cohort, options=Options(out=out, cache=cache))


def test_it_finds_the_ball_in_patients_that_it_has_not_seen(run: SegmenterRun) -> None:
    metrics = evaluate_segmenter(run, draws=50)
    assert len(metrics.each) == len(run.folder.patients("test"))
    assert metrics.dice.median is not None and metrics.dice.median > 0.7
    assert json.loads(run.folder.metrics.read_text())["dice"]["mean"] == metrics.dice.mean
    assert load_segmenter_run(run.path).manifest.files["metrics.json"]


def test_the_command_line_measures_it(run: SegmenterRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run.path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("Dice") for line in lines)
    assert [line.split()[0] for line in lines if line.startswith("P")] and lines[-1].startswith("P")


def test_a_copied_run_finds_the_same(run: SegmenterRun, cohort: Path, tmp_path: Path) -> None:
    copy = load_segmenter_run(shutil.copytree(run.path, tmp_path / "copy"))
    assert evaluate_segmenter(copy, cohort, draws=10).each == evaluate_segmenter(run, cohort, draws=10).each


def test_the_same_seed_gives_the_same_weights(
    run: SegmenterRun, spec: Path, cohort: Path, cache: Cache, tmp_path: Path
) -> None:
    again = fit_segmenter(spec, cohort, options=Options(out=tmp_path / "again", cache=cache))
    weights = "members/00/weights.safetensors"
    assert again.manifest.files[weights] == run.manifest.files[weights]


def test_a_decathlon_folder_is_learned_from(spec: Path, cache: Cache, tmp_path: Path) -> None:
    folder = tmp_path / "Task06"
    names = write_volumes(folder, "imagesTr/{patient}.nii.gz", "labelsTr/{patient}.nii.gz")
    cases = [{"image": f"./imagesTr/{n}.nii.gz", "label": f"./labelsTr/{n}.nii.gz"} for n in names]
    (folder / "dataset.json").write_text(json.dumps({"training": cases}))
    found = fit_segmenter(
        spec, folder, overrides=["training.max_epochs=1"], options=Options(out=tmp_path / "run", cache=cache)
    )
    assert sum(len(found.folder.patients(split)) for split in ("training", "validation", "test")) == N


def test_a_model_locates_with_it_and_needs_it_no_more(
    run: SegmenterRun, cohort: Path, cache: Cache, tmp_path: Path
) -> None:
    file = tmp_path / "located.yaml"
    file.write_text(MODEL.replace("WEIGHTS", str(run.path)))
    model = mmcare.fit(file, cohort, options=Options(out=tmp_path / "model", cache=cache))
    assert "starting/modalities.ct.roi.safetensors" in model.manifest.files
    assert "| starting/ | the weights that parts started from, " in (model.path / "README.md").read_text()
    here = model.predict(cohort, ["P00", "P01"])
    copy = shutil.copytree(model.path, tmp_path / "elsewhere")
    there = mmcare.load_run(copy).predict(cohort, ["P00", "P01"])
    assert list(here.rows()) == list(there.rows())


@pytest.mark.slow
def test_a_training_after_a_fill_of_the_cache_locates_nobody(run: SegmenterRun, cohort: Path, tmp_path: Path) -> None:
    """The digest of the segmenter's weights is in the keys: a fill writes them as a run has them."""
    file = tmp_path / "located.yaml"
    file.write_text(MODEL.replace("WEIGHTS", str(run.path)))
    folder = tmp_path / "cache"
    filled = fill_cache(CacheTask(file, cohort, folder=folder), workers=2)
    assert filled.findings == () and filled.counts["ct"][Kept.PREPARED] > N / 2
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("??/*.sample")}
    assert len(before) == filled.counts["ct"][Kept.PREPARED]
    mmcare.fit(file, cohort, options=Options(out=tmp_path / "model", cache=Cache(folder)))
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("??/*.sample")} == before


def test_a_model_is_refused_a_segmenter_that_has_learned_nothing(cohort: Path, tmp_path: Path) -> None:
    file = tmp_path / "untrained.yaml"
    file.write_text(MODEL.replace("weights: WEIGHTS, ", ""))
    with pytest.raises(SpecError) as caught:
        mmcare.fit(file, cohort, options=Options(out=tmp_path / "run"))
    assert str(caught.value) == (
        f"{file}:9:5, modalities.ct.roi: `unet3d` has weights to learn, and none are named: untrained, it finds "
        "nothing. Train a spec with `segmenter: {use: unet3d}` and write `weights: RUN` here."
    )
    assert not (tmp_path / "run").exists()


def test_weights_that_are_not_there(cohort: Path, tmp_path: Path) -> None:
    file = tmp_path / "nowhere.yaml"
    file.write_text(MODEL.replace("WEIGHTS", "./gone"))
    with pytest.raises(SpecError) as caught:
        mmcare.fit(file, cohort, options=Options(out=tmp_path / "run"))
    assert str(caught.value) == (
        f"{file}:9:24, modalities.ct.roi.weights: there is no file and no run folder {tmp_path / 'gone'}. "
        "Correct the path."
    )


def test_a_segmenter_predicts_nothing(run: SegmenterRun, cohort: Path) -> None:
    with pytest.raises(RunError) as caught:
        mmcare.load_run(run.path)
    assert str(caught.value) == (
        f"{run.path}: is a run of a segmenter: it finds tumours and predicts nothing. `mmcare evaluate` measures it; a "
        f"model locates with it by `roi: {{use: …, weights: {run.path}}}`."
    )


@pytest.mark.parametrize("made", [fit_segmenter, dry_run])
def test_what_has_nothing_to_learn_is_refused(made: Callable[..., object], cohort: Path, tmp_path: Path) -> None:
    file = tmp_path / "mask.yaml"
    file.write_text("mmcare: 1\nname: nothing\nsegmenter: {use: mask}\n")
    with pytest.raises(SpecError) as caught:
        made(file, cohort)
    assert str(caught.value) == (
        f"{file}:3:13, segmenter.use: `mask` has nothing to learn. Name one that learns, such as `unet3d`."
    )


def test_stopping_by_a_figure_of_prognoses_is_refused(spec: Path, cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        fit_segmenter(spec, cohort, overrides=["training.early_stopping.metric=c_index"])
    assert "`c_index` is a figure of prognoses; a segmenter has none. Write `early_stopping: {metric: loss}`." in str(
        caught.value
    )


def test_a_cohort_whose_masks_are_missing(spec: Path, cohort: Path, tmp_path: Path) -> None:
    bare = shutil.copytree(cohort, tmp_path / "bare", ignore=shutil.ignore_patterns("*_gtv*"))
    with pytest.raises(CohortError) as caught:
        fit_segmenter(spec, bare)
    assert str(caught.value) == (
        f"{bare / 'cohort.yaml'}, modalities.ct: no patient has both a volume and a mask under `ct`. Add `mask:`."
    )


def test_a_dry_run_leaves_nothing(spec: Path, cohort: Path, cache: Cache, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert dry_run(spec, cohort, options=Options(cache=cache)) is None
    assert list(tmp_path.iterdir()) == []


def test_it_goes_on_where_it_stopped(run: SegmenterRun, spec: Path, cohort: Path, tmp_path: Path) -> None:
    """A run whose process died after an epoch ends at the unbroken run's weights."""
    out = tmp_path / "broken"

    class Died(BaseException):
        pass

    def die_after_two(text: str) -> None:
        if text.startswith("epoch 3/"):
            raise Died

    with pytest.raises(Died):
        fit_segmenter(spec, cohort, options=Options(out=out, tell=die_after_two))
    assert main(["train", "--resume", str(out)]) == 0
    weights = "members/00/weights.safetensors"
    assert load_segmenter_run(out).manifest.files[weights] == run.manifest.files[weights]


def test_a_segmenter_that_is_trained_on_changes_with_the_model(
    run: SegmenterRun, cohort: Path, cache: Cache, tmp_path: Path
) -> None:
    file = tmp_path / "tuned.yaml"
    file.write_text(MODEL.replace("WEIGHTS,", f"{run.path}, freeze: false,"))
    model = mmcare.fit(file, cohort, options=Options(out=tmp_path / "model", cache=cache))
    tuned = load_file(model.folder.member() / "weights.safetensors")
    prefix = "mask_modules.modality-ct.segmenter."
    before = run.segmenter.state_dict()
    assert {name.removeprefix(prefix) for name in tuned if name.startswith(prefix)} == set(before)
    assert any(not torch.equal(tuned[prefix + name], before[name]) for name, _ in run.segmenter.named_parameters())
    copy = shutil.copytree(model.path, tmp_path / "elsewhere")
    here, there = (mmcare.load_run(path).predict(cohort, ["P00", "P01"]) for path in (model.path, copy))
    assert list(here.rows()) == list(there.rows())

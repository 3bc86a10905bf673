"""The demo does the main job once, and what it tells to do next works."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from mmcare.cli.main import main
from mmcare.run import load_run, load_segmenter_run
from mmcare.workflow.demo import FULL, TINY, Demo, DemoSize, example, run_demo
from mmcare.workflow.options import Options

SMALL = DemoSize(
    patients=60,
    outlined=20,
    size_voxels=16,
    spacing_mm=3.0,
    segmenter=("segmenter.patch=[16, 16, 16]", "training.max_epochs=6", "training.device=cpu"),
    overrides=("training.max_epochs=1", "modalities.ct.size=[16, 16, 16]", "training.device=cpu"),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a user's folder")


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def made(place: Path, told: list[str]) -> Demo:
    """A demo of 60 patients in a folder whose name wants quotes, named as a user would: from where he stands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return run_demo(Path("my demo"), SMALL, Options(tell=told.append))


def test_the_segmenter_learns_from_others_and_finds_the_tumours_of_the_model(made: Demo, place: Path) -> None:
    segmenter = load_segmenter_run(place / made.segmenter.path)
    assert len(segmenter.folder.patients("training")) == 14
    assert made.found.dice.patients == 3 and made.found.dice.mean is not None
    roi = load_run(place / made.run.path).spec.modalities["ct"].parts["roi"]
    assert roi.entry.component.name == "unet3d"
    starting = (place / made.run.path / "starting" / "modalities.ct.roi.safetensors").read_bytes()
    learned = (segmenter.folder.member() / "weights.safetensors").read_bytes()
    assert load(starting).keys() == load(learned).keys()
    assert all(torch.equal(value, load(learned)[name]) for name, value in load(starting).items())


def test_it_draws_trains_measures_and_predicts(
    made: Demo, place: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    assert made.cohort == Path("my demo/cohort")
    assert (place / "my demo" / "cohort" / "ct" / "SYN-00001.nii.gz").exists()
    assert (place / made.truth / "outcomes.csv").exists()
    assert load_run(place / made.run.path).spec.name == "demo"
    assert (place / made.run.path / "metrics.json").exists()
    assert len(made.prediction.patients) == 1
    assert made.prediction.patients[0] in made.run.folder.patients("test")
    assert {figure.endpoint for figure in made.metrics.figures} == {"os", "lc"}
    assert told[0] == "drawing 20 synthetic patients with their tumours outlined"
    assert told.index("drawing 60 synthetic patients (CT, table, mutations, both arms' outcomes)") > 0
    assert "evaluating on the test patients" in told


def test_it_says_where_a_figure_is_the_arms_average(made: Demo) -> None:
    """42 training patients have fewer than 20 events of anything in an arm."""
    assert set(made.averages) == {"os", "lc"}
    for events in made.averages.values():
        assert set(events) == {"sbrt", "surgery"}
        assert all(0 <= count < 20 for count in events.values())


def test_the_truth_is_no_input(made: Demo, place: Path) -> None:
    """Nothing that the run keeps tells of the folder of the truth."""
    for path in (place / made.run.path).rglob("*"):
        if path.suffix in (".json", ".yaml", ".md", ".csv"):
            assert "cohort.truth" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("number", range(3))
def test_the_next_commands_work_where_the_user_stands(
    made: Demo, place: Path, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    words = shlex.split(made.next_commands()[number])
    assert words[0] == "mmcare"
    assert main(words[1:]) == 0, capsys.readouterr().err
    if "--set" in words:
        trained = load_run(next((place / "runs").iterdir()))
        assert trained.spec.fusion is not None
        assert trained.spec.fusion.entry.component.name == "concat"


def test_the_full_demo_is_the_shipped_spec() -> None:
    assert example("demo.yaml").exists()
    assert example("demo-segmenter.yaml").exists()
    assert (FULL.patients, FULL.segmenter, FULL.overrides) == (600, (), ())
    assert TINY.patients < FULL.patients

"""A plugin from outside: built as a wheel, found once it is on the path, checked, trained and asked."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmcare.formats import read_nifti, write_nifti

Mmcare = Callable[..., subprocess.CompletedProcess[str]]

SPEC = """\
mmcare: 1
name: with-pet
modalities:
  pet: {use: pet, spacing_mm: 8, size: [16, 16, 16], encoder: {use: pet-cnn, dim: 8, channels: [4, 8]}}
  clinical: {use: table, encoder: {use: mlp, hidden: [8, 8]}}
fusion: {use: cross-attention, dim: 8, heads: 2, steps: 1}
head: {use: dual-task, hidden: [], endpoints: {os: {model: discrete}}}
decision: {utility: {os: 1.0}, horizon: 2}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel, unpacked: what an installer does with a wheel of pure Python."""
    source = Path(__file__).parents[2] / "examples" / "plugins" / "pet"
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def with_pet(cohort: Path) -> Path:
    """The cohort, with a PET of everyone but the last."""
    rng = np.random.default_rng(1)
    (cohort / "pet").mkdir()
    for n in range(59):
        suv = rng.gamma(1.0, 1.0, (12, 12, 12)).astype(np.float32)
        suv[5:7, 5:7, 5:7] += 2 + n / 8
        write_nifti(cohort / "pet" / f"P{n:02d}.nii.gz", suv, np.diag([8.0, 8, 8, 1]))
    with (cohort / "cohort.yaml").open("a") as file:
        file.write('modalities:\n  pet: {files: "pet/{patient}.nii.gz"}\n')
    return cohort


def test_the_wheel_holds_the_plugin_and_nothing_of_mmcare(site: Path) -> None:
    assert sorted(p.name for p in site.iterdir()) == ["mmcare_pet", "mmcare_plugin_pet-0.1.0.dist-info"]
    points = (site / "mmcare_plugin_pet-0.1.0.dist-info" / "entry_points.txt").read_text()
    assert points == "[mmcare]\npet = mmcare_pet.plugin\n"


def test_it_is_listed_when_it_is_there_and_not_when_it_is_gone(site: Path, mmcare: Mmcare) -> None:
    done = mmcare("plugin", "list", path=site)
    rows = [line.split()[:5] for line in done.stdout.splitlines() if "mmcare-plugin-pet" in line]
    assert rows == [
        ["modality", "pet", "mmcare-plugin-pet", "0.1.0", "ready"],
        ["encoder", "pet-cnn", "mmcare-plugin-pet", "0.1.0", "ready"],
    ], done.stderr
    assert "mmcare-plugin-pet" not in mmcare("plugin", "list").stdout


def test_it_passes_the_checks_of_every_component(site: Path, mmcare: Mmcare) -> None:
    done = mmcare("plugin", "check", "mmcare-plugin-pet", path=site)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "18 checks: 16 passed, 0 failed, 2 did not apply."


@pytest.fixture(scope="module")
def run(site: Path, with_pet: Path, tmp_path_factory: pytest.TempPathFactory, mmcare: Mmcare) -> Path:
    """A run trained with the plugin."""
    folder = tmp_path_factory.mktemp("runs")
    spec, run = folder / "spec.yaml", folder / "run"
    spec.write_text(SPEC)
    options = ("--cohort", with_pet, "--out", run, "--set", "training.max_epochs=1", "--set", "training.device=cpu")
    done = mmcare("train", spec, *options, path=site)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"{run}\n"
    return run


def test_a_run_predicts_with_it(site: Path, with_pet: Path, run: Path, mmcare: Mmcare) -> None:
    done = mmcare("predict", run, "--cohort", with_pet, "--format", "csv", path=site)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {row["patient"] for row in rows} == {f"P{n:02d}" for n in range(60)}
    survival = [float(row["value"]) for row in rows if row["figure"] == "os"]
    assert len(survival) == 60 * 2 and all(0 < value < 1 for value in survival)
    assert len(set(survival)) > 100, "figures are the patients' own"
    table = mmcare("predict", run, "--cohort", with_pet, "--patient", "P59", path=site).stdout
    assert "  without pet: no PET" in table.splitlines()


def test_a_report_shows_it(site: Path, with_pet: Path, run: Path, tmp_path: Path, mmcare: Mmcare) -> None:
    """The image in windows of its own range, with a heat map: the core knows no PET."""
    page = tmp_path / "P03.html"
    done = mmcare("report", run, "--cohort", with_pet, "--patient", "P03", "--out", page, "--json", path=site)
    assert (done.returncode, done.stdout) == (0, f"{page}\n{page.with_suffix('.json')}\n"), done.stderr
    data = json.loads(page.with_suffix(".json").read_text())
    (image,) = data["images"]
    assert (image["modality"], image["unit"]) == ("pet", "")
    assert [window["name"] for window in image["windows"]] == ["Most of it", "Whole range"]
    assert {heat["key"] for heat in image["heat_maps"]} == {"os@2:all"}
    shares = {share["modality"] for output in data["why"]["outputs"] for share in output["modalities"]}
    assert shares == {"pet", "clinical"}


def test_a_run_is_explained_with_it(site: Path, with_pet: Path, run: Path, mmcare: Mmcare, tmp_path: Path) -> None:
    """The PET is a player as a whole, and Grad-CAM of it lies on the PET's own grid: no code of the core knows PET."""
    options = ("--cohort", with_pet, "--patient", "P00", "--rows", "256", "--out", tmp_path / "out")
    done = mmcare("explain", run, *options, path=site)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "out" / "patients" / "P00" / "explanation.json").read_text())
    assert [part["modality"] for part in record["features"]] == ["pet", "clinical"]
    total = sum(row["value"] for part in record["features"] for row in part["features"])
    head = record["features"][0]
    assert total == pytest.approx(head["prediction"] - head["baseline"], abs=1e-4)
    (saliency,) = record["saliency"]
    assert (saliency["modality"], saliency["method"], saliency["key"]) == ("pet", "grad-cam", "os@2:all")
    found, _ = read_nifti(tmp_path / "out" / "patients" / "P00" / saliency["file"])
    against, _ = read_nifti(tmp_path / "out" / "patients" / "P00" / saliency["file_against"])
    pet, _ = read_nifti(with_pet / "pet" / "P00.nii.gz")
    assert found.geometry.difference(pet.geometry) == "" and max(found.values.max(), against.values.max()) > 0.5


@pytest.mark.slow
def test_a_run_says_what_it_was_made_with_where_the_plugin_is_gone_or_older(
    site: Path, with_pet: Path, run: Path, tmp_path: Path, mmcare: Mmcare
) -> None:
    said = "Error: {}: the run was made with mmcare-plugin-pet 0.1.0; {}.\n  Install it: pip install '{}'\n"
    wanted = "mmcare-plugin-pet==0.1.0"
    done = mmcare("predict", run, "--cohort", with_pet)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == said.format(run, "it is not installed", wanted)

    older = shutil.copytree(site, tmp_path / "older")
    info = older / "mmcare_plugin_pet-0.1.0.dist-info"
    metadata = (info / "METADATA").read_text()
    (info / "METADATA").write_text(metadata.replace("Version: 0.1.0\n", "Version: 0.0.9\n"))
    info.rename(older / "mmcare_plugin_pet-0.0.9.dist-info")
    done = mmcare("predict", run, "--cohort", with_pet, path=older)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == said.format(run, "version 0.0.9 is installed", wanted)


def test_a_spec_says_what_is_missing_where_the_plugin_is_gone(with_pet: Path, tmp_path: Path, mmcare: Mmcare) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC)
    done = mmcare("train", spec, "--cohort", with_pet)
    assert done.returncode == 2
    parts = (("modalities.pet.use", "modality", "pet"), ("modalities.pet.encoder.use", "encoder", "pet-cnn"))
    for place, kind, name in parts:
        todo = f"`mmcare plugin list --kind {kind}` shows what there is."
        assert f"{place}: there is no {kind} '{name}'.\n  {todo}\n" in done.stderr

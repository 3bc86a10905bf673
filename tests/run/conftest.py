"""A small cohort of two arms, runs trained on it once, and a copy of a run for each test to spoil."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mmcare
from mmcare.cache import Cache
from mmcare.cli.main import main
from mmcare.errors import MMCareError
from mmcare.run import Run
from mmcare.workflow.options import Options

DICTIONARY = """\
mmcare_cohort: 1
patients: {file: patients.csv, id: patient_id}
arms: {column: arm, values: {sbrt: SBRT, surgery: surgical resection}}
endpoints:
  os: {time: os_years, event: died, horizons: [1, 2]}
  lc: {time: lc_years, event: failed, codes: {0: censored, 1: event, 2: competing}, horizons: [1, 2]}
columns:
  age: {type: number, unit: years}
  size: {type: number, unit: mm}
  sex: {type: category, levels: [female, male]}
"""
COLUMNS = ("patient_id", "arm", "os_years", "died", "lc_years", "failed", "age", "size", "sex")
NETWORK = """\
mmcare: 1
name: tiny
modalities:
  clinical: {use: table, encoder: {use: mlp, hidden: [8]}}
head:
  use: dual-task
  hidden: []
  endpoints: {os: {model: discrete, weight: 0.7}, lc: {model: competing-risk, weight: 0.3}}
training: {max_epochs: 2, device: cpu}
decision: {utility: {os: 0.7, lc: 0.3}, horizon: 2}
"""
BASELINE = """\
mmcare: 1
name: tiny-cox
modalities: {clinical: {use: table}}
baseline: {use: cox-ph}
"""
LOCAL = NETWORK.replace("{use: mlp, hidden: [8]}", "{use: my-encoder, dim: 8}")
MY_ENCODER = Path(__file__).parents[2] / "examples" / "plugins" / "my_encoder.py"

Copy = Callable[[Run], Path]
Ask = Callable[..., tuple[int, str, str]]


def rows() -> list[dict[str, str]]:
    """160 patients in two arms, half of whom had each event: enough for figures of their own."""
    rng = np.random.default_rng(7)
    found = []
    for n in range(160):
        age, size = 50 + 35 * rng.random(), 8 + 30 * rng.random()
        years = rng.exponential(60 / age) + 0.1
        failed = int(rng.choice(3, p=[0.3, 0.5, 0.2]))
        cells = (f"P{n:03d}", ("sbrt", "surgery")[n % 2], years, n // 2 % 2, years * 0.8, failed, age, size)
        texts = [cell if isinstance(cell, str) else f"{cell:.4g}" for cell in cells]
        found.append(dict(zip(COLUMNS, [*texts, ("female", "male")[n // 3 % 2]], strict=True)))
    found[5]["age"] = ""
    return found


def write_cohort(folder: Path, dictionary: str = DICTIONARY, patients: list[dict[str, str]] | None = None) -> Path:
    """A cohort folder with this dictionary and these patients."""
    folder.mkdir(parents=True)
    (folder / "cohort.yaml").write_text(dictionary)
    with (folder / "patients.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(patients or rows())
    return folder


def _fit(folder: Path, cohort: Path, spec: str, plugins: tuple[Path, ...] = ()) -> Run:
    folder.mkdir()
    (folder / "spec.yaml").write_text(spec)
    options = Options(out=folder / "run", cache=Cache(folder / "cache"))
    return mmcare.fit(folder / "spec.yaml", cohort, plugins=plugins, options=options)


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cohort that the runs were trained on."""
    return write_cohort(tmp_path_factory.mktemp("hospital") / "cohort")


@pytest.fixture(scope="session")
def network(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A network of a table, after two epochs."""
    return _fit(tmp_path_factory.mktemp("runs") / "network", cohort, NETWORK)


@pytest.fixture(scope="session")
def baseline(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A Cox model of the same table."""
    return _fit(tmp_path_factory.mktemp("runs") / "baseline", cohort, BASELINE)


@pytest.fixture(scope="session")
def with_local_code(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A network whose encoder is a file of the user's own."""
    return _fit(tmp_path_factory.mktemp("runs") / "local", cohort, LOCAL, (MY_ENCODER,))


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """Copy a run to a place of its own, to spoil it there."""
    return lambda run: shutil.copytree(run.path, tmp_path / "copies" / run.spec.name)


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run `mmcare ...` in this process: exit code, stdout, stderr."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return (code, *capsys.readouterr())

    return call


def refusal(path: Path, *, allow_local_code: bool = False) -> str:
    """What is said where a run is not opened."""
    with pytest.raises(MMCareError) as caught:
        mmcare.load_run(path, allow_local_code=allow_local_code)
    return str(caught.value)


def reseal(run: Path) -> None:
    """Write the digests of the files as they are now into the manifest: what a careful forger would do."""
    manifest = json.loads((run / "run.json").read_text())
    manifest["files"] = {
        name: {"bytes": len(data := (run / name).read_bytes()), "sha256": hashlib.sha256(data).hexdigest()}
        for name in manifest["files"]
    }
    (run / "run.json").write_text(json.dumps(manifest))

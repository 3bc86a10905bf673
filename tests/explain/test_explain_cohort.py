"""`mmcare explain`: what it writes and prints, and that a second call goes on where the first was."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from mmcare.cli.main import main
from mmcare.components import Feature
from mmcare.explain import ExplainConfig, Target
from mmcare.explain.importance import FeatureValues, feature_values, importance, top
from mmcare.explain.plots import beeswarm, dependence
from mmcare.formats import read_nifti
from mmcare.workflow.explain import Wanted, explain_cohort

from .conftest import Small

CONFIG = ExplainConfig(rows=64, background=4, saliency=False, gradients=False)


@pytest.fixture(scope="module")
def written(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is written of six patients."""
    out = tmp_path_factory.mktemp("explained")
    patients = small.run.folder.patients("test")[:6]
    explain_cohort(small.run, small.cohort, out, Wanted(patients, maps=False, config=CONFIG))
    return out


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def test_the_tables_hold_every_patient_and_their_means(written: Path, small: Small) -> None:
    shap = rows_of(written / "shap.csv")
    assert {row["patient"] for row in shap} == set(small.run.folder.patients("test")[:6])
    ranked = rows_of(written / "importance.csv")
    for row in ranked:
        own = [
            abs(float(r["shap"]))
            for r in shap
            if (r["target"], r["modality"], r["feature"]) == (row["target"], row["modality"], row["feature"])
        ]
        assert float(row["mean_absolute_shap"]) == pytest.approx(np.mean(own)) and int(row["patients"]) == len(own)
    for target in {row["target"] for row in ranked}:
        clinical = [row for row in ranked if (row["target"], row["modality"]) == (target, "clinical")]
        sizes = [float(row["mean_absolute_shap"]) for row in clinical]
        assert sizes == sorted(sizes, reverse=True) and [int(row["rank"]) for row in clinical] == [1, 2, 3]
    assert len(json.loads((written / "importance.json").read_text())) == len(ranked)


def test_the_plots_are_drawn(written: Path) -> None:
    names = {path.name for path in (written / "plots").iterdir()}
    assert {"beeswarm-os-2-sbrt.png", "dependence-clinical-os-2-surgery-sbrt.png"} <= names
    for path in (written / "plots").iterdir():
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG") and len(data) > 5000


def test_a_name_that_looks_like_mathematics_is_drawn_as_it_is(written: Path) -> None:
    n = 3
    found = FeatureValues(
        Target("os", 2.0, "a$\\x$"),
        "table",
        (Feature("$\\frac{$", "$"), Feature("b", levels=("$\\y", "z$"))),
        ("P1", "P2", "P3"),
        np.arange(2.0 * n).reshape(n, 2),
        np.zeros((n, 2)),
        ((1.0, "$\\y"), (None, "z$"), (2.0, "$\\y$")),
        np.zeros(n),
        np.zeros(n),
    )
    for data in (beeswarm([found]), dependence(found)):
        assert data.startswith(b"\x89PNG")


def test_a_second_call_computes_nothing_and_other_settings_do(written: Path, small: Small) -> None:
    patients = small.run.folder.patients("test")[:3]
    again = explain_cohort(small.run, small.cohort, written, Wanted(patients, maps=False, plots=False, config=CONFIG))
    assert (again.reused, again.last) == (3, None)
    other = CONFIG.model_copy(update={"seed": 5})
    changed = explain_cohort(
        small.run, small.cohort, written, Wanted(patients[:1], maps=False, plots=False, config=other)
    )
    assert changed.reused == 0 and changed.last is not None


def test_a_damaged_record_is_named(written: Path, small: Small, capsys: pytest.CaptureFixture[str]) -> None:
    patient = small.run.folder.patients("test")[5]
    file = written / "patients" / patient / "explanation.json"
    before = file.read_text()
    file.write_text("[1]")
    try:
        words = ("explain", str(small.run.path), "--cohort", str(small.cohort.root), "--out", str(written))
        assert main([*words, "--patient", patient, "--no-images"]) == 2
        assert capsys.readouterr().err == (
            f"Error: {file}: is no explanation that `mmcare explain` wrote: TypeError.\n"
            "  Take it away; it is made again.\n"
        )
    finally:
        file.write_text(before)


def test_one_patient_on_the_command_line(small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    words = ["explain", str(small.run.path), "--cohort", str(small.cohort.root), "--patient", small.whole]
    assert main([*words, "--rows", "64", "--background", "4", "--target", "os@2:sbrt", "--out", str(out)]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == small.whole and lines[2].startswith("os@2:sbrt: 0.") and lines[-1] == str(out)
    assert any("genomic: TP53" in line for line in lines) and any(line.endswith(" years") for line in lines)
    assert "Note: ct counts as a whole, against those of the training patients." in said.err
    record = json.loads((out / "patients" / small.whole / "explanation.json").read_text())
    shown = sum(row["value"] for part in record["features"] for row in part["features"])
    head = record["features"][0]
    assert shown == pytest.approx(head["prediction"] - head["baseline"], abs=1e-4)
    assert record["background"] and record["attention"] and record["integrated_gradients"]
    assert record["saliency"][0]["file"] == "ct-os-2y-sbrt.nii.gz"


def test_a_map_lies_on_the_images_own_grid(small: Small, tmp_path: Path) -> None:
    wanted = Wanted([small.whole], config=CONFIG.model_copy(update={"saliency": True}))
    explain_cohort(small.run, small.cohort, tmp_path, wanted)
    folder = tmp_path / "patients" / small.whole
    volume, _ = read_nifti(small.cohort.root / "ct" / f"{small.whole}.nii.gz")
    maps = sorted(folder.glob("*.nii.gz"))
    assert [path.name for path in maps] == [
        "ct-os-2y-sbrt-against.nii.gz",
        "ct-os-2y-sbrt.nii.gz",
        "ct-os-2y-surgery-against.nii.gz",
        "ct-os-2y-surgery-minus-sbrt-against.nii.gz",
        "ct-os-2y-surgery-minus-sbrt.nii.gz",
        "ct-os-2y-surgery.nii.gz",
    ]
    for path in maps:
        image = nibabel.load(path)
        np.testing.assert_allclose(image.affine, volume.affine, atol=1e-4)
        values = np.asarray(image.dataobj)
        assert values.shape == volume.shape and values.min() >= 0 and values.max() <= 1.0001


def test_an_unknown_patient_is_named(small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", str(small.run.path), "--cohort", str(small.cohort.root), "--patient", "NOBODY"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert "NOBODY" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_five_first_of_each_modality_are_table_8(small: Small, tmp_path: Path) -> None:
    patients = small.run.folder.patients("test")[:4]
    explained = explain_cohort(
        small.run, small.cohort, tmp_path, Wanted(patients, maps=False, plots=False, config=CONFIG)
    )
    rows = top(explained.importance)
    for modality, count in {"ct": 1, "clinical": 3, "genomic": 5}.items():
        assert len([row for row in rows if row.modality == modality and row.target.key == "os@2:sbrt"]) == count
    assert feature_values([]) == ()
    for part in explained.values:
        assert all((row.standard_error is None) == (len(part.patients) == 1) for row in importance(part))

"""Ready-made tokens, from an array a patient and from one table: read, trained on, and predicted from."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

import mmcare
from mmcare.cache import Cache
from mmcare.cli.main import main
from mmcare.workflow.options import Options

DICTIONARY = """\
mmcare_cohort: 1
endpoints:
  os: {time: years, event: dead, horizons: [1, 2]}
modalities:
  emb: {tokens: ENTRY}
"""
SPEC = """\
mmcare: 1
name: tokens
modalities:
  emb: {use: precomputed, encoder: {use: precomputed}}
head: {use: dual-task, hidden: [], endpoints: {os: {model: discrete}}}
training: {max_epochs: 2, device: cpu}
"""
N, TOKENS, WIDTH = 30, ("upper", "lower"), 3


def values() -> np.ndarray:
    """(N, tokens, width); patient 7 lacks the token `lower`, patient 8 has none at all."""
    return np.random.default_rng(3).normal(5, 2, (N, len(TOKENS), WIDTH)).round(4).astype(np.float32)


def patients(folder: Path, entry: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "cohort.yaml").write_text(DICTIONARY.replace("ENTRY", entry))
    rng = np.random.default_rng(1)
    rows = [f"P{i:02d},{0.2 + 3 * rng.random():.3f},{int(i % 3 > 0)}" for i in range(N)]
    (folder / "patients.csv").write_text("\n".join(["patient_id,years,dead", *rows]) + "\n")
    return folder


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    folder = patients(tmp_path / "arrays", '"emb/{patient}.npy"')
    (folder / "emb").mkdir()
    for i, tokens in enumerate(values()):
        if i != 8:
            np.save(folder / "emb" / f"P{i:02d}.npy", tokens[: 1 if i == 7 else 2])
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    folder = patients(tmp_path / "table", "emb.csv")
    with (folder / "emb.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient_id", "token", "d0", "d1", "d2"])
        for i, tokens in enumerate(values()):
            for name, token in list(zip(TOKENS, tokens, strict=True))[: 0 if i == 8 else 1 if i == 7 else 2]:
                writer.writerow([f"P{i:02d}", name, *map(str, token.tolist())])
    return folder


def fit(tmp_path: Path, cohort: Path, spec: str = SPEC) -> mmcare.run.Run:
    file = tmp_path / "spec.yaml"
    file.write_text(spec)
    options = Options(out=tmp_path / f"run-{cohort.name}", cache=Cache(tmp_path / "cache"))
    return mmcare.fit(file, cohort, options=options)


def test_both_forms_give_the_same_run(tmp_path: Path, arrays: Path, table: Path) -> None:
    """Names of tokens differ; numbers, absences and predictions do not."""
    first, second = fit(tmp_path, arrays), fit(tmp_path, table)
    assert first.fitted["emb"].values["names"] == ["token 0", "token 1"]
    assert second.fitted["emb"].values["names"] == list(TOKENS)
    ids = [f"P{i:02d}" for i in range(N)]
    a, b = first.predict(arrays, ids), second.predict(table, ids)
    one, other = (p.prognosis.endpoints["os"].at_horizons for p in (a, b))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0, equal_nan=True)
    assert (a.absent["P08"], b.absent["P08"]) == (
        {"emb": "no file of tokens"},
        {"emb": "no row in the table of tokens"},
    )


def test_tokens_are_standardised_by_the_training_patients(tmp_path: Path, table: Path) -> None:
    run = fit(tmp_path, table)
    training = run.folder.patients("training")
    inputs = run.inputs(mmcare.cohort.read_cohort(table), training, with_outcomes=False)
    batch = inputs.batch(training, with_outcomes=False).modalities["emb"]
    known = batch.values[batch.mask]
    torch.testing.assert_close(known.mean(0), torch.zeros(WIDTH), atol=1e-5, rtol=0)
    torch.testing.assert_close(known.std(0, unbiased=False), torch.ones(WIDTH), atol=1e-5, rtol=0)
    assert not batch.mask.all() or "P07" not in training


def test_pooled_gives_one_token(tmp_path: Path, table: Path) -> None:
    run = fit(tmp_path, table, SPEC.replace("{use: precomputed}}", "{use: precomputed, pooled: true}}"))
    assert run.predict(table, ["P07"]).prognosis.endpoints["os"].at_horizons.isfinite().any()


BAD = {
    "no number": ("P03,upper", "P03,upper", "d1", "patient P03: column `d1`: expected a finite number, found 'x'."),
    "a token twice": ("P03,lower", "P03,upper", "", "patient P03: the token 'upper' is there twice."),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_table_names_patient_and_column(
    case: str, tmp_path: Path, table: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, column, message = BAD[case]
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    lines = (table / "emb.csv").read_text().splitlines()
    for i, line in enumerate(lines):
        if line.startswith(old):
            cells = line.replace(old, new).split(",")
            if column:
                cells[3] = "x"
            lines[i] = ",".join(cells)
    (table / "emb.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "spec.yaml").write_text(SPEC)
    assert main(["train", str(tmp_path / "spec.yaml"), "--cohort", str(table), "--out", str(tmp_path / "run")]) != 0
    err = capfd.readouterr().err
    assert f"Error: {table}/emb.csv, {message}\n  Write it again." in err
    assert "Traceback" not in err


def test_bad_arrays_are_named_all_at_once(tmp_path: Path, arrays: Path) -> None:
    np.save(arrays / "emb" / "P02.npy", np.array([[1.0, np.nan, 2.0]]))
    np.save(arrays / "emb" / "P03.npy", np.zeros((1, 2, 3)))
    np.save(arrays / "emb" / "P04.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (arrays / "emb" / "P05.npy").write_bytes(b"no array")
    with pytest.raises(mmcare.errors.CohortError) as error:
        fit(tmp_path, arrays)
    said = [str(finding).replace(f"{arrays}/", "") for finding in error.value.findings]
    assert said[0] == (
        "emb/P02.npy, patient P02: expected finite numbers, at least one; found float64 of shape (1, 3) with some that "
        "are not. Write it again."
    )
    assert said[1] == (
        "emb/P03.npy, patient P03: expected numbers of shape (N, D) or (D,), found float64 of shape (1, 2, 3). "
        "Write it again."
    )
    assert [text.partition(":")[0] for text in said[2:]] == ["emb/P04.npy, patient P04", "emb/P05.npy, patient P05"]


def test_another_width_is_refused(tmp_path: Path, arrays: Path) -> None:
    run = fit(tmp_path, arrays)
    np.save(arrays / "emb" / "P02.npy", np.zeros((2, WIDTH + 1)))
    with pytest.raises(mmcare.errors.CohortError) as error:
        run.predict(arrays, ["P02"])
    assert str(error.value) == ("the tokens have 4 numbers each, and had 3 in training. Make them with the same model.")


def test_a_token_unseen_in_training_is_left_out_and_said(tmp_path: Path, table: Path) -> None:
    run = fit(tmp_path, table)
    text = (table / "emb.csv").read_text()
    (table / "emb.csv").write_text(text.replace("P02,lower", "P02,middle"))
    said = [str(finding) for finding in run.predict(table, ["P02"]).findings]
    assert said == ["1 tokens have names that were not seen in training (middle): they are left out."]

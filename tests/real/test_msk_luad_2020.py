"""The real early-stage cohort: counted as published, trained on, and scored beside a Cox model on the same split."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcare.cache import Cache
from mmcare.cli.main import main
from mmcare.cohort import Cohort, read_cohort
from mmcare.evaluation import Metrics
from mmcare.inputs import Inputs, read_inputs
from mmcare.run import Run, load_run
from mmcare.spec import load_spec
from mmcare.workflow.cohort_check import check_cohort_folder
from mmcare.workflow.cohort_match import check_match
from mmcare.workflow.demo import example
from mmcare.workflow.fit import fit
from mmcare.workflow.options import Options

HEAD = ("EGFR", "KRAS", "TP53", "STK11", "KEAP1")


@pytest.fixture(scope="module")
def cohort(msk: Path) -> Cohort:
    return read_cohort(msk)


@pytest.fixture(scope="module")
def table(cohort: Cohort) -> Sequence[Mapping[str, str]]:
    return list(cohort.table.records())


@pytest.fixture(scope="module")
def inputs(cohort: Cohort, cache: Cache) -> Inputs:
    read = read_inputs(load_spec(example("msk-luad-2020.yaml")), cohort, cohort.outcome_layout(), cache=cache)
    return read.fit(cohort.patients)


def test_the_counts_are_the_published_ones(cohort: Cohort, table: Sequence[Mapping[str, str]]) -> None:
    assert len(table) == 604
    outcomes = cohort.outcomes(cohort.outcome_layout(), cohort.patients)
    assert not outcomes.time.isnan().any()
    assert int(outcomes.event.sum()) == 98
    assert float(outcomes.time.median()) * 12 == pytest.approx(21, abs=1)
    stages = Counter(row["pathologic_stage"] for row in table)
    assert stages == {"1": 447, "2": 95, "3": 62}
    assert sum(row["pathologic_stage"] == "1" and row["rfs_event"] == "1" for row in table) == 43
    assert sum(row["os_event"] == "1" for row in table) == 45
    columns = ("pack_years", "suv_max", "ct_size", "clinical_n", "dlco", "fev1")
    assert [sum(not row[name] for row in table) for name in columns] == [1, 67, 4, 2, 18, 12]
    assert max(float(row["age"]) for row in table) == 89


def test_there_is_nothing_wrong_with_it(msk: Path) -> None:
    cohort, findings = check_cohort_folder(msk)
    assert cohort is not None
    assert [f"{f.severity}: {f.what}" for f in findings] == [
        "note: 4814 mutation rows: 4800 used, 8 not counted: Intron, 5 not counted: 3'Flank, 1 not counted: IGR."
    ]


def test_no_mutated_panel_gene_is_lost_for_lack_of_an_edge(inputs: Inputs, msk: Path) -> None:
    """STRING's table has 68 genes; the nodes are the panels' genes, and every counted mutation is on one."""
    layout = inputs.layouts["genomic"]
    items = inputs.samples["genomic"].prepared
    mutated = {gene for item in items.values() for gene in item.values["mutated"]}
    assert mutated <= set(layout.nodes)
    assert set(HEAD) <= mutated
    linked = {layout.nodes[i] for i in np.unique(layout.edges)}
    assert len(linked) < 68
    assert {"STK11", "KEAP1", "RBM10"} & linked == set()
    (alone,) = (f for f in inputs.findings() if f.code == "isolated")
    assert alone.what == (
        f"{len(layout.nodes) - len(linked)} of {len(layout.nodes)} genes have no edge in the network; "
        "each is a node of its own."
    )
    with (msk / "mutations.maf").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    counts = Counter(row["Hugo_Symbol"] for row in rows)
    assert [counts[gene] for gene in HEAD] == [209, 236, 245, 92, 72]
    assert len({row["Tumor_Sample_Barcode"] for row in rows}) == 598


def test_a_gene_outside_a_samples_panel_is_missing(inputs: Inputs, msk: Path) -> None:
    with (msk / "panels.tsv").open() as file:
        panel = {row["SAMPLE_ID"]: row["mutations"] for row in csv.DictReader(file, delimiter="\t")}
    sizes = {"IMPACT341": 341, "IMPACT410": 410, "IMPACT468": 468}
    assert set(panel.values()) <= set(sizes)
    patients = [next(p for p in panel if panel[p] == name) for name in sizes if name in panel.values()]
    batch = inputs.batch(patients, with_outcomes=False).modalities["genomic"]
    measured = batch.measured[..., 0].sum(1).tolist()
    assert measured == [sizes[panel[p]] for p in patients]
    assert len(set(measured)) > 1
    assert (batch.values[~batch.measured] == 0).all()
    assert torch.equal(batch.rows, torch.arange(len(patients)))


def test_what_is_known_only_after_surgery_is_said(cohort: Cohort) -> None:
    said = [str(finding) for finding in check_match(load_spec(example("msk-luad-2020.yaml")), cohort)]
    assert len(said) == 1
    assert (
        "left out, since known only after the treatment decision (`available_at: after`): pathologic_stage" in said[0]
    )
    refused = load_spec(example("msk-luad-2020.yaml"), ["allow_after_decision=[]"])
    (genome,) = (f for f in check_match(refused, cohort) if f.key == "modalities.genomic")
    assert str(genome).endswith(
        "modalities.genomic: is known only after the treatment decision (`available_at: after`). "
        "For a one-arm prognosis, allow it by name: `allow_after_decision: [genomic]`."
    )


def trained(msk: Path, cache: Cache, folder: Path, overrides: Sequence[str]) -> tuple[Run, Run]:
    """The network and the Cox model, each of its shipped spec."""
    runs = []
    for name, changes in (("msk-luad-2020.yaml", overrides), ("msk-luad-2020-cox.yaml", ())):
        options = Options(out=folder / name.removesuffix(".yaml"), cache=cache)
        runs.append(fit(example(name), msk, overrides=changes, options=options))
    return runs[0], runs[1]


def concordance(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """`mmcare evaluate` prints the concordance with its interval; whatever it is, none is chosen."""
    capfd.readouterr()
    assert main(["evaluate", str(run.path)]) == 0
    out = capfd.readouterr().out
    assert re.search(r"0\.\d\d\d? \(0\.\d\d\d? ?(to|-|–) ?(0|1)\.\d\d\d?\)", out), out
    metrics = Metrics.model_validate_json((run.path / "metrics.json").read_text())
    figure = metrics.figure("rfs", "surgery", 3.0, "C")
    assert figure.value is not None and figure.lower is not None and figure.upper is not None
    assert 0 <= figure.lower < figure.value < figure.upper <= 1


def same_split(network: Run, cox: Run) -> None:
    for split, size in (("training", 423), ("validation", 91), ("test", 90)):
        assert network.folder.patients(split) == cox.folder.patients(split)
        assert len(network.folder.patients(split)) == pytest.approx(size, abs=1)


def test_a_short_training_runs_beside_cox_on_one_split(
    msk: Path, cache: Cache, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two epochs on the 30 genes mutated most often: the way, not the figures."""
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    network, cox = trained(msk, cache, tmp_path, ["training.max_epochs=2", "modalities.genomic.min_mutated=25"])
    same_split(network, cox)
    for run in (network, cox):
        concordance(load_run(run.path), capfd)


@pytest.mark.slow
def test_the_whole_training(
    msk: Path, cache: Cache, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipped specs as they stand."""
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    network, cox = trained(msk, cache, tmp_path, ())
    same_split(network, cox)
    assert len(network.fitted["genomic"].values["nodes"]) == 468
    for run in (network, cox):
        concordance(load_run(run.path), capfd)

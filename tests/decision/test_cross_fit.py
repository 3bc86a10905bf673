"""The whole pipeline once a fold: nobody is asked for by a model that saw them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmcare.decision.out_of_fold import judge
from mmcare.run import Run
from mmcare.run.store import read_arrays
from mmcare.spec import DecisionConfig
from mmcare.workflow import cross_fit, network

from .conftest import train


def test_no_model_saw_the_patients_it_is_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained, asked = [], []
    train_network, encode = network.train_network, cross_fit.encode_patients
    monkeypatch.setattr(
        cross_fit, "train_network", lambda task, *rest: (trained.append(task), train_network(task, *rest))[1]
    )
    monkeypatch.setattr(
        cross_fit,
        "encode_patients",
        lambda model, inputs, patients: (asked.append(patients), encode(model, inputs, patients))[1],
    )
    run = train(folder, "folds", "decision.bootstrap=0", "training.max_epochs=1")
    own = {*run.folder.patients("training"), *run.folder.patients("validation")}
    assert len(trained) == len(asked) == 2
    assert {patient for patients in asked for patient in patients} == own, "each once, test patients never"
    assert sum(map(len, asked)) == len(own)
    for task, patients in zip(trained, asked, strict=True):
        used = {*task.training, *task.validation}
        assert used == own - set(patients)
        assert set(task.training) <= set(run.folder.patients("training"))
        assert task.inputs.fitted["clinical"] != run.fitted["clinical"], "preprocessing, too, is the fold's own"


def test_a_finished_fold_is_kept_and_read_back_the_same(run: Run) -> None:
    files = sorted((run.folder.resume / "cross-fit").glob("*.safetensors"))
    assert [file.name for file in files] == ["fold-01.safetensors", "fold-02.safetensors"]
    horizons = {endpoint.name: endpoint.horizons for endpoint in run.outcomes.endpoints}
    for file in files:
        arrays = read_arrays(file)
        again = cross_fit._arrays(cross_fit._restored(arrays, horizons))
        assert again.keys() == arrays.keys()
        for name, values in arrays.items():
            np.testing.assert_array_equal(again[name], values)
        assert arrays["propensity"].shape[1] == 2 and np.allclose(arrays["propensity"].sum(1), 1)


def test_a_stopped_training_goes_on_with_the_next_fold(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmcare.errors import Interrupted
    from mmcare.workflow.resume import resume

    train_network, calls = network.train_network, []

    def stopped(task, *rest):
        calls.append(task)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train_network(task, *rest)

    monkeypatch.setattr(cross_fit, "train_network", stopped)
    overrides = ("decision.bootstrap=0", "training.max_epochs=1")
    with pytest.raises(Interrupted) as caught:
        train(folder, "stopped", *overrides)
    assert f"mmcare train --resume {folder / 'stopped'}" in str(caught.value)
    calls.clear()
    monkeypatch.setattr(
        cross_fit, "train_network", lambda task, *rest: (calls.append(task), train_network(task, *rest))[1]
    )
    gone_on = resume(folder / "stopped")
    assert len(calls) == 1, "the first fold is kept"
    whole = train(folder, "whole", *overrides)
    states = [(r.path / "decision" / "state.json").read_text() for r in (gone_on, whole)]
    assert states[0] == states[1]


def test_patients_without_overlap_or_without_a_figure_judge_nothing(run: Run) -> None:
    from mmcare.components import EndpointPrognosis, Outcomes, Prognosis
    from mmcare.decision.out_of_fold import OutOfFold

    n = 40
    rng = np.random.default_rng(0)
    free = torch.tensor([1.0, 0.9, 0.6]).expand(n, 2, 3).clone().double()
    endpoint = EndpointPrognosis(
        horizons=(3.0,), at_horizons=free[..., 2:], free=free, competing=None, support_years=torch.tensor([5.0, 5.0]),
        monotone=True, personal=torch.tensor([True, True]),
    )  # fmt: skip
    outcomes = Outcomes(
        arm=torch.arange(n) % 2,
        time=torch.from_numpy(rng.uniform(0.5, 6, n))[:, None],
        event=torch.from_numpy(rng.integers(0, 2, n))[:, None],
    )
    outcomes.time[3] = torch.nan
    propensity = np.full((n, 2), 0.5)
    propensity[5] = [0.05, 0.95]
    from mmcare.components import Endpoint, OutcomeLayout

    layout = OutcomeLayout(("a", "b"), (Endpoint("os", (3.0,)),))
    found = judge(
        OutOfFold(Prognosis(torch.tensor([0.0, 1.0, 3.0]), {"os": endpoint}), propensity, outcomes),
        layout,
        DecisionConfig(utility={"os": 1.0}),
    )
    assert found.left_out == 2 and found.scores.shape == (38, 2)
    np.testing.assert_allclose(found.predicted, 0.6)

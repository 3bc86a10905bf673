"""Altered patients: what is left out of the computation changes nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from mmcare.components import Fusion, Representation, Tokens
from mmcare.explain import ExplainConfig, Explainer
from mmcare.explain.explainer import Notes, Work
from mmcare.explain.rows import NetworkRows, PredictorRows
from mmcare.run import NetworkPredictor

from .conftest import Small


def work_on(small: Small, patient: str) -> Work:
    """A patient's explanation before anything but the tokens is computed."""
    explainer = Explainer(small.run, small.cohort, ExplainConfig(background=4))
    explainer.reference = explainer.reference.__class__(explainer.reference.patients, explainer.reference.inputs, {})
    work = explainer.work(patient, explainer.targets, Notes())
    assert work is not None
    return work


def asked(rows: NetworkRows | PredictorRows) -> np.ndarray:
    """Of forty coalitions."""
    keep = np.random.default_rng(0).random((40, rows.players.count)) < 0.5
    return rows(keep, np.arange(40) % 4)


@pytest.mark.parametrize("who", ["whole", "without_ct", "without_genome"])
def test_values_are_those_of_the_whole_network(small: Small, who: str) -> None:
    work = work_on(small, getattr(small, who))
    whole = PredictorRows(small.run.predictor, work.setting)
    np.testing.assert_allclose(asked(work.networks[0]), asked(whole), rtol=0, atol=1e-6)


def test_tokens_that_are_masked_in_all_rows_are_left_out(small: Small) -> None:
    rows = work_on(small, small.without_ct).networks[0]
    assert rows.own["ct"].values.shape[1] == 8 and rows.given["ct"].values.shape[1] == 1
    assert set(rows.given) == {"ct"}, "tables and genes are altered feature by feature"


class CountsTokens(Fusion):  # type: ignore[type-arg]
    """A fusion to which the number of tokens is something; of another number than its layout's it can make nothing."""

    def __init__(self, inner: Fusion, strict: bool) -> None:  # type: ignore[type-arg]
        torch.nn.Module.__init__(self)
        self.inner, self.strict, self.dim, self.paths = inner, strict, inner.dim, inner.paths

    def forward(self, tokens: Mapping[str, Tokens]) -> Representation:
        count = tokens["ct"].values.shape[1]
        if self.strict and count != 8:
            raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied (1x{count} and 8x8)")
        r = self.inner(tokens)
        return Representation(r.values + count, r.mask)


@pytest.mark.parametrize("strict", [True, False])
def test_a_fusion_that_counts_tokens_is_given_all(small: Small, strict: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(small.run.predictor, NetworkPredictor)
    model = small.run.predictor.model
    monkeypatch.setitem(model._modules, "fusion", CountsTokens(model.fusion, strict).eval())
    work = work_on(small, small.without_ct)
    assert work.networks[0].given["ct"].values.shape[1] == 8
    whole = PredictorRows(small.run.predictor, work.setting)
    np.testing.assert_allclose(asked(work.networks[0]), asked(whole), rtol=0, atol=1e-6)

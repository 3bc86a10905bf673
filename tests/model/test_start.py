"""Before the first step everyone is predicted the arm's Kaplan-Meier or Aalen-Johansen curve, to 0.02."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcare.cohort import Cohort
from mmcare.components import Outcomes
from mmcare.inputs import Inputs
from mmcare.model import Model, build
from mmcare.spec import Spec, load_spec
from mmcare.survival import aalen_johansen, kaplan_meier
from mmcare.synthetic import draw

from .conftest import DEMO, SMALL


def outcomes(seed: int, n: int = 1500) -> Outcomes:
    """What was seen of n patients drawn from the causal model: enough events in each arm for personal figures."""
    drawn = draw("heterogeneous", n, seed)
    seen = drawn.observed
    return Outcomes(
        arm=torch.from_numpy(np.asarray(drawn.arm, dtype=np.int64)),
        time=torch.from_numpy(np.stack([seen.os_years, seen.lc_years], axis=1)),
        event=torch.from_numpy(np.stack([seen.os_event, seen.lc_event], axis=1).astype(np.int64)),
    )


def require_arms_curves(model: Model, inputs: Inputs, seen: Outcomes) -> None:
    """Every patient's prognosis is the curve of the training patients of the arm."""
    model.eval()
    with torch.no_grad():
        prognosis = model.predict(model(inputs.batch(inputs.patients)))
    for column, endpoint in enumerate(model.outcomes.endpoints):
        found = prognosis.endpoints[endpoint.name]
        for arm in range(len(model.outcomes.arms)):
            assert bool(found.personal[arm]), "the head gives each patient a figure of its own"
            rows = seen.arm == arm
            time, event = seen.time[rows, column].numpy(), seen.event[rows, column].numpy()
            horizons = np.array(endpoint.horizons)
            if endpoint.competing:
                expected = 1 - aalen_johansen(time, event).at(horizons)
            else:
                expected = kaplan_meier(time, event).curve.at(horizons)
            off = np.abs(found.at_horizons[:, arm].numpy() - expected)
            assert off.max() <= 0.02, (endpoint.name, model.outcomes.arms[arm], off.max())


@pytest.mark.parametrize("seed", range(3))
def test_the_demos_model(seed: int, spec: Spec, cohort: Cohort, inputs: Inputs) -> None:
    """CT, table and genes, cross-attention, discrete hazards and competing risks."""
    torch.manual_seed(seed)
    model = build(spec, inputs.layouts, cohort.outcome_layout())
    seen = outcomes(seed)
    model.fit(seen)
    require_arms_curves(model, inputs, seen)


@pytest.mark.parametrize("fusion", ["concat", "weighted-sum", "late"])
def test_other_fusions(fusion: str, cohort: Cohort, inputs: Inputs) -> None:
    spec = load_spec(DEMO, (*SMALL, f"fusion.use={fusion}"))
    torch.manual_seed(0)
    model = build(spec, inputs.layouts, cohort.outcome_layout())
    seen = outcomes(7)
    model.fit(seen)
    require_arms_curves(model, inputs, seen)


def test_a_table_alone(cohort: Cohort, inputs: Inputs) -> None:
    spec = load_spec(DEMO, ("modalities.ct=null", "modalities.genomic=null"))
    assert list(spec.modalities) == ["clinical"]
    torch.manual_seed(0)
    model = build(spec, inputs.layouts, cohort.outcome_layout())
    seen = outcomes(11)
    model.fit(seen)
    require_arms_curves(model, inputs, seen)

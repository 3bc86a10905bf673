"""The Cox head on 421 real patients: lifelines' coefficients and baseline."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lifelines import CoxPHFitter

from mmcare.components import Endpoint, OutcomeLayout, Outcomes
from mmcare_prognosis.dual_task import DualTask
from mmcare_prognosis.plugin import DualTaskConfig

FEATURES = ("original_shape_Maximum2DDiameterSlice", "original_shape_Elongation", "original_firstorder_Median", "age")
LAYOUT = OutcomeLayout(("chemoradiotherapy",), (Endpoint("os", (1.0, 3.0, 5.0)),))


def lung1(folder: Path) -> pd.DataFrame:
    """Standardised features, years, deaths; patients of unknown age are left out."""
    folder = folder / "lung1-clinical-radiomics"
    clinical = pd.read_csv(folder / "NSCLC-Radiomics-Lung1.clinical-version3-Oct-2019.csv").set_index("PatientID")
    clinical = clinical[["age", "Survival.time", "deadstatus.event"]]
    radiomics = pd.read_csv(folder / "lung1_pyradiomics_199cols_421patients.csv").set_index("PatientID")
    table = radiomics[list(FEATURES[:3])].join(clinical).dropna()
    table[list(FEATURES)] = (table[list(FEATURES)] - table[list(FEATURES)].mean()) / table[list(FEATURES)].std()
    table["years"] = table.pop("Survival.time") / 365.25
    return table.rename(columns={"deadstatus.event": "died"})


def test_on_linear_features_the_head_is_lifelines_cox_model(real_data: Path, trained, caplog) -> None:
    table = lung1(real_data)
    assert len(table) == 399 and int(table["died"].sum()) > 300
    x = torch.tensor(table[list(FEATURES)].to_numpy())
    outcomes = Outcomes(
        arm=torch.zeros(len(table), dtype=torch.long),
        time=torch.tensor(table[["years"]].to_numpy()),
        event=torch.tensor(table[["died"]].to_numpy()),
    )
    torch.manual_seed(0)
    config = DualTaskConfig(endpoints={"os": {"model": "cox"}}, hidden=(), dropout=0.0)
    head = DualTask(config, len(FEATURES), LAYOUT).double()
    head.fit(outcomes)
    trained(head, x, outcomes)
    fitter = CoxPHFitter().fit(table, "years", "died")
    weights = head.mlps["endpoint-os"][0][-1].weight.detach()[0]
    np.testing.assert_allclose(weights, fitter.params_[list(FEATURES)], rtol=0, atol=1e-3)

    with caplog.at_level(logging.ERROR), torch.no_grad():
        head.finish(head(x), outcomes, ("training",) * len(table))  # nobody in validation: the slope stays 1
        found = head.predict(head(x)).endpoints["os"].at_horizons[:, 0]
    # lifelines draws lines between the steps of its baseline hazard: its steps themselves are compared
    steps = fitter.baseline_cumulative_hazard_["baseline cumulative hazard"]
    hazard = np.array([steps.loc[:years].iloc[-1] for years in (1.0, 3.0, 5.0)])
    relative = fitter.predict_partial_hazard(table).to_numpy()
    np.testing.assert_allclose(found, np.exp(-relative[:, None] * hazard), rtol=0, atol=1e-3)
    np.testing.assert_allclose(
        head.models["endpoint-os"].baseline.at(torch.tensor([1.0, 3.0, 5.0]))[0], hazard, atol=1e-3
    )

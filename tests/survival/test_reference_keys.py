"""Every value of R is compared somewhere, or named here with why the project offers no such figure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE, METRICS = "tests/survival/test_reference.py", "tests/evaluation/test_reference.py"
FIGURES, CURVES = "tests/evaluation/test_evaluate.py", "tests/survival/test_discrete_curves.py"
PROGNOSIS, BASELINES = "plugins/prognosis/tests", "plugins/baselines/tests"

COMPARED = {
    "counts": (FIGURES,),
    "km_any_loglog": (HERE,),
    "nelson_aalen": (HERE,),
    "reverse_km": (HERE,),
    "aalen_johansen": (HERE,),
    "cuminc": (HERE,),
    "naive_1_minus_km": (HERE,),
    "harrell": (HERE,),
    "uno_survival": (HERE,),
    "eta_to_survival": (HERE, f"{PROGNOSIS}/test_cox_model.py"),
    "cox_efron_stratified": (f"{PROGNOSIS}/test_partial_likelihood.py", f"{BASELINES}/test_cox_ph.py"),
    "cox_cause1_efron_stratified": (f"{BASELINES}/test_cox_ph.py",),
    "cox_cause2_efron_stratified": (f"{BASELINES}/test_cox_ph.py",),
    "efron.stratified": (f"{PROGNOSIS}/test_partial_likelihood.py",),
    "score": (METRICS,),
    "calibration_ratio": (METRICS, FIGURES),
    "gnd": (METRICS, FIGURES),
    "own.weights": (HERE,),
    "own.identities": (HERE, FIGURES),
    "own.uno": (HERE, FIGURES),
    "own.uno_dead_comparable": (HERE, FIGURES),
    "own.auc": (METRICS, FIGURES),
    "own.auc_event_free": (METRICS, FIGURES),
    "own.brier": (METRICS, FIGURES),
    "own.threshold": (METRICS,),
    "own.discrete_head": (METRICS, FIGURES, CURVES, f"{PROGNOSIS}/test_hazards.py"),
    "own.intercept_only": (HERE, f"{PROGNOSIS}/test_dual_task.py"),
    "own.censoring_cox_fit": ("tests/survival/test_censoring_cox.py",),
    "own.censoring_cox_given": ("tests/survival/test_censoring_cox.py",),
}

BY_PARTS = {"cox_efron_stratified": "cox_efron", "cox_cause1_efron_stratified": "cox_cause1_efron",
            "cox_cause2_efron_stratified": "cox_cause2_efron"}  # fmt: skip
"""Keys that a test puts together, and the part that stands in it."""

NOT_OFFERED = {
    "km_any": "limits on the log scale; ours are log-log",
    "rmst_5": "no restricted mean",
    "log_rank": "no test of arms",
    "gray_test": "no test of arms",
    "cox_efron_unstratified": "arms are always strata",
    "cox_breslow_unstratified": "arms are always strata, ties Efron's",
    "cox_breslow_stratified": "ties are Efron's",
    "cox_cause1_efron_unstratified": "arms are always strata",
    "cox_cause1_breslow_unstratified": "arms are always strata, ties Efron's",
    "cox_cause1_breslow_stratified": "ties are Efron's",
    "cox_cause2_efron_unstratified": "arms are always strata",
    "cox_cause2_breslow_unstratified": "arms are always strata, ties Efron's",
    "cox_cause2_breslow_stratified": "ties are Efron's",
    "fine_gray_crr": "no Fine-Gray model",
    "fine_gray_finegray": "no Fine-Gray model",
    "own.aipcw_km": "no doubly robust score",
    "own.aipcw_cox": "no doubly robust score",
    "own.policy_km": "no policy value",
    "own.policy_cox": "no policy value",
    "corrected_t": "no comparison over folds",
    "holm": "no comparison over folds",
    "efron.unstratified": "arms are always strata",
    "breslow.unstratified": "arms are always strata, ties Efron's",
    "breslow.stratified": "ties are Efron's",
    "weights": "no Fine-Gray model",
    "fits": "no Fine-Gray model",
    "data": "the patients themselves",
}


def keys() -> set[str]:
    """Names of the entries without cohort and endpoint."""
    entries = json.loads((Path(__file__).parent / "data" / "reference.json").read_text())["entries"]
    names = {key.split(".", 1)[1] for key in entries}
    return {name.removeprefix("os.").removeprefix("lc.").removeprefix("both.") for name in names}


def test_every_key_is_compared_or_named() -> None:
    assert keys() == COMPARED.keys() | NOT_OFFERED.keys()
    assert not COMPARED.keys() & NOT_OFFERED.keys()


@pytest.mark.parametrize("key", COMPARED)
def test_the_tests_named_take_the_key(key: str) -> None:
    for name in COMPARED[key]:
        text = (ROOT / name).read_text()
        assert key in text or BY_PARTS.get(key, key) in text, name

"""What decisions need, fitted at the end of training where the cohort has two arms or more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mmcare.cohort import Cohort
from mmcare.cohort.confounders import Confounder, confounders_of
from mmcare.components import UNKNOWN_ARM, InputLayout, TableLayout, split_labels
from mmcare.decision.covariates import covariates
from mmcare.decision.fit_state import Known, fit_refits, fit_state, with_out_of_fold
from mmcare.decision.networks import features, heads_of, mean_prognosis
from mmcare.decision.refits import Stored, predict_heads
from mmcare.decision.state import DecisionState, write_state
from mmcare.decision.stored_heads import write_refits
from mmcare.decision.utility import lacking_endpoints
from mmcare.errors import Interrupted, MMCareError
from mmcare.training import Loop
from mmcare.workflow.cross_fit import cross_fit
from mmcare.workflow.finished import Finished
from mmcare.workflow.options import Options

__all__ = ["write_decision"]

_AT_ONCE = 64
_DRY_REFITS = 2


def write_decision(done: Finished, loop: Loop, options: Options) -> None:
    """Write `decision/`; nothing where fewer than two arms were given, or where the model predicts no utility."""
    if len(set(done.inputs.outcomes_of(done.training).arm.tolist()) - {UNKNOWN_ARM}) < 2:
        return
    known, config, seed = _known(done), done.spec.decision, done.spec.training.seed
    if not config.utility or lacking_endpoints(known.prognosis, config):
        return
    state = _with_gate(done, known, fit_state(known, done.layout, config, seed), loop, options)
    number = min(config.bootstrap, _DRY_REFITS) if done.dry else config.bootstrap
    write_state(done.folder, _with_refits(done, known, state, number, options) if number else state)


def _with_gate(done: Finished, known: Known, state: DecisionState, loop: Loop, options: Options) -> DecisionState:
    """With what models of other folds say, where that was asked for; a dry run has no use for it."""
    config = done.spec.decision
    if not config.cross_fit or done.dry:
        return state
    if flat := [name for name in config.utility if known.prognosis.endpoints[name].free is None]:
        return _without_gate(state, f"The model gives no curve of {' and '.join(flat)}, which the gate needs.")
    try:
        return with_out_of_fold(state, cross_fit(done, loop, options), done.layout, config)
    except Interrupted:
        raise
    except MMCareError as error:  # a fold too small for a modality, say: the run's own training is whole
        return _without_gate(state, f"A model of some of the patients could not be trained: {error}")


def _without_gate(state: DecisionState, why: str) -> DecisionState:
    return replace(state, summary=replace(state.summary, no_gates=why))


def _with_refits(done: Finished, known: Known, state: DecisionState, number: int, options: Options) -> DecisionState:
    options.tell(f"refitting the heads on {number} draws of the patients, for intervals of differences between arms")

    def advance(refit: int) -> None:
        if options.progress is not None:
            options.progress("refits", refit, number)

    refits = fit_refits(known, done.spec, done.layout, number, done.spec.training.seed, advance)
    write_refits(done.folder.decision / "refits.safetensors", refits)
    return replace(state, summary=replace(state.summary, refits=number, no_refits=""))


def _known(done: Finished) -> Known:
    layouts, patients = done.inputs.layouts, done.patients
    batches = [
        done.inputs.batch(patients[at : at + _AT_ONCE], with_outcomes=False) for at in range(0, len(patients), _AT_ONCE)
    ]
    split = split_labels(len(done.training), len(done.validation))
    outcomes = done.inputs.outcomes_of(patients)
    return Known(
        members=tuple(Stored(member.seen.r, outcomes, split) for member in done.members),
        features=features([member.seen for member in done.members]),
        covariates=np.concatenate([covariates(batch, layouts) for batch in batches]),
        present=np.concatenate([batch.present.numpy() for batch in batches]),
        modalities=tuple(done.spec.modalities),
        prognosis=mean_prognosis([predict_heads(heads_of(member.model), member.seen.r) for member in done.members]),
        confounders=_confounders(done.cohort, layouts),
    )


def _confounders(cohort: Cohort, layouts: Mapping[str, InputLayout]) -> tuple[Confounder, ...]:
    """What measures each confounder among the inputs that the model reads."""
    tables = [layout for layout in layouts.values() if isinstance(layout, TableLayout)]
    read = dict.fromkeys(feature.name for layout in tables for feature in layout.features)
    return confounders_of(cohort.dictionary, read)

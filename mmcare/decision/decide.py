"""From a run and the inputs of patients to advice for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmcare.components import LEAST_PERSONAL_EVENTS, Batch, InputLayout, Prognosis, Representation
from mmcare.decision.advice import Advice
from mmcare.decision.covariates import covariates, is_measured
from mmcare.decision.networks import features, heads_of, mean_prognosis, networks_of
from mmcare.decision.refits import predict_heads
from mmcare.decision.rule import Evidence, Rule, advise
from mmcare.decision.state import DecisionState, read_state
from mmcare.decision.stored_heads import read_refits
from mmcare.decision.utility import utility_of
from mmcare.inputs import Inputs
from mmcare.model import Encoded, encoded
from mmcare.run import Run, layouts_of

__all__ = ["can_decide", "decide"]

_AT_ONCE = 64
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Patients of whom advice is asked: their inputs, and what each member makes of them (all n patients)."""

    batches: tuple[Batch, ...]
    seen: tuple[Encoded, ...]

    @property
    def r(self) -> tuple[Representation, ...]:
        return tuple(seen.r for seen in self.seen)

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        return np.concatenate([batch.present.numpy() for batch in self.batches])


def can_decide(run: Run) -> bool:
    """Whether a run holds what decisions need: that of a network, of a cohort with two arms or more."""
    return (run.folder.decision / "state.json").exists()


def decide(run: Run, inputs: Inputs) -> tuple[Advice, ...]:
    """Which arm is advised for each patient, or which steps of the rule failed; empty for a run that cannot decide.

    Args:
        run: A finished run.
        inputs: Of the patients, as `run.inputs` prepares them; outcomes are not looked at.

    Raises:
        RunError: What is stored for decisions is damaged.
    """
    state = read_state(run.folder)
    if state is None or not inputs.patients:
        return ()
    asked = _asked(run, inputs)
    rule = _rule(run, state)
    return tuple(advise(evidence, rule) for evidence in _evidence(run, state, inputs.patients, asked))


def _asked(run: Run, inputs: Inputs) -> _Asked:
    patients = inputs.patients
    batches = tuple(
        inputs.batch(patients[at : at + _AT_ONCE], with_outcomes=False) for at in range(0, len(patients), _AT_ONCE)
    )
    networks = networks_of(run.predictor)
    return _Asked(batches, tuple(Encoded.cat([encoded(network, batch) for batch in batches]) for network in networks))


def _rule(run: Run, state: DecisionState) -> Rule:
    summary = state.summary
    return Rule(
        arms=summary.arms,
        config=run.spec.decision,
        confounders=summary.confounders,
        gates={(pair.arm, pair.minus): pair.line for pair in summary.gates if pair.line is not None},
        no_gates=summary.no_gates,
        no_refits=summary.no_refits,
        threshold=summary.threshold,
        means=summary.means,
    )


def _evidence(run: Run, state: DecisionState, patients: Sequence[str], asked: _Asked) -> list[Evidence]:
    prognosis = _prognosis(run, asked.r)
    utility, refits = utility_of(prognosis, run.spec.decision), _by_refits(run, state, asked.r)
    layouts = layouts_of(run.spec, run.fitted, run.folder.preprocessing)
    chances = state.propensity.predict(np.concatenate([covariates(batch, layouts) for batch in asked.batches]))
    distances = state.distribution.distances(features(asked.seen), asked.present, state.summary.modalities)
    parts = [name for name, _ in state.summary.scales]
    unsupported, unmeasured = tuple(_unsupported(run, prognosis)), _unmeasured(state, layouts, asked)
    return [
        Evidence(
            patient=patient,
            utility=utility[row],
            refits=refits[:, row],
            propensity=chances[row],
            distance=float(distances[row].max()),
            farthest=parts[int(distances[row].argmax())],
            modalities=_named(state, asked.present[row]),
            seen=state.seen(tuple(asked.present[row].tolist())),
            unmeasured=unmeasured[row],
            unsupported=unsupported,
        )
        for row, patient in enumerate(patients)
    ]


def _prognosis(run: Run, r: Sequence[Representation]) -> Prognosis:
    pairs = zip(networks_of(run.predictor), r, strict=True)
    return mean_prognosis([predict_heads(heads_of(network), own) for network, own in pairs])


def _by_refits(run: Run, state: DecisionState, r: Sequence[Representation]) -> Floats:
    """(R, n, A) utility by each refit."""
    shapes = [(own.values.shape[2], own.values.shape[1]) for own in r]
    found = np.empty((state.summary.refits, len(r[0].mask), len(state.summary.arms)))
    if state.summary.refits == 0:
        return found
    file = run.folder.decision / "refits.safetensors"
    for number, refit in enumerate(read_refits(file, state.summary.refits, shapes, run.spec, run.outcomes)):
        prognosis = mean_prognosis([predict_heads(heads, own) for heads, own in zip(refit, r, strict=True)])
        found[number] = utility_of(prognosis, run.spec.decision)
    return found


def _unsupported(run: Run, prognosis: Prognosis) -> Iterator[str]:
    """Why figures of an arm cannot bear a choice."""
    horizon = run.spec.decision.horizon
    for name in run.spec.decision.utility:
        endpoint = prognosis.endpoints[name]
        for arm, personal, support in zip(
            run.outcomes.arms, endpoint.personal.tolist(), endpoint.support_years.tolist(), strict=True
        ):
            if not support >= horizon:
                yield f"{name} under {arm} is known to {support:.1f} years, not to {horizon:g}."
            elif not personal:
                yield (
                    f"{name} under {arm} is the arm's average: fewer than {LEAST_PERSONAL_EVENTS} training patients"
                    " had the event."
                )


def _unmeasured(state: DecisionState, layouts: Mapping[str, InputLayout], asked: _Asked) -> list[tuple[str, ...]]:
    """Of each patient, the confounders of which nothing was measured."""
    needed = [confounder for confounder in state.summary.confounders if confounder.columns]
    measured = [
        np.concatenate([is_measured(batch, layouts, confounder.columns) for batch in asked.batches])
        for confounder in needed
    ]
    return [
        tuple(confounder.words for confounder, has in zip(needed, measured, strict=True) if not has[row])
        for row in range(len(asked.present))
    ]


def _named(state: DecisionState, present: npt.NDArray[np.bool_]) -> str:
    return ", ".join(name for name, has in zip(state.summary.modalities, present, strict=True) if has) or "none"

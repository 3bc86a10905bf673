"""What decisions need of the training patients, put together from what training leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mmcare.cohort.confounders import Confounder
from mmcare.components import OutcomeLayout, Prognosis
from mmcare.decision.advice import ArmMean
from mmcare.decision.distribution import fit_distribution, pattern_counts
from mmcare.decision.folds import deal_folds
from mmcare.decision.out_of_fold import OutOfFold, gates_of, judge, means_of, policy_of
from mmcare.decision.overlap import Overlap, overlap_of
from mmcare.decision.propensity import fit_propensity, out_of_fold_propensity
from mmcare.decision.refits import Stored, draws, refit
from mmcare.decision.rule import OVERLAP
from mmcare.decision.state import DecisionState, Pattern, Summary
from mmcare.decision.stored_heads import Refit, make_heads
from mmcare.decision.utility import utility_of
from mmcare.spec import DecisionConfig, Spec

__all__ = ["NO_CROSS_FIT", "Known", "fit_refits", "fit_state", "with_out_of_fold"]

NO_CROSS_FIT = (
    "Whether predicted differences mean anything was not looked at: the run was trained without `decision.cross_fit`."
)
_FOLDS = 5
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of training and validation patients.

    Attributes:
        members: What the heads of each member see of them.
        features: R, and each modality's mean token.
        covariates: (n, F) their table inputs.
        present: (n, M) which modalities they have. modalities: Keys.
        prognosis: By the model that was trained.
        confounders: What measures each among the model's inputs.
    """

    members: tuple[Stored, ...]
    features: Mapping[str, Floats]
    covariates: Floats
    present: npt.NDArray[np.bool_]
    modalities: tuple[str, ...]
    prognosis: Prognosis
    confounders: tuple[Confounder, ...]


def fit_state(known: Known, layout: OutcomeLayout, config: DecisionConfig, seed: int) -> DecisionState:
    """All but refits and gate, of the training patients.

    Args:
        known: Of training and validation patients.
        layout: Arms and endpoints.
        config: The spec's `decision`.
        seed: Deals the folds.
    """
    training = known.members[0].is_training.numpy()
    arm, covariates, present = known.members[0].outcomes.arm.numpy()[training], known.covariates, known.present
    covariates, present = covariates[training], present[training]
    seen = {name: values[training] for name, values in known.features.items()}
    distribution = fit_distribution(seen, present, known.modalities, seed)
    counts = pattern_counts(present, arm, len(layout.arms))
    summary = Summary(
        arms=layout.arms,
        modalities=known.modalities,
        confounders=known.confounders,
        patterns=tuple(Pattern(pattern, found) for pattern, found in counts.items()),
        overlap=_overlap(covariates, arm, len(layout.arms), seed),
        threshold=distribution.threshold,
        scales=tuple((name, part.scale) for name, part in distribution.parts.items()),
        refits=0,
        no_refits="the run was trained with `decision.bootstrap: 0`",
        gates=(),
        no_gates=NO_CROSS_FIT,
        means=_means(known, layout, config, seed),
        policy=(),
    )
    received = arm >= 0
    propensity = fit_propensity(covariates[received], arm[received], len(layout.arms))
    return DecisionState(summary, propensity, distribution)


def fit_refits(
    known: Known, spec: Spec, layout: OutcomeLayout, number: int, seed: int, progress: Callable[[int], None]
) -> list[Refit]:
    """Bootstrap refits of the heads of all members, each draw the same for all.

    Args:
        known: Of training and validation patients.
        spec: Of the heads.
        layout: Arms and endpoints.
        number: Of refits.
        seed: Decides draws and initial weights.
        progress: Told how many are done.
    """
    found: list[Refit] = []
    for done, drawn in enumerate(draws(known.members[0], number, seed), 1):
        found.append([refit(_maker(spec, layout, member), member.take(drawn), seed + done) for member in known.members])
        progress(done)
    return found


def _maker(spec: Spec, layout: OutcomeLayout, stored: Stored) -> Callable[[], Sequence]:  # type: ignore[type-arg]
    _, paths, dim = stored.r.values.shape
    return lambda: make_heads(spec, dim, layout, paths)


def with_out_of_fold(
    state: DecisionState, found: OutOfFold, layout: OutcomeLayout, config: DecisionConfig
) -> DecisionState:
    """The state with gates, doubly robust means of the arms, and what following the predictions is worth."""
    judged = judge(found, layout, config)
    gates = gates_of(judged)
    none = "" if any(gate.line is not None for gate in gates) else "No line can be told from out-of-fold differences."
    summary = replace(
        state.summary,
        gates=gates,
        no_gates=none,
        means=means_of(judged, layout.arms, "by models of other folds") or state.summary.means,
        policy=policy_of(judged, layout.arms, config.mid),
    )
    return replace(state, summary=summary)


def _overlap(covariates: Floats, arm: npt.NDArray[np.int64], arms: int, seed: int) -> Overlap:
    received = arm >= 0
    x, a = covariates[received], arm[received]
    folds = deal_folds(a, min(_FOLDS, len(a)), seed)
    return overlap_of(x, a, out_of_fold_propensity(x, a, arms, folds), OVERLAP)


def _means(known: Known, layout: OutcomeLayout, config: DecisionConfig, seed: int) -> tuple[ArmMean, ...]:
    """Mean utility if all had received an arm, doubly robust; of predictions alone where there is no curve."""
    if any(known.prognosis.endpoints[name].free is None for name in config.utility):
        return _predicted_means(known, layout, config)
    outcomes = known.members[0].outcomes
    arm = outcomes.arm.numpy()
    received = arm >= 0
    propensity = np.full((len(arm), len(layout.arms)), np.nan)
    folds = deal_folds(arm[received], min(_FOLDS, int(received.sum())), seed)
    propensity[received] = out_of_fold_propensity(known.covariates[received], arm[received], len(layout.arms), folds)
    judged = judge(OutOfFold(known.prognosis, propensity, outcomes), layout, config)
    return means_of(judged, layout.arms, "by the model itself") or _predicted_means(known, layout, config)


def _predicted_means(known: Known, layout: OutcomeLayout, config: DecisionConfig) -> tuple[ArmMean, ...]:
    utility = utility_of(known.prognosis, config)
    source = f"the model's own predictions for {len(utility)} training and validation patients"
    return tuple(
        ArmMean(arm, float(np.nanmean(own)) if not np.isnan(own).all() else None, None, source)
        for arm, own in zip(layout.arms, utility.T, strict=True)
    )

"""Why the model predicts what it does: the explanation of one patient, as the page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mmcare.explain import FeatureAttribution, PatientExplanation, Target
from mmcare.report.part import Part
from mmcare.report.words import words_of, years

__all__ = ["Contribution", "Explained", "ModalityShare", "Why", "in_words", "label_of", "why"]


class Contribution(Part):
    """One feature's Shapley value for one output, in probability.

    Attributes:
        standard_error: Of the sampling; 0 where it is exact.
        gradient: By integrated gradients, a second opinion; None where the feature has no token of its own.
    """

    modality: str
    name: str
    unit: str
    raw: float | str | None
    value: float
    standard_error: float
    gradient: float | None = None


class ModalityShare(Part):
    """One modality's Shapley value for one output."""

    modality: str
    value: float


class Explained(Part):
    """One output: from the mean over the background patients to the patient's own figure.

    Attributes:
        key: Of the output, such as `os@3:sbrt`. label: In words.
        minus: Key of the arm whose probability is subtracted; None, none is.
        contributions: All features', the largest first; they sum to `prediction - baseline`.
        modalities: Shares of whole modalities.
        exact: Whether all coalitions were computed.
    """

    key: str
    label: str
    endpoint: str
    horizon: float
    arm: str
    minus: str | None
    baseline: float
    prediction: float
    exact: bool
    contributions: tuple[Contribution, ...]
    modalities: tuple[ModalityShare, ...]


class Why(Part):
    """All that was explained.

    Attributes:
        background: How many training patients stand for "not known".
        outputs: One or more.
        notes: What was not computed and why, what was approximated.
    """

    background: int
    outputs: tuple[Explained, ...]
    notes: tuple[str, ...] = ()


def why(explanation: PatientExplanation, asked: Iterable[Target], names: dict[str, str]) -> Why:
    """The explanation by output.

    Args:
        explanation: Of the patient.
        asked: The outputs that it was asked for; not all can be explained.
        names: Of the arms, by key.
    """
    targets = dict.fromkeys(found.target for found in explanation.features)
    outputs = tuple(_explained(target, explanation, names) for target in targets)
    return Why(background=len(explanation.background), outputs=outputs, notes=in_words(explanation.notes, asked, names))


def in_words(notes: Iterable[str], targets: Iterable[Target], names: dict[str, str]) -> tuple[str, ...]:
    """Notes with the keys of outputs replaced by their labels; what holds of several outputs is said once."""
    labels = sorted(((target.key, label_of(target, names)) for target in targets), key=lambda pair: -len(pair[0]))
    of: dict[str, list[str]] = {}  # what is said, and of which outputs
    for note in notes:
        key, label = next(((k, w) for k, w in labels if note.startswith(f"{k} ")), ("", ""))
        of.setdefault(note[len(key) :], []).extend([label] if key else [])
    return tuple(_subject(found, len(labels)) + said for said, found in of.items())


def _subject(labels: list[str], outputs: int) -> str:
    if len(labels) < 2:
        return "".join(labels)
    return "Every output" if len(labels) == outputs else f"{'; '.join(labels)}: each"


def label_of(target: Target, names: dict[str, str]) -> str:
    """`Overall survival at three years: SBRT`, or `..., surgery less SBRT`."""
    arms = names.get(target.arm, target.arm)
    if target.minus is not None:
        arms = f"{arms} less {names.get(target.minus, target.minus)}"
    return f"{words_of(target.endpoint).name} at {years(target.horizon)}: {arms}"


def _explained(target: Target, explanation: PatientExplanation, names: dict[str, str]) -> Explained:
    features = [found for found in explanation.features if found.target == target]
    modalities = [found for found in explanation.modalities if found.target == target]
    gradients = {
        (found.modality, feature.name): float(value)
        for found in explanation.gradients
        if found.target == target
        for feature, value in zip(found.features, found.values, strict=True)
    }
    contributions = [part for found in features for part in _contributions(found, gradients)]
    return Explained(
        key=target.key,
        label=label_of(target, names),
        endpoint=target.endpoint,
        horizon=target.horizon,
        arm=target.arm,
        minus=target.minus,
        baseline=features[0].baseline,
        prediction=features[0].prediction,
        exact=all(found.exact for found in features),
        contributions=tuple(sorted(contributions, key=lambda part: -abs(part.value))),
        modalities=tuple(
            ModalityShare(modality=name, value=float(value))
            for found in modalities
            for name, value in zip(found.modalities, found.values, strict=True)
        ),
    )


def _contributions(found: FeatureAttribution, gradients: Mapping[tuple[str, str], float]) -> list[Contribution]:
    return [
        Contribution(
            modality=found.modality,
            name=feature.name,
            unit=feature.unit,
            raw=raw,
            value=float(value),
            standard_error=float(error),
            gradient=gradients.get((found.modality, feature.name)),
        )
        for feature, raw, value, error in zip(
            found.features, found.raw, found.values, found.standard_error, strict=True
        )
    ]

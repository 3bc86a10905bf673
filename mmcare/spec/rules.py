"""What single sections of a spec cannot see: whether they fit each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mmcare.errors import Finding, Severity, cut
from mmcare.registry import ModalityConfig, Neighbours
from mmcare.spec.layers import Layered
from mmcare.spec.problems import finding_at
from mmcare.spec.settings import SplitConfig, TrainingConfig
from mmcare.spec.spec import ResolvedPart
from mmcare.yaml_file import Key

__all__ = ["check_named_modalities", "check_parts", "check_required_modality", "check_validation"]


def check_parts(layered: Layered, parts: Sequence[ResolvedPart]) -> Iterator[Finding]:
    """What each part says of itself among its neighbours."""
    neighbours = Neighbours({part.path: part.config for part in parts})
    for part in parts:
        for finding in _own_check(part, neighbours):
            key = (*part.path.split("."), *(finding.key.split(".") if finding.key else ()))
            origin = layered.origin(key)
            yield finding.at(file=origin.file, line=origin.line, column=origin.column, key=".".join(key))


def _own_check(part: ResolvedPart, neighbours: Neighbours) -> Sequence[Finding]:
    try:
        return list(part.config.check(neighbours))
    except Exception as error:  # whatever a plugin's check raises is said, and stops this spec alone
        who = f"{part.kind} `{part.entry.component.name}` of {part.entry.provider}"
        what = f"the check of {who} failed: {cut(f'{type(error).__name__}: {error}')}."
        return [Finding(what=what, todo="Tell its authors.", code="plugin-fault")]


def check_named_modalities(layered: Layered, modalities: Iterable[object]) -> Iterator[Finding]:
    """Keys elsewhere that name a modality."""
    names = [str(name) for name in modalities]
    for key in _naming(layered.data):
        if key[-1] not in names:
            what = f"`{cut(key[-1])}` is no modality of this spec; it has: {', '.join(names) or 'none'}."
            yield finding_at(layered, key, what, "Correct the name, or take it out.")


def _naming(data: Mapping[str, object]) -> Iterator[Key]:
    training, allowed = data.get("training"), data.get("allow_after_decision")
    rates = training.get("modality_dropout") if isinstance(training, Mapping) else None
    for name in rates if isinstance(rates, Mapping) else ():
        yield "training", "modality_dropout", name
    for name in allowed if isinstance(allowed, list) else ():
        yield "allow_after_decision", str(name)


def check_validation(layered: Layered, split: SplitConfig, training: TrainingConfig) -> Iterator[Finding]:
    """What watches validation patients needs some."""
    if split.fractions[1] > 0:
        return
    shares = ", ".join(f"{part:g}" for part in split.fractions)
    watching: Mapping[Key, tuple[str, str]] = {
        ("training", "early_stopping", "metric"): (training.early_stopping.metric, "none"),
        ("training", "scheduler"): (training.scheduler, "cosine"),
    }
    for key, (value, other) in watching.items():
        if value in ("loss", "c_index", "plateau"):
            what = f"`{value}` watches validation patients, and `split.fractions: [{shares}]` leaves none."
            yield finding_at(layered, key, what, f"Write `{other}`, or give validation a share.")


def check_required_modality(layered: Layered, modalities: Iterable[ResolvedPart]) -> Iterator[Finding]:
    """A network should see something of every patient."""
    if all(isinstance(part.config, ModalityConfig) and part.config.optional for part in modalities):
        what = "every modality is optional: a cohort could lack them all."
        todo = "Take `optional: true` from the one that every cohort has."
        yield finding_at(layered, ("modalities",), what, todo).at(severity=Severity.WARNING)

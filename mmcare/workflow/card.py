"""The run's README of its files, and the model card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import get_args

from mmcare.cohort import Cohort
from mmcare.components import LEAST_PERSONAL_EVENTS, Endpoint, OutcomeLayout, Outcomes, Split
from mmcare.formats.atomic import write_text
from mmcare.run import Manifest, RunFolder
from mmcare.spec import Spec

__all__ = ["write_card"]

_FILES = {
    "run.json": "versions, and size and digest of the other files; written last",
    "spec.yaml": "the spec, with every value that was used",
    "outcomes.json": "arms, endpoints, horizons and their codes",
    "cohort.json": "where the cohort stood, and its fingerprint",
    "splits.csv": "which patient was in which split; **patient ids**",
    "preprocessing": "what each modality learned from the training patients",
    "members": "what was fitted, and what it was trained to read",
    "reference": "the training patients under running numbers: inputs without images, a network's representation, arm, "
    "outcomes; **patient data**",
    "decision": "what a choice between arms needs of the training patients: who got which arm, refits of the "
    "heads, the gate; numbers of the whole group, of no single patient",
    "starting": "the weights that parts started from, copied from where `weights:` named them",
    "local": "the plugin files that the spec uses: code, which runs only with `--allow-local-code`",
    "card.md": "the model card",
    "logs": "training curves, without patient ids; not checked by digest",
    "resume": "what only going on with a killed training needed; not checked by digest, may be removed",
}
_LATER = {"metrics.json": "what `mmcare evaluate` found; there once it has run"}


def write_card(folder: RunFolder, spec: Spec, cohort: Cohort, manifest: Manifest, splits: Mapping[str, Split]) -> None:
    """Write `card.md`, and `README.md` of the files that are there."""
    write_text(folder.path / "card.md", "\n".join(_card(folder, spec, cohort, manifest, splits)) + "\n")
    write_text(folder.path / "README.md", "\n".join(_readme(folder, spec)) + "\n")


def _readme(folder: RunFolder, spec: Spec) -> Iterator[str]:
    yield from (f"# Run {spec.name}", "", "| file | what |", "| --- | --- |")
    for name, what in {**_FILES, **_LATER}.items():
        path = folder.path / name
        if path.exists() or name in ("run.json", *_LATER):
            yield f"| {name}{'/' if path.is_dir() else ''} | {what} |"
    yield ""
    yield "To predict with it: `mmcare predict THIS_FOLDER --cohort DIR`. It needs no pickle, and checks every digest."
    yield ""
    yield f"Before you share this folder: {' and '.join(_patient_data(folder))}."


def _patient_data(folder: RunFolder) -> Iterator[str]:
    yield "splits.csv holds patient ids"
    if (folder.path / "reference").exists():
        yield "reference/ holds patient data (`mmcare train --no-reference` makes a run without it)"


def _card(
    folder: RunFolder, spec: Spec, cohort: Cohort, manifest: Manifest, splits: Mapping[str, Split]
) -> Iterator[str]:
    layout = cohort.outcome_layout()
    yield from (f"# Model card: {spec.name}", "")
    yield from ("**Research use only.** Not a medical device; not for treatment decisions.", "")
    yield f"- Made {manifest.created} by mmcare {manifest.versions['mmcare']}{_how(manifest)}."
    yield f"- Parts: {', '.join(f'{p.distribution} {p.version}' for p in manifest.plugins)}."
    yield f"- Inputs: {', '.join(f'`{name}` ({part.entry.qualified})' for name, part in spec.modalities.items())}."
    counts = Counter(splits.values())
    yield f"- Patients: {', '.join(f'{name} {counts[name]}' for name in get_args(Split))}{_left_out(cohort, splits)}."
    yield from ("", "## What it predicts", "")
    yield from (f"- `{e.name}`: {_meaning(e)}, at {_years(e)}." for e in _predicted(spec, layout))
    yield from ("", *_events(spec, cohort, layout, splits), "")
    yield from ("## What a reader must know", "", *_caveats(spec, layout, folder))


def _how(manifest: Manifest) -> str:
    if manifest.kind == "baseline":
        return ": a baseline, fitted at once"
    epochs = f"{manifest.counted_epochs}, weights of epoch {manifest.best_epoch + 1}"
    if manifest.members > 1:
        epochs = f"{manifest.members} networks, alike but for their seeds, averaged; the first: {epochs}"
    return f" on {manifest.device} ({manifest.precision}): {epochs}"


def _left_out(cohort: Cohort, splits: Mapping[str, Split]) -> str:
    lost = len(cohort.patients) - len(splits)
    return f"; left out {lost}, whose arm is not known, or no outcome" if lost else ""


def _meaning(endpoint: Endpoint) -> str:
    if endpoint.competing:
        return "the probability that the event has not happened, where another event (such as death) can come first"
    return "the probability that the event has not happened"


def _years(endpoint: Endpoint) -> str:
    return ", ".join(f"{horizon:g}" for horizon in endpoint.horizons) + " years"


def _predicted(spec: Spec, layout: OutcomeLayout) -> list[Endpoint]:
    part = spec.head or spec.baseline
    named = getattr(part.config, "endpoints", None) if part is not None else None
    return [endpoint for endpoint in layout.endpoints if not named or endpoint.name in named]


def _events(spec: Spec, cohort: Cohort, layout: OutcomeLayout, splits: Mapping[str, Split]) -> Iterator[str]:
    """The training patients of each arm: what the figures rest on."""
    training = cohort.outcomes(layout, [patient for patient, split in splits.items() if split == "training"])
    yield "| training patients | endpoint | patients | events | competing events | figures |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for code, arm in enumerate(layout.arms):
        for endpoint in _predicted(spec, layout):
            yield _row(training, code, arm, endpoint, layout.index(endpoint.name))


def _row(training: Outcomes, code: int, arm: str, endpoint: Endpoint, column: int) -> str:
    of = (training.arm == code) & ~training.time[:, column].isnan()
    events = int((training.event[of, column] == 1).sum())
    competing = str(int((training.event[of, column] == 2).sum())) if endpoint.competing else "-"
    whose = "of each patient" if events >= LEAST_PERSONAL_EVENTS else "the arm's average for everyone"
    return f"| {arm} | {endpoint.name} | {int(of.sum())} | {events} | {competing} | {whose} |"


def _caveats(spec: Spec, layout: OutcomeLayout, folder: RunFolder) -> Iterator[str]:
    if len(layout.arms) > 1:
        yield (
            "- The arms were not randomised. A difference between them is an effect only if no confounder was missed."
        )
    yield (
        f"- An arm with fewer than {LEAST_PERSONAL_EVENTS} training events of an endpoint gives everyone its average;"
        " beyond the follow-up of the training patients nothing is predicted."
    )
    for name in spec.allow_after_decision:
        yield f"- `{name}` is known only after the treatment was chosen: this is a prognosis, no help to choose."
    if (folder.member(1)).exists():
        yield "- How far its networks differ says how much training wavers; it is no interval."
    for plugin in spec.plugins:
        yield f"- It uses a plugin file of its maker's own: local/{plugin.path.name} (SHA-256 {plugin.sha256[:12]}…)."
    yield f"- The run holds patient data: {' and '.join(_patient_data(folder))}."
    yield "- How well it predicts, with intervals: `mmcare evaluate`."

"""The run's README of its files, and the model card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from mmcare.cohort import Cohort
from mmcare.components import Split
from mmcare.formats.atomic import write_text
from mmcare.run import Manifest, RunFolder
from mmcare.spec import Spec

__all__ = ["write_card"]

_README = """# Run {name}

| file | what |
| --- | --- |
| run.json | versions, and size and digest of every file; written last |
| spec.yaml | the resolved spec |
| outcomes.json | arms, endpoints, horizons and their codes |
| cohort.json | where the cohort stood, and its fingerprint |
| splits.csv | which patient was in which split (patient ids) |
| preprocessing/ | what each modality learned from the training patients |
| members/00/ | weights (safetensors) or the fitted state of a baseline |
| reference/ | training patients under running numbers, without images: inputs, arm, outcomes; patient data |
| local/ | sources of single-file plugins, where the spec used any |
| logs/ | training curves (CSV, TensorBoard); no patient id |
| resume/ | what only resuming needs; may be removed |
| metrics.json | what `mmcare evaluate` found |
| card.md | the model card |

Nothing here needs pickle. Before you share this folder: splits.csv and reference/ hold patient data.
"""


def write_card(folder: RunFolder, spec: Spec, cohort: Cohort, manifest: Manifest, splits: Mapping[str, Split]) -> None:
    """Write `README.md` and `card.md`."""
    write_text(folder.path / "README.md", _README.format(name=spec.name))
    write_text(folder.path / "card.md", _card(spec, cohort, manifest, splits))


def _card(spec: Spec, cohort: Cohort, manifest: Manifest, splits: Mapping[str, Split]) -> str:
    layout = cohort.outcome_layout()
    outcomes = cohort.outcomes(layout, tuple(splits))
    counts = Counter(splits.values())
    lines = [
        f"# Model card: {spec.name}",
        "",
        "**Research use only.** Not a medical device; not for treatment decisions.",
        "",
        f"- Made {manifest.created} by mmcare {manifest.versions['mmcare']}, on {manifest.device}"
        f" ({manifest.precision}), {manifest.epochs} epochs, weights of epoch {manifest.best_epoch + 1}.",
        f"- Patients: {', '.join(f'{name} {counts[name]}' for name in counts)}.",
        f"- Inputs: {', '.join(spec.modalities)}.",
        "",
        "| arm | endpoint | patients | events |",
        "| --- | --- | --- | --- |",
    ]
    for code, arm in enumerate(layout.arms):
        for column, endpoint in enumerate(layout.endpoints):
            members = (outcomes.arm == code) & ~outcomes.time[:, column].isnan()
            events = int((outcomes.event[members, column] == 1).sum())
            lines.append(f"| {arm} | {endpoint.name} | {int(members.sum())} | {events} |")
    lines += _caveats(spec, len(layout.arms))
    return "\n".join(lines) + "\n"


def _caveats(spec: Spec, arms: int) -> list[str]:
    lines = ["", "## What a reader must know", ""]
    if arms > 1:
        lines.append(
            "- The arms were not randomised. A difference between them is an effect only if no confounder was missed."
        )
    for name in spec.allow_after_decision:
        lines.append(
            f"- `{name}` is known only after the treatment was chosen: this is a prognosis, no help to choose."
        )
    lines.append("- Figures and their intervals: `mmcare evaluate`.")
    return lines

"""The card and the README of a segmenter's run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from mmcare.components import Split
from mmcare.formats.atomic import write_text
from mmcare.run import Manifest, RunFolder
from mmcare.spec import Spec

__all__ = ["write_segmenter_card"]

_CARD = """# Segmenter: {name}

**Research use only.** Not a medical device; not for treatment decisions.

- Made {created} by mmcare {version} on {device} ({precision}): {epochs}, weights of epoch {best}.
- Segmenter: `{use}`.
- Patients with a volume and a mask drawn by hand: {counts}.

How well it finds the tumour, patient by patient: `mmcare evaluate` (Dice, HD95).
To locate with it in a model: `roi: {{use: {use}, weights: THIS_FOLDER}}`.
"""
_README = """# Run {name}

| file | what |
| --- | --- |
| run.json | versions, and size and digest of the other files; written last |
| spec.yaml | the spec, with every value that was used |
| cohort.json | where the volumes stood, and their fingerprint |
| splits.csv | which patient was in which split; **patient ids** |
{starting}| members/ | the weights (safetensors; no pickle) |
| card.md | the card |
| logs/ | training curves, without patient ids; not checked by digest |
| resume/ | what only going on with a killed training needed; may be removed |
| metrics.json | what `mmcare evaluate` found, by patient; there once it has run; **patient ids** |
"""
_STARTING = "| starting/ | the weights that it started from, copied from where `weights:` named them |\n"


def write_segmenter_card(folder: RunFolder, spec: Spec, manifest: Manifest, splits: Mapping[str, Split]) -> None:
    """Write `card.md` and `README.md`."""
    assert spec.segmenter is not None, "a segmenter's spec"
    counts = Counter(splits.values())
    card = _CARD.format(
        name=spec.name,
        created=manifest.created,
        version=manifest.versions["mmcare"],
        device=manifest.device,
        precision=manifest.precision,
        epochs=manifest.counted_epochs,
        best=manifest.best_epoch + 1,
        use=spec.segmenter.entry.qualified,
        counts=", ".join(f"{name} {counts[name]}" for name in counts),
    )
    write_text(folder.path / "card.md", card)
    starting = _STARTING if folder.starting.exists() else ""
    write_text(folder.path / "README.md", _README.format(name=spec.name, starting=starting))

"""What decisions need of the training patients, stored in the run: numbers and arrays, no patient's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
from pydantic import TypeAdapter

from mmcare.cohort.confounders import Confounder
from mmcare.decision.advice import ArmMean
from mmcare.decision.distribution import Distribution, Gaussian
from mmcare.decision.gate import Gate
from mmcare.decision.overlap import Overlap
from mmcare.decision.policy_value import PolicyValue
from mmcare.decision.propensity import Propensity
from mmcare.errors import Finding, RunError
from mmcare.formats.atomic import write_bytes, write_text
from mmcare.run import RunFolder
from mmcare.run.json_file import RESTORE, read_as
from mmcare.run.store import read_arrays

__all__ = ["DecisionState", "PairGate", "Pattern", "Summary", "read_state", "write_state"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Training patients with the same modalities.

    Attributes:
        present: In the order of the run's modalities. counts: In the order of its arms.
    """

    present: tuple[bool, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PairGate:
    """The gate of U(arm) - U(minus), by codes; `line` is None where the same difference was predicted for all."""

    arm: int
    minus: int
    line: Gate | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The part of the state that is read as text.

    Attributes:
        arms: Keys. modalities: Keys.
        confounders: What measures each among the run's inputs.
        patterns: Of modalities in training.
        overlap: How alike the arms are, before and after weighting.
        threshold: Largest distance, in multiples of `scales`: of R and of each modality.
        refits: How many; `no_refits` says why there are none.
        gates: Of every two arms; `no_gates` says why there are none.
        means: Of the arms.
        policy: What following the predictions is worth; empty without out-of-fold differences.
    """

    arms: tuple[str, ...]
    modalities: tuple[str, ...]
    confounders: tuple[Confounder, ...]
    patterns: tuple[Pattern, ...]
    overlap: Overlap
    threshold: float
    scales: tuple[tuple[str, float], ...]
    refits: int
    no_refits: str
    gates: tuple[PairGate, ...]
    no_gates: str
    means: tuple[ArmMean, ...]
    policy: tuple[PolicyValue, ...]


@dataclass(frozen=True, slots=True)
class DecisionState:
    """All of it.

    Attributes:
        summary: What is read as text.
        propensity: Of the arms.
        distribution: Of R.
    """

    summary: Summary
    propensity: Propensity
    distribution: Distribution

    def seen(self, present: tuple[bool, ...]) -> tuple[int, ...]:
        """Training patients of each arm with these modalities."""
        nobody = (0,) * len(self.summary.arms)
        return next((p.counts for p in self.summary.patterns if p.present == present), nobody)


def write_state(folder: RunFolder, state: DecisionState) -> None:
    """Write `decision/state.json` and `decision/state.safetensors`."""
    text = TypeAdapter(Summary).dump_json(state.summary, indent=1).decode()
    write_text(folder.decision / "state.json", text + "\n")
    arrays = {f"propensity.{name}": getattr(state.propensity, name) for name in _PROPENSITY}
    for part, gaussian in state.distribution.parts.items():
        arrays |= {f"distribution.{part}.{name}": getattr(gaussian, name) for name in _GAUSSIAN}
    kept = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    write_bytes(folder.decision / "state.safetensors", safetensors.numpy.save(kept))


def read_state(folder: RunFolder) -> DecisionState | None:
    """What `write_state` wrote; None of a run that holds none.

    Raises:
        RunError: A file is damaged.
    """
    path = folder.decision / "state.json"
    if not path.exists():
        return None
    summary = read_as(path, Summary)
    wanted = [f"propensity.{name}" for name in _PROPENSITY]
    wanted += [f"distribution.{part}.{name}" for part, _ in summary.scales for name in _GAUSSIAN]
    arrays = _arrays(folder.decision / "state.safetensors", wanted)
    propensity = Propensity(*(arrays[f"propensity.{name}"] for name in _PROPENSITY))
    parts = {
        part: Gaussian(
            means=arrays[f"distribution.{part}.means"],
            patterns=arrays[f"distribution.{part}.patterns"],
            precision=arrays[f"distribution.{part}.precision"],
            scale=scale,
        )
        for part, scale in summary.scales
    }
    return DecisionState(summary, propensity, Distribution(parts, summary.threshold))


_PROPENSITY = ("mean", "scale", "coefficients", "intercepts")
_GAUSSIAN = ("means", "patterns", "precision")


def _arrays(path: Path, wanted: list[str]) -> Mapping[str, np.ndarray]:  # type: ignore[type-arg]
    held = read_arrays(path)
    lost = [name for name in wanted if name not in held]
    if lost:
        raise RunError(Finding(file=path, what=f"lacks {', '.join(lost)}.", todo=RESTORE, code="values"))
    return {name: np.asarray(held[name]) for name in wanted}

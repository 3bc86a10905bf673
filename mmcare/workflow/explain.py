"""Explain patients of a cohort: a folder of figures, maps and plots."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from mmcare.cohort import Cohort, read_cohort
from mmcare.components import Absent
from mmcare.errors import Finding, Severity
from mmcare.explain import (
    ExplainConfig,
    Explainer,
    FeatureAttribution,
    Importance,
    PatientExplanation,
    Saliency,
    Target,
)
from mmcare.explain.checks import PATIENTS, Checks, check_explanations
from mmcare.explain.geometry import on_geometry
from mmcare.explain.importance import FeatureValues, feature_values, importance, importance_csv, shap_csv
from mmcare.explain.record import as_json, read_features, saliency_name
from mmcare.formats import Geometry, file_name, write_nifti
from mmcare.formats.atomic import write_bytes, write_text
from mmcare.inputs import Progress
from mmcare.run import Run

__all__ = ["Explained", "Wanted", "check_run", "explain_cohort"]

_READ_AT_ONCE = 32


@dataclass(frozen=True)
class Explained:
    """What was explained.

    Attributes:
        out: Folder. patients: Ids.
        values: Shapley values by target and modality. importance: Mean |SHAP|, all features.
        last: The explanation of the last patient that was computed now; None where all were there.
        reused: Patients whose explanation was there.
    """

    out: Path
    patients: tuple[str, ...]
    values: tuple[FeatureValues, ...]
    importance: tuple[Importance, ...]
    last: PatientExplanation | None
    reused: int


@dataclass(frozen=True)
class Wanted:
    """What to explain.

    Attributes:
        patients: Ids; None, all of the cohort.
        targets: None, those at the decision's horizon.
        maps: Whether to write where the model looked, as NIfTI on the images' own grids.
        plots: Whether to draw.
        config: How much is computed.
    """

    patients: Sequence[str] | None = None
    targets: Sequence[Target] | None = None
    maps: bool = True
    plots: bool = True
    config: ExplainConfig = field(default_factory=ExplainConfig)


def explain_cohort(
    run: Run,
    cohort: Cohort | str | Path,
    out: Path,
    wanted: Wanted | None = None,
    *,
    progress: Progress | None = None,
    tell_findings: Callable[[Iterable[Finding]], None] = lambda findings: None,
) -> Explained:
    """Explain patients and write `out`; what an earlier call with the same settings wrote there is used.

    Raises:
        CohortError: A patient is not there, or files cannot be used.
        RunError: The run keeps no training patients.
    """
    wanted = wanted or Wanted()
    cohort = cohort if isinstance(cohort, Cohort) else read_cohort(cohort)
    patients = tuple(dict.fromkeys(cohort.patients if wanted.patients is None else wanted.patients))
    for patient in patients:
        cohort.require(patient)
    work = _Work(run, cohort, out, wanted, Explainer(run, cohort, wanted.config))
    found: list[tuple[str, Sequence[FeatureAttribution]]] = []
    for number, patient in enumerate(patients, 1):
        if number % _READ_AT_ONCE == 1:
            work.explainer.read(patients[number - 1 : number - 1 + _READ_AT_ONCE], progress)
        found.append((patient, work.features(patient)))
        if progress is not None:
            progress("explaining", number, len(patients))
    tell_findings(_findings(work.notes, len(patients)))
    values = feature_values(found)
    rows = tuple(row for part in values for row in importance(part))
    _write_tables(out, values, rows)
    if wanted.plots and len(patients) > 1:
        _write_plots(out, values)
    return Explained(out, patients, values, rows, work.last, work.reused)


def check_run(
    run: Run,
    cohort: Cohort | str | Path,
    out: Path,
    patients: Sequence[str] | None = None,
    config: ExplainConfig | None = None,
    progress: Progress | None = None,
) -> Checks:
    """Hold a run's explanations against the sanity checks, and write `checks.json`.

    Args:
        run: A finished run.
        cohort: Whose patients are explained.
        out: Folder.
        patients: Ids; by default 50 of the run's test patients where the cohort holds them, else of all.
        config: How much is computed.
        progress: Told how far it is.
    """
    cohort = cohort if isinstance(cohort, Cohort) else read_cohort(cohort)
    for patient in patients or ():
        cohort.require(patient)
    known = set(cohort.patients)
    chosen = patients or [p for p in run.folder.patients("test") if p in known] or cohort.patients
    checks = check_explanations(run, cohort, tuple(dict.fromkeys(chosen))[:PATIENTS], config, progress)
    write_text(out / "checks.json", checks.as_json())
    return checks


@dataclass
class _Work:
    run: Run
    cohort: Cohort
    out: Path
    wanted: Wanted
    explainer: Explainer
    notes: dict[str, list[str]] = field(default_factory=dict)
    last: PatientExplanation | None = None
    reused: int = 0

    def features(self, patient: str) -> Sequence[FeatureAttribution]:
        """A patient's Shapley values, from the folder where they are there."""
        folder = self.out / "patients" / file_name(patient)
        settings = self._settings(patient)
        found = read_features(folder / "explanation.json", settings)
        if found is not None:
            self.reused += 1
            return found
        self.last = explanation = self.explainer.explain(patient, self.wanted.targets)
        if self.wanted.maps:
            self._write_maps(folder, explanation)
        write_text(folder / "explanation.json", as_json(explanation, settings))
        for note in explanation.notes:
            self.notes.setdefault(note, []).append(patient)
        return explanation.features

    def _settings(self, patient: str) -> Mapping[str, object]:
        weights = {n: r.sha256 for n, r in self.run.manifest.files.items() if n.startswith("members/")}
        inputs = self.explainer.inputs(patient)
        return {
            "run": self.run.path.name,
            "weights": weights,
            "cohort": self.cohort.root.name,
            "patient": patient,
            "inputs": _digest(inputs.batch([patient], with_outcomes=False)),
            "targets": [t.key for t in self.wanted.targets or self.explainer.targets],
            "maps": self.wanted.maps,
            **self.wanted.config.model_dump(),
        }

    def _write_maps(self, folder: Path, explanation: PatientExplanation) -> None:
        grids: dict[str, Geometry] = {}
        for saliency in explanation.saliency:
            grid = grids.get(saliency.modality) or self._grid(explanation.patient, saliency)
            grids[saliency.modality] = grid
            for values, against in ((saliency.values, False), (saliency.against, True)):
                if values is not None:
                    name = saliency_name(saliency, against=against)
                    write_nifti(folder / name, on_geometry(values, saliency.affine, grid), grid.affine)

    def _grid(self, patient: str, saliency: Saliency) -> Geometry:
        """The image's own grid, as it was read."""
        inputs = self.explainer.inputs(patient)
        modality = inputs.modalities[saliency.modality]
        raw = modality.read(inputs.sources[saliency.modality], patient)
        assert not isinstance(raw, Absent), "it was explained"
        return modality.volume(raw).geometry


def _digest(batch: object) -> str:
    """Of what the model is given of a patient."""
    import hashlib
    from dataclasses import fields, is_dataclass

    from torch import Tensor

    digest = hashlib.sha256()

    def add(value: object) -> None:
        if isinstance(value, Tensor):
            digest.update(np.ascontiguousarray(value.numpy()).tobytes())
        elif isinstance(value, Mapping):
            for key in sorted(value):
                digest.update(str(key).encode())
                add(value[key])
        elif is_dataclass(value):
            for part in fields(value):
                add(getattr(value, part.name))
        else:
            digest.update(repr(value).encode())

    add(batch)
    return digest.hexdigest()


def _findings(notes: Mapping[str, Sequence[str]], patients: int) -> Iterator[Finding]:
    for note, who in notes.items():
        some = f" ({len(who)} of {patients} patients)" if len(who) < patients else ""
        yield Finding(what=f"{note}{some}.", severity=Severity.NOTE, code="explain")


def _write_tables(out: Path, values: Sequence[FeatureValues], rows: Sequence[Importance]) -> None:
    write_text(out / "shap.csv", shap_csv(values))
    write_text(out / "importance.csv", importance_csv(rows))
    data = [{**asdict(row), "key": row.target.key} for row in rows]
    write_text(out / "importance.json", json.dumps(data, indent=1, allow_nan=False) + "\n")


def _write_plots(out: Path, values: Sequence[FeatureValues]) -> None:
    from mmcare.explain.plots import beeswarm, dependence

    by_target: dict[str, list[FeatureValues]] = {}
    for part in values:
        by_target.setdefault(part.target.key, []).append(part)
    for key, parts in by_target.items():
        name = file_name(key.replace("@", "-").replace(":", "-"), ".png")
        write_bytes(out / "plots" / f"beeswarm-{name}", beeswarm(parts))
        for part in parts:
            if len(part.features) > 1:
                write_bytes(out / "plots" / f"dependence-{part.modality}-{name}", dependence(part))

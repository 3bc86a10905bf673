"""Where the model looked, on the slices of the original series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from mmcare.errors import Finding, Severity
from mmcare.explain import ExplainConfig, Saliency, Target
from mmcare.explain.geometry import on_geometry
from mmcare.explain.saliency import ImageView, image_saliency
from mmcare.explain.targets import default_targets, why_not
from mmcare.export.source import SourceSeries
from mmcare.formats import Geometry
from mmcare.model import full_precision
from mmcare.report.case import Case
from mmcare.run import EnsemblePredictor, NetworkPredictor, Run

__all__ = ["STEPS", "Heat", "default_outputs", "heat_on_series", "saliency_of"]

Map = npt.NDArray[np.float32]
STEPS = 255
"""In which a map is stored: one byte a voxel."""
_METHODS = {"grad-cam": "Grad-CAM", "occlusion": "Occlusion"}


@dataclass(frozen=True, eq=False)
class Heat:
    """A map of one output on the slices of a series.

    Attributes:
        target: The output. method: In words.
        speaks_for: (slice, row, column) float32 in [0, 1] in steps of 1 / 255, evidence for no event.
        against: The same, evidence against it; both are shares of one maximum.
    """

    target: Target
    method: str
    speaks_for: Map
    against: Map

    @property
    def is_empty(self) -> bool:
        """Whether the model looked nowhere."""
        return not (self.speaks_for.any() or self.against.any())


def default_outputs(run: Run) -> tuple[Target, ...]:
    """The leading endpoint at the decision's horizon under each arm: a series each, so that an archive is not flooded.

    A difference of arms comes with `--target`.
    """
    found = default_targets(run.outcomes, run.spec.decision)
    leading = run.outcomes.endpoints[0].name
    return tuple(target for target in found if target.endpoint == leading and target.minus is None)


def saliency_of(case: Case, modality: str, targets: Sequence[Target]) -> tuple[tuple[Saliency, ...], list[Finding]]:
    """Maps of one image of a patient, as `mmcare explain` computes them, and why there are none of other outputs."""
    networks = _networks(case.run)
    if not networks:
        said = "the run is a baseline, no network: there is no map of where it looked"
        return (), [_note(case.patient, said)]
    prognosis = case.prediction.prognosis
    reasons = {target: why_not(prognosis, target, case.run.outcomes) for target in targets}
    known = tuple(target for target, reason in reasons.items() if not reason)
    notes = [_note(case.patient, reason) for reason in reasons.values() if reason]
    if not known:
        return (), notes
    views = [_view(case, network, modality, known) for network in networks]
    return image_saliency(views, ExplainConfig().occlusion_voxels), notes


def heat_on_series(saliency: Saliency, series: SourceSeries) -> Heat:
    """A map brought onto the slices of the series, linear between its own voxels, 0 outside."""
    geometry = series.volume.geometry
    against = saliency.values * 0 if saliency.against is None else saliency.against
    maps = [_placed(values, saliency.affine, geometry) for values in (saliency.values, against)]
    stored = [series.frames(np.rint(values * STEPS) / np.float32(STEPS)) for values in maps]
    return Heat(saliency.target, _METHODS[saliency.method], *stored)


def _networks(run: Run) -> tuple[NetworkPredictor, ...]:
    predictor = run.predictor
    members = predictor.members if isinstance(predictor, EnsemblePredictor) else (predictor,)
    return tuple(member for member in members if isinstance(member, NetworkPredictor))


def _view(case: Case, network: NetworkPredictor, modality: str, targets: tuple[Target, ...]) -> ImageView:
    batch = case.batch.to(next(network.model.parameters()).device)
    with torch.no_grad(), full_precision():
        tokens = network.model.encode(batch)
    return ImageView(network.model, batch, modality, tokens, targets, case.run.outcomes)


def _placed(values: Map, affine: npt.NDArray[np.float64], geometry: Geometry) -> Map:
    """`on_geometry`, computed only where the map lies: a chest has a hundred times its voxels."""
    to_voxels = np.linalg.inv(geometry.affine) @ affine
    ends = np.stack(np.meshgrid(*[(-1, n) for n in values.shape], indexing="ij"), -1).reshape(-1, 3)
    places = ends @ to_voxels[:3, :3].T + to_voxels[:3, 3]
    lower = np.clip(np.floor(places.min(0)).astype(int), 0, np.array(geometry.shape) - 1)
    upper = np.clip(np.ceil(places.max(0)).astype(int) + 1, lower + 1, geometry.shape)
    moved = geometry.affine.copy()
    moved[:3, 3] += geometry.affine[:3, :3] @ lower
    i, j, k = (upper - lower).tolist()
    placed = np.zeros(geometry.shape, dtype=np.float32)
    inside = tuple(slice(a, b) for a, b in zip(lower, upper, strict=True))
    placed[inside] = np.clip(on_geometry(values, affine, Geometry((i, j, k), moved)), 0, 1)
    return placed


def _note(patient: str, said: str) -> Finding:
    return Finding(patient=patient, what=f"{said}.", severity=Severity.WARNING, code="no-map")

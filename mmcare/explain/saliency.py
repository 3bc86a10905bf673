"""From an image to where in it the model looked, by Grad-CAM or by occlusion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mmcare.components import Batch, OutcomeLayout, Tokens, VolumeBatch
from mmcare.explain.algorithm.grad_cam import grad_cam
from mmcare.explain.algorithm.occlusion import occlusion
from mmcare.explain.explanation import Saliency, Target
from mmcare.explain.geometry import cell_grid
from mmcare.explain.targets import read_targets
from mmcare.model import Model, full_precision

__all__ = ["ImageView", "image_saliency"]

Map = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ImageView:
    """The model as a function of one image of one patient, all else being as it is.

    Attributes:
        model: The network.
        batch: The patient alone, on the model's device.
        name: The image's modality.
        tokens: The patient's tokens of all modalities.
        targets: T outputs.
        outcomes: What they are.
    """

    model: Model
    batch: Batch
    name: str
    tokens: Mapping[str, Tokens]
    targets: tuple[Target, ...]
    outcomes: OutcomeLayout

    @property
    def volume(self) -> VolumeBatch:
        """The image."""
        found = self.batch.modalities[self.name]
        assert isinstance(found, VolumeBatch), "an image"
        return found

    def __call__(self, values: Tensor) -> Tensor:
        """(n, T) from volumes (n, 1, D, H, W) in the image's place."""
        size = len(values)
        rows = torch.arange(size, device=values.device)
        volume = replace(self.volume.take(torch.zeros_like(rows), rows), values=values)
        batch = replace(
            self.batch,
            modalities={self.name: volume},
            present=self.batch.present.expand(size, -1),
            ids=self.batch.ids * size,
        )
        others = {n: tokens.take(torch.zeros_like(rows)) for n, tokens in self.tokens.items() if n != self.name}
        tokens = self.model.encode(batch, others)
        prognosis = self.model.predict(self.model.scores(self.model.represent(tokens)))
        return read_targets(prognosis, self.targets, self.outcomes)


def image_saliency(views: Sequence[ImageView], occlusion_voxels: int) -> tuple[Saliency, ...]:
    """A map for each target: Grad-CAM on the layer that the encoder names, else occlusion.

    Args:
        views: A view a member of an ensemble, whose maps are averaged; else one.
        occlusion_voxels: Side of the cubes.
    """
    columns = range(len(views[0].targets))
    has_layer = all(view.model.encoders[view.name].saliency_layer() is not None for view in views)
    with full_precision():
        found = [_maps(view, columns, 0 if has_layer else occlusion_voxels) for view in views]
    maps = [np.asarray(np.mean([own[column] for own in found], axis=0), dtype=np.float32) for column in columns]
    return _saliencies(views[0], "grad-cam" if has_layer else "occlusion", maps)


def _maps(view: ImageView, columns: Sequence[int], occlusion_voxels: int) -> list[Map]:
    """A signed map on the volume's voxels for each target; by occlusion where cubes have a size."""
    if occlusion_voxels:
        maps = occlusion(view, view.volume.values, occlusion_voxels, columns)
        return [np.asarray(cells, dtype=np.float32) for cells in maps]
    layer = view.model.encoders[view.name].saliency_layer()
    assert layer is not None, "it was asked for"
    return _spread_cells(view, layer, columns)


def _spread_cells(view: ImageView, layer: nn.Module, columns: Sequence[int]) -> list[Map]:
    """Grad-CAM's maps on the volume's voxels."""
    values = view.volume.values
    maps = grad_cam(view, values.detach().clone(), layer, columns)
    shape = tuple(values.shape[2:])
    run: Callable[[], object] = lambda: view.model.encode(replace(view.batch, modalities=_only(view)))  # noqa: E731
    grid = cell_grid(view.model.encoders[view.name], layer, shape, run)
    return [grid.spread(cells, shape) for cells in maps]


def _only(view: ImageView) -> Mapping[str, VolumeBatch]:
    return {view.name: view.volume}


def _saliencies(view: ImageView, method: str, maps: Sequence[Map]) -> tuple[Saliency, ...]:
    mask = view.volume.mask[0, 0].cpu().numpy()
    affine = view.volume.affine[0].cpu().double().numpy()
    inside = None if (mask > 0).all() else mask > 0
    return tuple(
        _saliency(target, view.name, method, signed, affine, inside)
        for target, signed in zip(view.targets, maps, strict=True)
    )


def _saliency(
    target: Target,
    modality: str,
    method: str,
    signed: Map,
    affine: npt.NDArray[np.float64],
    inside: npt.NDArray[np.bool_] | None,
) -> Saliency:
    scale = float(np.abs(signed).max())
    shown = signed / scale if scale > 0 else np.zeros_like(signed)
    for_, against = np.maximum(shown, 0), np.maximum(-shown, 0)
    return Saliency(
        target=target,
        modality=modality,
        values=for_,
        scale=scale,
        affine=affine,
        method=method,
        in_tumour=_mass_inside(for_, inside),
        against=against,
        against_in_tumour=_mass_inside(against, inside),
        tumour_share=None if inside is None else float(inside.mean()),
    )


def _mass_inside(values: Map, inside: npt.NDArray[np.bool_] | None) -> float | None:
    total = float(values.sum())
    return None if inside is None or total == 0 else float(values[inside].sum()) / total

"""What a finished run says of itself: its spec's name and plugins, and how it was trained."""

from __future__ import annotations

from mmcare.run import Manifest, plugin_records
from mmcare.spec import Spec
from mmcare.training import Trained

__all__ = ["manifest_of"]


def manifest_of(spec: Spec, trained: Trained, members: int = 1) -> Manifest:
    """The manifest of a run, as yet without its files."""
    return Manifest(
        name=spec.name,
        kind=spec.kind,
        plugins=plugin_records(part.entry.provider for part in spec.parts()),
        members=members,
        device=trained.place.device,
        precision=trained.place.precision,
        epochs=trained.epochs,
        best_epoch=trained.best_epoch,
    )

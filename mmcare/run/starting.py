"""The weights that parts of a spec start from: found where it says, copied into the run, read again from there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import safetensors.torch
from torch import Tensor

from mmcare.components import Encoder, Segmenter
from mmcare.errors import Finding, SpecError
from mmcare.formats.atomic import write_bytes
from mmcare.inputs import LocatingSegmenter
from mmcare.model import Weights, build_segmenter
from mmcare.registry import EncoderConfig, NetworkConfig
from mmcare.run.folder import RunFolder, open_run_folder
from mmcare.run.manifest import file_record
from mmcare.run.tensors import read_checkpoint
from mmcare.spec import ResolvedPart, Spec

__all__ = ["find_weights", "read_starting", "segmenters_of", "with_starting_paths", "write_starting"]


def find_weights(spec: Spec, kinds: Collection[str] = ()) -> Weights:
    """The tensors of every part whose config names `weights:`, by key path.

    Args:
        spec: A resolved spec.
        kinds: Of parts, such as `segmenter`; empty: all.

    Raises:
        SpecError: There is no such file or run, a run holds no such part, or published weights cannot be fetched.
        RunError: A file is damaged.
    """
    wanted = [(part, named) for part, named in _naming(spec) if not kinds or part.kind in kinds]
    return {part.path: _found(spec, part, named) for part, named in wanted}


def write_starting(folder: RunFolder, weights: Weights) -> None:
    """Copy them into the run: it must load where the other run is not."""
    for path, tensors in weights.items():
        whole = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}  # two names may share one
        write_bytes(_file(folder, path), safetensors.torch.save(whole))


def read_starting(folder: RunFolder, spec: Spec) -> Weights:
    """What `write_starting` wrote for the parts of a run's spec."""
    return {part.path: read_checkpoint(_file(folder, part.path)) for part, _ in _naming(spec)}


def with_starting_paths(spec: Spec) -> Spec:
    """The spec as the run folder holds it: `weights:` name the copies."""
    paths = {part.path: f"starting/{part.path}.safetensors" for part, _ in _naming(spec)}
    return spec.with_weights(paths)


def segmenters_of(spec: Spec, folder: RunFolder | None = None, device: str = "cpu") -> Mapping[str, LocatingSegmenter]:
    """The segmenters that locate a spec's modalities.

    Args:
        spec: A resolved spec.
        folder: The run, which holds the weights that they start from; None where no part names any.
        device: Where they compute.

    Raises:
        SpecError: A segmenter has weights to learn, and the spec names none.
    """
    located = {name: part.parts["roi"] for name, part in spec.modalities.items() if "roi" in part.parts}
    return {name: _locating(spec, part, folder, device) for name, part in located.items()}


def _locating(spec: Spec, part: ResolvedPart, folder: RunFolder | None, device: str) -> LocatingSegmenter:
    assert isinstance(part.config, NetworkConfig), "the registry checks it"
    file = _file(folder, part.path) if folder is not None and part.config.weights is not None else None
    weights = {part.path: read_checkpoint(file)} if file is not None else {}
    segmenter = build_segmenter(part, weights).eval().to(device)
    _refuse_untrained(spec, part, segmenter)
    return LocatingSegmenter(segmenter, file_record(file).sha256 if file is not None else "")


def _naming(spec: Spec) -> Iterator[tuple[ResolvedPart, str]]:
    for part in spec.parts():
        if isinstance(part.config, NetworkConfig) and part.config.weights is not None:
            yield part, part.config.weights


def _file(folder: RunFolder, path: str) -> Path:
    return folder.starting / f"{path}.safetensors"


def _found(spec: Spec, part: ResolvedPart, named: str) -> Mapping[str, Tensor]:
    if isinstance(part.config, EncoderConfig) and named in part.config.published:
        return _published(spec, part, named)
    path = Path(named)
    if path.is_file():
        return read_checkpoint(path)
    if path.is_dir():
        return _of_run(spec, part, path)
    what = f"there is no file and no run folder {path}."
    words = part.config.published if isinstance(part.config, EncoderConfig) else ()
    todo = f"Correct the path{''.join(f', or write `{word}`' for word in words)}."
    raise SpecError(spec.locate(f"{part.path}.weights", Finding(what=what, todo=todo, code="weights")))


def _published(spec: Spec, part: ResolvedPart, word: str) -> Mapping[str, Tensor]:
    encoder = cast("type[Encoder[Any]]", part.entry.load())
    try:
        return encoder.published_weights(part.config, word)
    except SpecError as error:
        raise SpecError([spec.locate(f"{part.path}.weights", finding) for finding in error.findings]) from error


def _of_run(spec: Spec, part: ResolvedPart, path: Path) -> Mapping[str, Tensor]:
    """The tensors of the same part of another run; of a segmenter's run, all."""
    folder, manifest = open_run_folder(path)
    tensors = read_checkpoint(folder.member() / "weights.safetensors") if manifest.kind != "baseline" else {}
    if manifest.kind == part.kind == "segmenter":
        return tensors
    prefix = _prefix(part)
    found = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    if manifest.kind == "network" and found:
        return found
    what = f"the run {path} ({manifest.kind} {manifest.name}) holds no weights of `{part.path}`."
    todo = "Name a run that has this part under the same key, or a weights file."
    raise SpecError(spec.locate(f"{part.path}.weights", Finding(what=what, todo=todo, code="weights")))


def _prefix(part: ResolvedPart) -> str:
    """Where a network's tensors of a part stand."""
    match part.path.split("."):
        case ["modalities", name, "encoder"]:
            return f"encoder_modules.modality-{name}."
        case ["modalities", name, "roi"]:
            return f"mask_modules.modality-{name}.segmenter."
        case ["head"]:
            return "heads.0."
        case path:
            return f"{path[0]}."


def _refuse_untrained(spec: Spec, part: ResolvedPart, segmenter: Segmenter) -> None:  # type: ignore[type-arg]
    assert isinstance(part.config, NetworkConfig), "the registry checks it"
    if part.config.weights is None and segmenter.learns:
        name = part.entry.component.name
        what = f"`{name}` has weights to learn, and none are named: untrained, it finds nothing."
        todo = f"Train a spec with `segmenter: {{use: {name}}}` and write `weights: RUN` here."
        raise SpecError(spec.locate(part.path, Finding(what=what, todo=todo, code="untrained")))

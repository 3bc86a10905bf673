"""Whether what an ended training left can be gone on with: looked at before it is, so that damage is said in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mmcare.errors import Finding, RunError, cut
from mmcare.run.tensors import read_tensors
from mmcare.training.best import BestWeights
from mmcare.training.checkpoint import ResumeCheckpoint

__all__ = ["checkpoint_to_go_on_from"]

_NEEDED = ("state_dict", "optimizer_states", "callbacks", "loops", "epoch", "global_step")


def checkpoint_to_go_on_from(checkpoint: ResumeCheckpoint, module: nn.Module) -> Path | None:
    """The checkpoint of the last finished epoch; None where no epoch is finished.

    Args:
        checkpoint: Knows where it stands, and the best weights beside it.
        module: What is trained; the checkpoint must be of the same tensors.

    Raises:
        RunError: It or the best epoch's weights are damaged, missing, or of another network.
    """
    path = checkpoint.path
    if not path.exists():
        return None
    held = _read(path)
    wrong = next(_differences(module.state_dict(), held["state_dict"]), None)
    if wrong is not None:
        raise _damaged(path, f"is of another network: {wrong}.", path)
    _require_best(checkpoint.best, held, path)
    return path


def _read(path: Path) -> Mapping[str, Any]:
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever torch says of a file that is damaged
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        what = f"is no whole checkpoint ({path.stat().st_size:,} bytes): {cut(reason, 120)}."
        raise _damaged(path, what, path) from error
    lacking = [name for name in _NEEDED if name not in held] if isinstance(held, dict) else list(_NEEDED)
    if lacking:
        raise _damaged(path, f"is no checkpoint of a training: it lacks {', '.join(lacking)}.", path)
    return held


def _differences(own: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    for name in (*own, *(name for name in found if name not in own)):
        if name not in found:
            yield f"the tensor {name} is missing"
        elif name not in own:
            yield f"the tensor {name} belongs to no part of the network"
        elif own[name].shape != found[name].shape:
            yield f"the tensor {name} has the shape {tuple(found[name].shape)}, expected {tuple(own[name].shape)}"


def _require_best(best: BestWeights, held: Mapping[str, Any], checkpoint: Path) -> None:
    state = held["callbacks"].get(best.state_key)
    if state is None:
        raise _damaged(checkpoint, "does not say which epoch was the best.", checkpoint)
    file = best.path_of(int(state["epoch"]))
    try:
        read_tensors(file)
    except RunError as error:
        raise _damaged(file, f"the weights of the best epoch so far: {error.findings[0].what}", checkpoint) from error


def _damaged(file: Path, what: str, checkpoint: Path) -> RunError:
    todo = (
        f"Put it back from a copy; or remove {checkpoint} and go on: training then starts again from the first epoch,"
        " with the same split."
    )
    return RunError(Finding(file=file, what=what, todo=todo, code="checkpoint"))

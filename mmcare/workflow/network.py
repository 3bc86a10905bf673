"""One network, built, trained and recalibrated: a run's own, another member's, or that of a fold."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mmcare.components import OutcomeLayout
from mmcare.inputs import Inputs
from mmcare.model import Model, build
from mmcare.run import RunFolder, read_starting
from mmcare.spec import Spec
from mmcare.training import Loop, Trained, finish, train
from mmcare.workflow.finished import Member
from mmcare.workflow.options import Options

__all__ = ["Task", "finish_network", "train_network"]


@dataclass(frozen=True, slots=True)
class Task:
    """What a network is trained on.

    Attributes:
        folder: Of the run, which holds the weights that parts start from.
        spec: Of the network; its `training.seed` decides initial weights and batches.
        layout: Arms and endpoints.
        inputs: Fitted on the training patients.
        training: Patients. validation: Patients.
    """

    folder: RunFolder
    spec: Spec
    layout: OutcomeLayout
    inputs: Inputs
    training: tuple[str, ...]
    validation: tuple[str, ...]


def train_network(task: Task, loop: Loop, options: Options) -> tuple[Model, Trained]:
    """The trained network, not yet recalibrated; goes on where `loop.folder` holds finished epochs."""
    config = task.spec.training
    torch.manual_seed(config.seed)
    starting = read_starting(task.folder, task.spec)
    model = build(task.spec, task.inputs.layouts, task.layout, starting, options.tell_findings)
    return model, train(model, task.inputs, task.training, task.validation, config, loop)


def finish_network(task: Task, model: Model, device: str) -> Member:
    """The network recalibrated, on the CPU."""
    return Member(model, finish(model, task.inputs, task.training, task.validation, device))

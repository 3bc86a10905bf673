"""Where a network is trained, and in which numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from mmcare.errors import Finding, SpecError
from mmcare.spec import TrainingConfig

__all__ = ["Place", "choose_place"]

Precision = Literal["bf16", "fp32"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where training runs: `cpu` or `cuda`, and in which numbers, in the spec's words."""

    device: str
    precision: Precision

    def __str__(self) -> str:
        name = f"cuda ({torch.cuda.get_device_name()})" if self.device == "cuda" else self.device
        return f"{name}, {self.precision}"


def choose_place(config: TrainingConfig) -> Place:
    """What `training.device` and `training.precision` mean on this machine.

    Raises:
        SpecError: `cuda` was asked for and there is none, or `bf16` of a GPU that has none.
    """
    has_cuda = torch.cuda.is_available()
    if config.device == "cuda" and not has_cuda:
        raise SpecError(
            Finding(
                key="training.device",
                what="`cuda` was asked for, and this machine has no CUDA device that torch can use.",
                todo="Write `device: auto` or `device: cpu`; `mmcare doctor` says what torch sees.",
            )
        )
    device = "cuda" if has_cuda and config.device != "cpu" else "cpu"
    return Place(device, _precision(config, device))


def _precision(config: TrainingConfig, device: str) -> Precision:
    if config.precision == "fp32" or (config.precision == "auto" and device == "cpu"):
        return "fp32"
    if device == "cpu" or torch.cuda.is_bf16_supported(including_emulation=False):
        return "bf16"
    if config.precision == "auto":
        return "fp32"
    raise SpecError(
        Finding(
            key="training.precision",
            what=f"`bf16` was asked for, and this machine's {torch.cuda.get_device_name()} does not compute in it.",
            todo="Write `precision: auto` or `precision: fp32`.",
        )
    )

"""What this distribution offers; light, for listings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mmcare.errors import Finding, Severity
from mmcare.registry import Component, EncoderConfig, Neighbours, hookimpl

__all__ = ["FILES", "ESMConfig", "Size"]

MMCARE_API = 1

FILES = ("config.json", "model.safetensors", "vocab.txt")
"""The files of a checkpoint that are read."""

Size = Literal["esm2_t6_8M", "esm2_t12_35M", "esm2_t30_150M", "esm2_t33_650M", "esm2_t36_3B", "esm2_t48_15B"]


class ESMConfig(EncoderConfig):
    """Keys of the encoder of sequences."""

    paths: ClassVar[tuple[str, ...]] = ("checkpoint",)

    checkpoint: str | None = Field(
        None,
        description="Pretrained weights: a folder, seen from the spec's file, with config.json, "
        "model.safetensors and vocab.txt; or a name on the Hugging Face Hub such as facebook/esm2_t6_8M_UR50D. Without "
        "one the weights are random, for trials.",
    )
    size: Size = Field("esm2_t6_8M", description="Which of the published networks, where `checkpoint` names none.")
    adapt: Literal["none", "lora", "all"] = Field(
        "none",
        description="What of the language model is trained: `none`, it is frozen, and what it says of a sequence is "
        "kept; `lora`, small matrices beside its attention; `all` of it.",
    )
    lora_rank: int = Field(8, ge=1, description="Rank of the matrices of `lora`; they are scaled by 2.")
    window: int = Field(
        254, ge=16, le=1022, description="Residues (tokens) that the language model sees at once around a change."
    )
    around: int = Field(5, ge=1, description="Residues on each side of a change whose vectors are averaged.")
    dim: int = Field(64, ge=1, description="Width of tokens.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout rate of tokens.")

    def check(self, neighbours: Neighbours) -> list[Finding]:
        """A checkpoint is named, a folder holds one, and what is averaged lies inside the window."""
        found = []
        if self.checkpoint is None:
            what = "no pretrained weights are named: a language model with random weights knows nothing of proteins."
            todo = "Name them, such as `checkpoint: facebook/esm2_t6_8M_UR50D`."
            found.append(
                Finding(key="checkpoint", what=what, todo=todo, severity=Severity.WARNING, code="random-weights")
            )
        elif Path(self.checkpoint).is_dir():
            absent = [name for name in FILES if not (Path(self.checkpoint) / name).is_file()]
            if absent:
                what = f"the folder lacks {', '.join(absent)}; a checkpoint is {', '.join(FILES)}."
                # a trained run holds the weights itself, so only the other files are always needed
                severity = Severity.WARNING if absent == ["model.safetensors"] else Severity.ERROR
                todo = "Copy what is missing there."
                found.append(Finding(key="checkpoint", what=what, todo=todo, severity=severity, code="no-checkpoint"))
        if 4 * self.around > self.window:
            what = f"`around` is {self.around} and `window` is {self.window}; at least four times `around` is needed."
            found.append(Finding(key="window", what=what, todo=f"Set it to {4 * self.around}.", code="window"))
        return found


@hookimpl
def mmcare_components() -> Iterator[Component]:
    """The encoder."""
    yield Component(
        kind="encoder",
        name="esm",
        summary="ESM-2, or a DNA model of its architecture: what a change does to a protein, a token a gene (Eq. 8).",
        config=ESMConfig,
        target="mmcare_esm.esm:ESM",
        takes="sequence",
    )

"""What this distribution offers; light, for listings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from mmcare.registry import Component, EncoderConfig, ModalityConfig, hookimpl

__all__ = ["MLPConfig", "TableConfig"]

MMCARE_API = 1


class TableConfig(ModalityConfig):
    """Keys of the table modality."""

    columns: tuple[str, ...] | None = Field(
        None, description="Predictors to read; by default all of the cohort's that are known at the decision."
    )
    exclude: tuple[str, ...] = Field((), description="Predictors to leave out.")


class MLPConfig(EncoderConfig):
    """Keys of the MLP encoder."""

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (128, 128, 128), min_length=1, description="Widths of the hidden layers; the last is the tokens' width."
    )
    activation: Literal["relu", "gelu"] = Field("relu", description="Activation after each batch norm.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout rate after each activation.")


@hookimpl
def mmcare_components() -> Iterator[Component]:
    """The modality and the encoder."""
    yield Component(
        kind="modality",
        name="table",
        summary="Predictors of the patients' table: scaled numbers and categories, with what was not measured.",
        config=TableConfig,
        target="mmcare_clinical.table:TableModality",
        gives="table",
    )
    yield Component(
        kind="encoder",
        name="mlp",
        summary="A multi-layer perceptron with batch norm; a token a feature, or one for the table (Eq. 4-6).",
        config=MLPConfig,
        target="mmcare_clinical.mlp:MLP",
        takes="table",
    )

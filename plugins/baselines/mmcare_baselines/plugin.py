"""What this distribution offers; light, for listings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from mmcare.registry import BaselineConfig, Component, hookimpl

__all__ = ["CoxPHConfig"]

MMCARE_API = 1


class CoxPHConfig(BaselineConfig):
    """Keys of the Cox baseline."""

    penalizer: float = Field(
        0.1,
        ge=0,
        description="Ridge penalty, in lifelines' scale: penalizer / 2 times the squared coefficients of standardised "
        "columns is taken off the log-likelihood of each patient. 0 for none; genes are many and need one.",
    )
    interactions: bool = Field(
        True,
        description="Whether every column has an effect of its own in each arm, beside a baseline hazard of its own.",
    )
    recalibrate: Literal["validation", "none"] = Field(
        "validation",
        description="`validation`: coefficients from the training patients, then one slope in [0, 1] a model from the "
        "validation patients; `none`: coefficients from both, slope 1.",
    )


@hookimpl
def mmcare_components() -> Iterator[Component]:
    """The baseline."""
    yield Component(
        kind="baseline",
        name="cox-ph",
        summary="Cox models of tables and gene graphs; arms as strata, with interactions; a model a cause.",
        config=CoxPHConfig,
        target="mmcare_baselines.cox_ph:CoxPH",
    )

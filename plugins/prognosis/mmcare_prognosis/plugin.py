"""What this distribution offers; light, for listings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator

from mmcare.registry import Component, Config, HeadConfig, hookimpl

__all__ = ["AgreementConfig", "DualTaskConfig", "EndpointConfig", "ModelName"]

MMCARE_API = 1

ModelName = Literal["discrete", "cox", "competing-risk"]


class EndpointConfig(Config):
    """How one endpoint is modelled."""

    model: ModelName | None = Field(
        None,
        description="`discrete`, a logistic hazard an interval; `cox`, a proportional hazard with Breslow's baseline; "
        "`competing-risk`, a hazard a cause and interval. By default by whether another event can come first.",
    )
    weight: float = Field(1.0, gt=0, description="Weight of its loss.")


class AgreementConfig(Config):
    """A penalty where two endpoints contradict each other."""

    survival: str = Field("os", description="Endpoint whose event is death of any cause, modelled as `discrete`.")
    local: str = Field("lc", description="Endpoint for which death competes, modelled as `competing-risk`.")
    weight: float = Field(1.0, gt=0, description="Weight of the penalty in the loss.")


class DualTaskConfig(HeadConfig):
    """Keys of the dual-task head."""

    endpoints: Mapping[str, EndpointConfig] | None = Field(
        None, description="Endpoints by the cohort's keys, the leading one first; by default all of the cohort's."
    )
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (64,), description="Widths of the hidden layers of each arm's and endpoint's MLP; none for a linear head."
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout rate after each hidden layer.")
    recalibrate: Literal["none", "validation"] = Field(
        "none",
        description="`validation`: after training, discrete hazards get a shift an arm and one slope from the "
        "validation patients, from 20 events on. A `cox` model always takes its slope from them.",
    )
    agreement: AgreementConfig | None = Field(
        None, description="Penalty where survival leaves the bounds that local control and death before it allow."
    )

    @field_validator("endpoints")
    @classmethod
    def _some(cls, endpoints: Mapping[str, EndpointConfig] | None) -> Mapping[str, EndpointConfig] | None:
        if endpoints is not None and not endpoints:
            raise ValueError("name at least one endpoint, or leave `endpoints` out for all of the cohort's")
        return endpoints


@hookimpl
def mmcare_components() -> Iterator[Component]:
    """The head."""
    yield Component(
        kind="head",
        name="dual-task",
        summary="An MLP an arm and endpoint on the representation: survival, and local control with death competing.",
        config=DualTaskConfig,
        target="mmcare_prognosis.dual_task:DualTask",
    )

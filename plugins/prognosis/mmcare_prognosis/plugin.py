"""What this distribution offers; light, for listings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, field_validator

from mmcare.registry import Component, Config, HeadConfig, hookimpl

__all__ = [
    "AgreementConfig",
    "DualTaskConfig",
    "EndpointConfig",
    "ModelName",
    "SingleTaskConfig",
    "TaskConfig",
]

MMCARE_API = 1

ModelName = Literal["discrete", "cox", "sigmoid", "competing-risk", "bce"]

_MODELS = (
    "`discrete`, a logistic hazard an interval; `cox`, a proportional hazard with Breslow's baseline; `sigmoid`, a "
    "probability at each horizon by itself, which may contradict each other; `competing-risk`, a hazard a cause and "
    "interval; `bce`, weighted cross-entropy at each horizon by itself. By default `discrete`, or `competing-risk` "
    "where another event can come first."
)
_RANKING = (
    "Weight of a loss of wrongly ordered pairs beside the endpoint's own; it may sharpen the ranking at the price of "
    "calibration."
)


class EndpointConfig(Config):
    """How one endpoint is modelled."""

    model: ModelName | None = Field(None, description=_MODELS)
    weight: float = Field(1.0, gt=0, description="Weight of its loss.")
    ranking: float = Field(0.0, ge=0, description=_RANKING)


class AgreementConfig(Config):
    """A penalty where two endpoints contradict each other."""

    survival: str = Field("os", description="Endpoint whose event is death of any cause, modelled as `discrete`.")
    local: str = Field("lc", description="Endpoint for which death competes, modelled as `competing-risk`.")
    weight: float = Field(1.0, gt=0, description="Weight of the penalty in the loss.")


class TaskConfig(HeadConfig):
    """Keys that both heads have."""

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (64,), description="Widths of the hidden layers of each arm's and endpoint's MLP; none for a linear head."
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout rate after each hidden layer.")
    arm_shrinkage: float = Field(
        0.0,
        ge=0,
        description="Weight of the squared distance of each arm's weights from the arms' mean, in training: arms "
        "differ as far as data say so. 0, each arm learns by itself.",
    )
    recalibrate: Literal["none", "validation"] = Field(
        "none",
        description="`validation`: after training, discrete hazards get a shift an arm and one slope from the "
        "validation patients, from 20 events on. A `cox` model always takes its slope from them.",
    )

    @abstractmethod
    def chosen(self, available: Sequence[str]) -> Mapping[str, EndpointConfig]:
        """The endpoints to model, the leading one first, where the cohort has those `available`."""

    @property
    def penalty(self) -> AgreementConfig | None:
        """The penalty where two endpoints contradict each other; None where there is none."""
        return None


class DualTaskConfig(TaskConfig):
    """Keys of the dual-task head."""

    endpoints: Mapping[str, EndpointConfig] | None = Field(
        None, description="Endpoints by the cohort's keys, the leading one first; by default all of the cohort's."
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

    def chosen(self, available: Sequence[str]) -> Mapping[str, EndpointConfig]:
        """Those named, or all."""
        return self.endpoints or {name: EndpointConfig() for name in available}

    @property
    def penalty(self) -> AgreementConfig | None:
        """As said."""
        return self.agreement


class SingleTaskConfig(TaskConfig):
    """Keys of the single-task head."""

    endpoint: str | None = Field(None, description="The endpoint's key; by default the cohort's first.")
    model: ModelName | None = Field(None, description=_MODELS)
    ranking: float = Field(0.0, ge=0, description=_RANKING)

    @property
    def endpoints(self) -> Mapping[str, EndpointConfig] | None:
        """The endpoint where it is named, as the dual-task head has it."""
        return None if self.endpoint is None else {self.endpoint: self._entry}

    @property
    def _entry(self) -> EndpointConfig:
        return EndpointConfig(model=self.model, ranking=self.ranking)

    def chosen(self, available: Sequence[str]) -> Mapping[str, EndpointConfig]:
        """The one named, or the first."""
        return self.endpoints or dict.fromkeys(available[:1], self._entry)


@hookimpl
def mmcare_components() -> Iterator[Component]:
    """The heads."""
    yield Component(
        kind="head",
        name="dual-task",
        summary="An MLP an arm and endpoint on the representation: survival, and local control with death competing.",
        config=DualTaskConfig,
        target="mmcare_prognosis.dual_task:DualTask",
    )
    yield Component(
        kind="head",
        name="single-task",
        summary="The same head for one endpoint alone.",
        config=SingleTaskConfig,
        target="mmcare_prognosis.dual_task:DualTask",
    )

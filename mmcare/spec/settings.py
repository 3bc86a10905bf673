"""The settings of a spec that belong to no component: split, training, decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

__all__ = ["SHORT_FORMS", "DecisionConfig", "EarlyStopping", "Requires", "SplitConfig", "TrainingConfig"]

Rate = Annotated[float, Field(ge=0, lt=1)]
SHORT_FORMS = {("training", "early_stopping"): "metric"}
"""Maps that a word may stand for: `early_stopping: none` is `early_stopping: {metric: none}`."""


class Settings(BaseModel):
    """Unknown keys are refused, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Requires(Settings):
    """What a cohort must have; an assertion, for the cohort's dictionary says what exists."""

    arms: tuple[str, ...] = Field((), description="Arms that must be there.")

    @field_validator("arms", mode="before")
    @classmethod
    def _texts(cls, arms: object) -> object:
        if isinstance(arms, list):
            odd = [arm for arm in arms if not isinstance(arm, str)]
            if odd:
                raise ValueError(f"an arm is a text, found {str(odd[0]).lower()}; put it in quotes")
            twice = [arm for arm in arms if arms.count(arm) > 1]
            if twice:
                raise ValueError(f"the arm `{twice[0]}` stands twice; name each arm once")
        return arms


class SplitConfig(Settings):
    """Training, validation and test patients."""

    fractions: tuple[float, float, float] = Field(
        (0.70, 0.15, 0.15), description="Shares of training, validation and test patients; their sum is 1."
    )
    stratify: tuple[Literal["arm", "event"], ...] = Field(
        ("arm", "event"), description="What each split holds the cohort's shares of."
    )
    seed: int = Field(0, ge=0, description="Decides who is where.")

    @field_validator("fractions")
    @classmethod
    def _sum_to_one(cls, fractions: tuple[float, ...]) -> tuple[float, ...]:
        if any(part < 0 for part in fractions):
            raise ValueError(f"a share is at least 0, found {min(fractions):g}")
        if abs(sum(fractions) - 1) > 1e-6:
            raise ValueError(f"the shares sum to {sum(fractions):g}; they must sum to 1")
        if fractions[0] == 0:
            raise ValueError("the training share is greater than 0")
        return fractions


Metric = Literal["loss", "c_index", "none"]


class EarlyStopping(Settings):
    """When training ends before `max_epochs`, and which epoch's weights are kept."""

    metric: Metric = Field(
        "loss", description="The validation loss; the head's first endpoint's concordance index; or neither."
    )
    patience: int = Field(10, ge=1, le=10_000, description="Epochs without improvement before training ends.")


def _spelled_out(value: object) -> object:
    return {SHORT_FORMS["training", "early_stopping"]: value} if isinstance(value, str) else value


class TrainingConfig(Settings):
    """How a network is trained."""

    lr: float = Field(1e-4, gt=0, le=10, description="Learning rate.")
    weight_decay: float = Field(1e-5, ge=0, le=10, description="Weight decay of the optimiser.")
    optimizer: Literal["adam", "adamw"] = Field("adam", description="Adam, or Adam with decoupled weight decay.")
    scheduler: Literal["none", "cosine", "plateau"] = Field("none", description="How the learning rate falls.")
    batch_size: int = Field(16, ge=1, le=65_536, description="Largest number of patients in a batch.")
    max_epochs: int = Field(100, ge=1, le=100_000, description="Epochs at the most.")
    accumulate: int = Field(1, ge=1, le=1024, description="Batches whose gradients are added up before a step.")
    clip_gradient_norm: float | None = Field(None, gt=0, description="Largest norm of the gradient; none by default.")
    average_weights: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="What is left of a moving average of the weights after a step; the average is what is validated "
        "and kept. `0.98` averages about the last 50 steps; none by default.",
    )
    modality_dropout: Rate | Mapping[str, Rate] = Field(
        0.0,
        description="Rate at which a modality is withheld from a training patient; one number, or one a modality.",
    )
    early_stopping: Annotated[
        EarlyStopping, BeforeValidator(_spelled_out, json_schema_input_type=Metric | EarlyStopping)
    ] = Field(default_factory=EarlyStopping, description="When training ends early; a word alone is its `metric`.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="Of training alone: `auto` is bf16 on CUDA and fp32 on the CPU."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to train; `auto` is CUDA where there is one."
    )
    workers: int = Field(0, ge=0, le=256, description="Processes that prepare batches; 0, the main one does.")
    seed: int = Field(0, ge=0, le=2**31, description="Decides initial weights, batches, dropout and augmentation.")

    @field_validator("precision", mode="before")
    @classmethod
    def _unquoted(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class DecisionConfig(Settings):
    """How arms are compared."""

    utility: Mapping[str, Annotated[float, Field(ge=0)]] = Field(
        default={"os": 0.7, "lc": 0.3}, description="Weight of each endpoint's probability; they sum to 1."
    )
    horizon: float = Field(3, gt=0, description="Years at which the probabilities are taken.")
    mid: float = Field(0.03, ge=0, lt=1, description="Least difference of utility that matters.")
    bootstrap: int = Field(50, ge=0, le=10_000, description="Refits for the interval of a difference.")
    cross_fit: int = Field(
        0,
        ge=0,
        le=20,
        description="Folds of out-of-fold differences for the gate, each a training more; 0, none: nobody is advised.",
    )

    @field_validator("cross_fit")
    @classmethod
    def _two_folds(cls, folds: int) -> int:
        if folds == 1:
            raise ValueError("of 1 fold nobody is left to train on; 5 is usual, 0 is none")
        return folds

    @field_validator("utility")
    @classmethod
    def _sum_to_one(cls, utility: Mapping[str, float]) -> Mapping[str, float]:
        if utility and abs(sum(utility.values()) - 1) > 1e-6:
            raise ValueError(f"the weights sum to {sum(utility.values()):g}; they must sum to 1")
        return utility

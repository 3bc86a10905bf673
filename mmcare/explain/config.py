"""What is asked of an explanation: how many training patients stand for "not known", how many rows may be computed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ExplainConfig"]


class ExplainConfig(BaseModel):
    """The settings of an explanation.

    The same settings, run and patient give the same explanation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    background: int = Field(16, ge=1, le=1024, description="Training patients that stand for what is not known.")
    rows: int = Field(
        4096, ge=64, description="Altered patients to compute for one patient's Shapley values, over all features."
    )
    rows_at_once: int = Field(256, ge=1, description="Of these, how many at once: memory against speed.")
    steps: int = Field(32, ge=2, le=1000, description="Points on the path of integrated gradients.")
    saliency: bool = Field(True, description="Whether to look where in images the model looked.")
    gradients: bool = Field(True, description="Whether to compute integrated gradients as a second opinion.")
    occlusion_voxels: int = Field(
        8, ge=1, description="Side of the cubes that are taken out of an image whose encoder names no layer."
    )
    seed: int = Field(0, ge=0, description="Of the choice of background patients and of the sampling.")

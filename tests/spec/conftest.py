"""Small components from a real plugin file, and a valid spec that names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mmcare.errors import Finding
from mmcare.registry import LOCAL, Registry, discover
from mmcare.spec import Spec, check_spec

PLUGIN = '''
from typing import Annotated, Literal, Mapping
from pydantic import Field, field_validator, model_validator
from mmcare.errors import Finding
from mmcare.registry import (
    BaselineConfig, Component, Config, EncoderConfig, FusionConfig, HeadConfig, ModalityConfig, SegmenterConfig,
    SegmenterPart, hookimpl,
)

class ScanConfig(ModalityConfig):
    spacing_mm: float | tuple[float, float, float] = Field(1.5, description="Spacing in mm.")
    size: tuple[int, int, int] = Field((8, 8, 8), description="Voxels.")
    roi: SegmenterPart | None = Field(None, description="What finds the tumour.")

class RowsConfig(ModalityConfig):
    columns: tuple[str, ...] | None = Field(None, description="Columns to read.")

class LinesConfig(EncoderConfig):
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field((8,), description="Widths.")
    rate: float = Field(0.0, ge=0, lt=1, description="Dropout rate.")

class CellsConfig(EncoderConfig):
    depth: int = Field(18, ge=1, description="Layers.")

    @field_validator("depth")
    @classmethod
    def _known(cls, depth):
        return {10: 10, 18: 18, 34: 34}[depth]  # a fault: 12 is a KeyError

class MixConfig(FusionConfig):
    dim: int = Field(8, ge=1, description="Width.")
    heads: int = Field(4, ge=1, description="Attention heads.")
    width: int | None = Field(None, description="Width of the encoders of tables.")

    @model_validator(mode="after")
    def _divides(self):
        if self.dim % self.heads:
            raise ValueError(f"`dim: {self.dim}` is not divisible by `heads: {self.heads}`; change one of them")
        return self

    def check(self, neighbours):
        for path, config in neighbours.configs.items():
            if isinstance(config, LinesConfig) and self.width not in (None, config.hidden[-1]):
                what = f"is {self.width}, and `{path}.hidden` ends with {config.hidden[-1]}."
                return [Finding(key="width", what=what, todo="Leave `width` out: it is taken from the encoder.")]
        return []

class EndpointConfig(Config):
    model: Literal["discrete", "cox"] = Field("discrete", description="Model of the endpoint.")
    weight: float = Field(1.0, gt=0, description="Weight of its loss.")

class TwoConfig(HeadConfig):
    endpoints: Mapping[str, EndpointConfig] = Field(description="Endpoints, the leading one first.")

class Anything:
    """Never made: a spec is checked without its classes."""

def record(kind, name, config, **batch):
    return Component(kind=kind, name=name, summary="Small.", config=config, target=Anything, **batch)

@hookimpl
def mmcare_components():
    yield record("modality", "scan", ScanConfig, gives="volume")
    yield record("modality", "rows", RowsConfig, gives="table")
    yield record("modality", "net", ModalityConfig, gives="graph")
    yield record("segmenter", "drawn", SegmenterConfig)
    yield record("encoder", "cells", CellsConfig, takes="volume")
    yield record("encoder", "lines", LinesConfig, takes="table")
    yield record("encoder", "links", EncoderConfig, takes="graph")
    yield record("fusion", "mix", MixConfig)
    yield record("fusion", "side-by-side", FusionConfig)
    yield record("head", "two", TwoConfig)
    yield record("baseline", "plain", BaselineConfig)
'''

VALID = """\
# a valid spec
mmcare: 1
name: small
requires: {arms: [sbrt, surgery]}
modalities:
  ct:
    use: scan
    size: [8, 8, 8]
    roi: {use: drawn}
    encoder: {use: cells, depth: 10}
  clinical:
    use: rows
    encoder: {use: lines, hidden: [8, 8]}
fusion: {use: mix, dim: 8, heads: 4}
head:
  use: two
  endpoints:
    os: {model: discrete, weight: 0.7}
    lc: {weight: 0.3}
split: {fractions: [0.70, 0.15, 0.15]}
training:
  lr: 1.0e-4
  batch_size: 16
  early_stopping: {patience: 5}
decision: {utility: {os: 0.7, lc: 0.3}}
"""


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """The small components, and nothing that happens to be installed."""
    file = tmp_path_factory.mktemp("plugin") / "small.py"
    file.write_text(PLUGIN)
    found = discover([file])
    return Registry(tuple(plugin for plugin in found.plugins if plugin.provider.distribution == LOCAL))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the test stands: files are named as a user would name them."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


Check = Callable[..., list[str]]


@pytest.fixture
def check(registry: Registry, folder: Path) -> Check:
    """Write a spec and say all that is found, each as the user reads it."""

    def run(text: str | bytes, *overrides: str) -> list[str]:
        Path("spec.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return [said(finding) for finding in check_spec("spec.yaml", overrides, registry=registry)[1]]

    return run


@pytest.fixture
def load(registry: Registry, folder: Path) -> Callable[..., Spec]:
    """Write a valid spec and resolve it."""

    def run(text: str, *overrides: str) -> Spec:
        Path("spec.yaml").write_text(text)
        spec, findings = check_spec("spec.yaml", overrides, registry=registry)
        assert spec is not None, findings
        return spec

    return run


def said(finding: Finding) -> str:
    """The finding with its severity, where that is not an error."""
    return str(finding) if finding.severity == "error" else f"{finding.severity}: {finding}"

"""Each check of a modality, segmenter, recipe, head and baseline fails for one that breaks what it checks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmcare.components import (
    Absent,
    CohortWriter,
    EndpointPrognosis,
    Feature,
    Losses,
    Mask,
    Modality,
    Outcomes,
    Prepared,
    Prognosis,
    Recipe,
    Scores,
    Segmenter,
    TableBatch,
    TableLayout,
    VolumeLayout,
)
from mmcare.errors import CohortError, Finding
from mmcare.formats import Volume
from mmcare.registry import Config, ModalityConfig, SegmenterConfig, discover

from .conftest import Run

HEAD = discover().resolve("head", "dual-task")
BASELINE = discover().resolve("baseline", "cox-ph")
CONFIGS: dict[str, tuple[type[Config], dict[str, str]]] = {
    "modality": (ModalityConfig, {"gives": "table"}),
    "segmenter": (SegmenterConfig, {}),
    "recipe": (Config, {}),
    "head": (HEAD.component.config, {}),
    "baseline": (BASELINE.component.config, {}),
}
BROKEN: dict[type, tuple[str, str]] = {}


def breaks(check: str, message: str) -> Callable[[type], type]:
    def note(cls: type) -> type:
        BROKEN[cls] = (check, message)
        return cls

    return note


# Modalities


class GoodModality(Modality[ModalityConfig]):
    """A table of five columns."""

    def read(self, source: Any, patient: str) -> Absent:
        return Absent("nobody has it")

    def prepare(self, raw: Any, region: Any) -> Prepared:
        return Prepared()

    def layout(self, fitted: Any) -> Any:
        return TableLayout(features=tuple(Feature(str(n)) for n in range(5)), letters={5: "F"})

    def collate(self, items: Any, rows: Tensor, fitted: Any) -> TableBatch:
        raise NotImplementedError


@breaks("modality: the layout without data is of the kind it gives", "expected TableLayout, found VolumeLayout")
class GivesSomethingElse(GoodModality):
    def layout(self, fitted: Any) -> Any:
        return VolumeLayout(size=(2, 2, 2), spacing_mm=(1.0, 1.0, 1.0))


@breaks("modality: sizes that data decide are distinct primes, each with its letter", "stand-ins that are no primes: 6")
class NoPrime(GoodModality):
    def layout(self, fitted: Any) -> Any:
        return TableLayout(features=(), letters={6: "F"})


@breaks("modality: sizes that data decide are distinct primes, each with its letter", "a letter stands for two sizes")
class OneLetter(GoodModality):
    def layout(self, fitted: Any) -> Any:
        return TableLayout(features=(), letters={5: "F", 7: "F"})


@breaks("modality: can be sent to another process", "the config is lost on the way")
class LosesItsConfig(GoodModality):
    def __getstate__(self) -> dict[str, object]:
        return {"config": None}


# Segmenters


class GoodSegmenter(Segmenter[SegmenterConfig]):
    """Brightness, weighed."""

    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__(config)
        self.weight = nn.Parameter(torch.randn(1))

    def forward(self, volume: Tensor) -> Tensor:
        return volume / 1000 * self.weight

    def loss(self, logits: Tensor, mask: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(logits, mask)

    def locate(self, volume: Volume) -> Mask | Absent:
        return Mask(volume.values > 0, volume.affine)


LOCATES = "segmenter: the mask is bool and on the volume's grid"


@breaks(LOCATES, "mask: expected (24, 20, 16), found (23, 20, 16)")
class CutsTheGrid(GoodSegmenter):
    def locate(self, volume: Volume) -> Mask:
        return Mask(volume.values[1:] > 0, volume.affine)


@breaks(LOCATES, "mask: expected bool, found float32")
class MaskOfNumbers(GoodSegmenter):
    def locate(self, volume: Volume) -> Mask:
        return Mask((volume.values > 0).astype(np.float32), volume.affine)  # type: ignore[arg-type]


@breaks(LOCATES, "the mask's affine is not the volume's")
class LosesThePlace(GoodSegmenter):
    def locate(self, volume: Volume) -> Mask:
        return Mask(volume.values > 0, np.eye(4))


@breaks(LOCATES, "the volume itself was changed")
class ChangesTheVolume(GoodSegmenter):
    def locate(self, volume: Volume) -> Mask:
        volume.values[:] = 0
        return Mask(volume.values > -1, volume.affine)


@breaks(LOCATES, "an empty mask is given as `Absent`, with the reason")
class EmptyMask(GoodSegmenter):
    def locate(self, volume: Volume) -> Mask:
        return Mask(volume.values > 1e6, volume.affine)


@breaks(LOCATES, "an absent mask says why")
class NoReason(GoodSegmenter):
    def locate(self, volume: Volume) -> Absent:
        return Absent(" ")


@breaks("segmenter: logits (B, 1, D, H, W)", "expected (2, 1, 32, 32, 32), found (2, 32, 32, 32)")
class LosesTheChannel(GoodSegmenter):
    def forward(self, volume: Tensor) -> Tensor:
        return super().forward(volume)[:, 0]


@breaks("segmenter: batch mates change nothing in eval mode", "logits depend on batch mates")
class CentresTheBatch(GoodSegmenter):
    def forward(self, volume: Tensor) -> Tensor:
        return super().forward(volume) - volume.mean()


@breaks("segmenter: a gradient of its loss reaches every parameter", "the loss is a finite scalar")
class LossOfEachPatch(GoodSegmenter):
    def loss(self, logits: Tensor, mask: Tensor) -> Tensor:
        return (logits - mask).square().mean((1, 2, 3, 4))


@breaks("segmenter: a gradient of its loss reaches every parameter", "no gradient reaches unused")
class UnusedWeight(GoodSegmenter):
    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__(config)
        self.unused = nn.Parameter(torch.ones(1))


@breaks("segmenter: state dict loads into a new one", "Tensor-likes are not close")
class WeightApart(GoodSegmenter):
    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__(config)
        self.apart = torch.randn(1)

    def forward(self, volume: Tensor) -> Tensor:
        return super().forward(volume) + self.apart


# Recipes

REFUSED = "recipe: a folder without the published files is refused in words"


class GoodRecipe(Recipe[Config]):
    """Wants a file that is not there."""

    def make(self, source: Path, writer: CohortWriter) -> Mapping[str, Any]:
        raise CohortError(Finding(file=source / "patients.csv", what="is not there."))


@breaks(REFUSED, "an empty folder was taken for the published files")
class TakesAnything(GoodRecipe):
    def make(self, source: Path, writer: CohortWriter) -> Mapping[str, Any]:
        return {}


@breaks(REFUSED, "expected a CohortError, found FileNotFoundError")
class Stumbles(GoodRecipe):
    def make(self, source: Path, writer: CohortWriter) -> Mapping[str, Any]:
        (source / "patients.csv").read_text()
        return {}


@breaks(REFUSED, "no file is named: is not there.")
class NamesNoFile(GoodRecipe):
    def make(self, source: Path, writer: CohortWriter) -> Mapping[str, Any]:
        raise CohortError("is not there.")


@breaks(REFUSED, "written before the files were read: cohort.yaml")
class WritesFirst(GoodRecipe):
    def make(self, source: Path, writer: CohortWriter) -> Mapping[str, Any]:
        writer.dictionary("mmcare_cohort: 1")
        return super().make(source, writer)


# Heads and baselines: first-party ones, each spoilt in one place

GoodHead: Any = HEAD.load()
GoodBaseline: Any = BASELINE.load()


def first(prognosis: Prognosis, change: Callable[[EndpointPrognosis], EndpointPrognosis]) -> Prognosis:
    """The prognosis with its first endpoint changed."""
    name = next(iter(prognosis.endpoints))
    return dataclasses.replace(prognosis, endpoints={**prognosis.endpoints, name: change(prognosis.endpoints[name])})


def scaled(prognosis: Prognosis, factor: float | Tensor) -> Prognosis:
    """The prognosis with its first endpoint's figures multiplied, and no curve that they could differ from."""
    return first(prognosis, lambda e: dataclasses.replace(e, at_horizons=e.at_horizons * factor, free=None))


def risen(endpoint: EndpointPrognosis) -> EndpointPrognosis:
    assert endpoint.free is not None
    free = endpoint.free.clone()
    free[..., -1] = 1.0
    return dataclasses.replace(endpoint, free=free)


def beyond_one(endpoint: EndpointPrognosis) -> EndpointPrognosis:
    return dataclasses.replace(endpoint, at_horizons=endpoint.at_horizons + 1.0)


def one_horizon_less(endpoint: EndpointPrognosis) -> EndpointPrognosis:
    return dataclasses.replace(endpoint, at_horizons=endpoint.at_horizons[..., 1:])


def of_the_batch(endpoint: EndpointPrognosis) -> EndpointPrognosis:
    mean = endpoint.at_horizons.mean(0, keepdim=True)
    return dataclasses.replace(endpoint, at_horizons=(endpoint.at_horizons + mean) / 2)


for kind, good in {"head": GoodHead, "baseline": GoodBaseline}.items():
    figures = f"{kind}: the prognosis is finite, within [0, 1] and never rises"
    for change, said in (
        (risen, "says it is monotone, and rises"),
        (beyond_one, "probabilities within [0, 1]"),
        (one_horizon_less, "at_horizons: expected (240, 2, 3), found (240, 2, 2)"),
    ):

        def predict(self: Any, given: Any, good: Any = good, change: Any = change) -> Prognosis:
            return first(good.predict(self, given), change)

        breaks(figures, said)(type(f"{kind}_{change.__name__}", (good,), {"predict": predict}))


@breaks("head: the loss is factual", "patients of arm 0 train the scores of arm 1")
class TrainsEveryArm(GoodHead):
    def loss(self, scores: Scores, outcomes: Outcomes) -> Losses:
        losses = super().loss(scores, outcomes)
        penalty = torch.stack([values.square().sum() for values in scores.by_endpoint.values()]).sum()
        return Losses(losses.total + penalty, losses.parts)


@breaks("head: an unknown time or arm adds nothing to the loss", "a patient of unknown time or arm changes the loss")
class LearnsFromTheUnknown(GoodHead):
    def loss(self, scores: Scores, outcomes: Outcomes) -> Losses:
        losses = super().loss(scores, outcomes)
        return Losses(losses.total + next(iter(scores.by_endpoint.values()))[:2].square().sum(), losses.parts)


@breaks("head: without a patient the loss is 0", "the loss of no patient is nan")
class MeanOfNobody(GoodHead):
    def loss(self, scores: Scores, outcomes: Outcomes) -> Losses:
        losses = super().loss(scores, outcomes)
        return Losses(losses.total / len(outcomes), losses.parts)


@breaks("head: without a patient the loss is 0", "the loss of no patient keeps its graph")
class ConstantOfNobody(GoodHead):
    def loss(self, scores: Scores, outcomes: Outcomes) -> Losses:
        return super().loss(scores, outcomes) if len(outcomes) else Losses(torch.zeros(()), {})


@breaks("head: an arm without events in a batch gives a finite loss", "an arm without events makes the loss not finite")
class DividesByEvents(GoodHead):
    def loss(self, scores: Scores, outcomes: Outcomes) -> Losses:
        losses = super().loss(scores, outcomes)
        return Losses(losses.total / (outcomes.event[outcomes.arm == 0] > 0).sum(), losses.parts)


@breaks("head: a gradient reaches every parameter", "no gradient reaches unused")
class UnusedInHead(GoodHead):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.unused = nn.Parameter(torch.ones(1))


@breaks("head: risk (B, A, E) before finish", "expected (240, 2, 2), found (240, 2)")
class RiskOfOneEndpoint(GoodHead):
    def risk(self, scores: Scores) -> Tensor:
        return super().risk(scores)[..., 0]


@breaks("head: state dict loads into a new one", "Tensor-likes are not close")
class ShiftApart(GoodHead):
    def fit(self, outcomes: Outcomes) -> None:
        super().fit(outcomes)
        self.apart = 0.5

    def predict(self, scores: Scores) -> Prognosis:
        return scaled(super().predict(scores), getattr(self, "apart", 1.0))


@breaks("baseline: its own outcomes are not read at prediction", "a patient's own outcome changes the figures")
class Peeks(GoodBaseline):
    def predict(self, batch: Any) -> Prognosis:
        factor = 1.0 if batch.outcomes is None else 0.5
        return scaled(super().predict(batch), factor)


@breaks("baseline: batch mates change nothing", "figures depend on batch mates")
class LooksAtBatchMates(GoodBaseline):
    def predict(self, batch: Any) -> Prognosis:
        return first(super().predict(batch), of_the_batch)


@breaks("baseline: fits beside patients of unknown time or arm", "makes figures that are no numbers")
class SpoiltByTheUnknown(GoodBaseline):
    def fit(self, batch: Any, split: Any) -> None:
        super().fit(batch, split)
        self.mean_years = batch.outcomes.time.mean()

    def predict(self, batch: Any) -> Prognosis:
        return scaled(super().predict(batch), self.mean_years / self.mean_years)


@breaks("baseline: state goes through JSON and arrays into a new one", "the state loses something")
class ForgetsTheShrinkage(GoodBaseline):
    shrinkage = 1.0

    def fit(self, batch: Any, split: Any) -> None:
        super().fit(batch, split)
        self.shrinkage = 0.5

    def predict(self, batch: Any) -> Prognosis:
        return first(
            super().predict(batch),
            lambda e: dataclasses.replace(e, at_horizons=e.at_horizons * self.shrinkage, free=None),
        )


GOOD: dict[str, type] = {
    "modality": GoodModality,
    "segmenter": GoodSegmenter,
    "recipe": GoodRecipe,
    "head": GoodHead,
    "baseline": GoodBaseline,
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_one_passes_them_all(kind: Any, run: Run) -> None:
    config, batch = CONFIGS[kind]
    ran = run(kind, config, GOOD[kind], **batch)
    assert (ran.failed, ran.not_applicable) == ({}, {})


@pytest.mark.parametrize("cls", BROKEN, ids=lambda c: c.__name__)
def test_a_broken_one_fails_the_check_that_it_breaks(cls: type, run: Run) -> None:
    check, message = BROKEN[cls]
    kind: Any = check.partition(":")[0]
    config, batch = CONFIGS[kind]
    ran = run(kind, config, cls, only=check, **batch)
    assert check in ran.failed and message in ran.failed[check]


@pytest.mark.parametrize("kind", GOOD)
def test_every_check_can_fail(kind: Any, run: Run) -> None:
    config, batch = CONFIGS[kind]
    ids = run(kind, config, GOOD[kind], only="none", **batch).all
    own = {name for name in ids if name.startswith(f"{kind}: ")}
    assert own == {check for check, _ in BROKEN.values() if check.startswith(f"{kind}: ")}

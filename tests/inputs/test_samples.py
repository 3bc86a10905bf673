"""What a cached sample is of: the patient's files, the modality, and what the cohort says of how to read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmcare.cache import Cache
from mmcare.components import Fitted, InputLayout, Modality, ModalityBatch, Prepared, Region, Source, TableLayout
from mmcare.inputs.samples import Stage
from mmcare.registry import Component, Entry, ModalityConfig, Provider
from mmcare.spec import ResolvedPart


class Structures(Modality[ModalityConfig]):
    """Reads the structure that the cohort's entry names, of a file that holds several."""

    def files(self, source: Source, patient: str) -> tuple[Path, ...]:
        path = source.path("files", patient)
        assert path is not None
        return (path,)

    def read(self, source: Source, patient: str) -> float:
        value: float = json.loads(self.files(source, patient)[0].read_text())[source.entry["roi"]]
        return value

    def prepare(self, raw: Any, region: Region | None) -> Prepared:
        return Prepared({"volume_ml": raw}, {})

    def fit(self, source: Source, training: Any) -> Fitted:
        return Fitted({}, {})

    def layout(self, fitted: Fitted | None) -> InputLayout:
        return TableLayout(features=())

    def collate(self, items: Any, rows: Any, fitted: Fitted) -> ModalityBatch:
        raise NotImplementedError


def stage(root: Path, **entry: str) -> Stage:
    component = Component(
        kind="modality",
        name="structures",
        summary="One structure of several.",
        config=ModalityConfig,
        target=Structures,
        gives="table",
    )
    part = ResolvedPart(
        "modalities.ct", "modality", Entry(component, Provider("local", "1", "", "")), ModalityConfig.model_validate({})
    )
    source = Source(root=root, key="ct", entry=entry, columns={}, patients_file="patients.csv", id="patient_id")
    return Stage(part, source)


def test_another_structure_of_the_same_file_is_another_sample(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"GTV-1": 12.5, "Lung": 3100.0}))
    cache = Cache(tmp_path / "cache")
    for roi, volume in (("GTV-1", 12.5), ("Lung", 3100.0), ("GTV-1", 12.5)):
        found = stage(tmp_path, files="{patient}.json", roi=roi).samples(["a"], cache)
        assert found.prepared["a"].values == {"volume_ml": volume}, roi


def test_a_cohort_that_names_its_files_otherwise_shares_the_sample(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.json").write_text(json.dumps({"GTV-1": 12.5}))
        stage(tmp_path, files=f"{folder}/{{patient}}.json", roi="GTV-1").samples(["a"], cache)
    assert cache.size().entries == 1

"""A component's keys in words, and the YAML to paste."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from ruamel.yaml import YAML

from mmcare.registry import (
    Component,
    EncoderConfig,
    EncoderPart,
    HeadConfig,
    Key,
    ModalityConfig,
    Part,
    SegmenterPart,
    discover,
    fields_of,
    snippet,
)


class Everything(HeadConfig):
    endpoints: Mapping[str, Literal["cox", "discrete"]] = Field(description="Endpoints, the first leads.", min_length=1)
    size: tuple[int, int, int] = Field((64, 64, 64), description="Size in voxels.")
    rate: Annotated[float, Field(ge=0, lt=1)] | None = Field(None, description="Share of dropout.")
    hidden: tuple[Annotated[int, Field(gt=0)], ...] = Field((128,), description="Widths.")
    roi: SegmenterPart | None = Field(Part(use="mask"), description="Where to look.")
    encoder: EncoderPart = Field(description="What reads it.")
    file: Path | str = Field("on", description="A file.")
    on: bool = Field(True, description="Whether it is on.")
    lr: float = Field(1e-5, gt=0, le=1, description="Learning rate.")


def test_types_bounds_and_defaults_in_words() -> None:
    shared = [key.key for key in fields_of(Everything)][-2:]
    assert shared == ["weights", "freeze"], "what all heads share comes last"
    assert fields_of(Everything)[:-2] == (
        Key("endpoints", "a map from text to cox or discrete, 1 or more of them", None, "Endpoints, the first leads."),
        Key("size", "a list of 3, each a whole number", "[64, 64, 64]", "Size in voxels."),
        Key("rate", "a number, at least 0, below 1 or null", "null", "Share of dropout."),
        Key("hidden", "a list, each a whole number, above 0", "[128]", "Widths."),
        Key("roi", "a segmenter (`use: NAME` and its keys) or null", "{use: mask}", "Where to look."),
        Key("encoder", "an encoder (`use: NAME` and its keys)", None, "What reads it."),
        Key("file", "a path or text", "on", "A file."),
        Key("on", "true or false", "true", "Whether it is on."),
        Key("lr", "a number, above 0, at most 1", "1e-05", "Learning rate."),
    )


def test_an_alias_is_the_key() -> None:
    assert "from" in {key.key for key in fields_of(ModalityConfig)}


def test_the_snippet_is_yaml_that_says_what_the_config_says() -> None:
    class Config(EncoderConfig):
        hidden: tuple[int, ...] = Field((3, 4), description="Widths: of all layers # really.")
        name: str = Field("a: b", description="Text that needs quotes.")
        lr: float = Field(1e-5, description="Rate.")
        none: int | None = Field(None, description="Left out.")

    record = Component(kind="encoder", name="x", summary="X.", config=Config, target="a:B", takes="table")
    assert snippet(record) == (
        "modalities:\n"
        "  MODALITY:\n"
        "    encoder:\n"
        "      use: x\n"
        "      hidden: [3, 4]  # Widths: of all layers # really.\n"
        '      name: "a: b"  # Text that needs quotes.\n'
        "      lr: 1e-05  # Rate.\n"
    )
    keys = YAML(typ="safe").load(snippet(record))["modalities"]["MODALITY"]["encoder"]
    assert keys.pop("use") == "x"
    assert Config.model_validate(keys) == Config()


def test_every_installed_component_has_a_snippet_that_its_config_takes() -> None:
    for entry in discover().entries():
        keys = YAML(typ="safe").load(snippet(entry.component))
        while keys is not None and "use" not in keys:
            (keys,) = keys.values()
        given = {key for key, value in (keys or {}).items() if value is not None} - {"use"}
        config = entry.component.config
        required = {info.alias or name for name, info in config.model_fields.items() if info.is_required()}
        if not required:
            assert config.model_validate({key: keys[key] for key in given}) == config()

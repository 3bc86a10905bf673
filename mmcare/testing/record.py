"""Checks of the record of any component: config, defaults, the class behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from pydantic import BaseModel

from mmcare.components import Baseline, Encoder, Fusion, Head, Modality, Recipe, Segmenter
from mmcare.registry import Config, Entry
from mmcare.testing.not_applicable import NotApplicable

__all__ = ["default_config", "record_checks"]

_CONTRACTS: dict[str, type] = {
    "modality": Modality,
    "segmenter": Segmenter,
    "encoder": Encoder,
    "fusion": Fusion,
    "head": Head,
    "baseline": Baseline,
    "recipe": Recipe,
}


def record_checks(entry: Entry) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the checks that hold for every kind."""
    yield "config: every field has a description", partial(_described, entry)
    yield "config: survives a round trip through JSON", partial(_round_trip, entry)
    yield "class: loads and keeps its contract", partial(_contract, entry)


def default_config(entry: Entry) -> Config:
    """The config with nothing said.

    Raises:
        NotApplicable: A field has no default.
    """
    needed = [name for name, field in entry.component.config.model_fields.items() if field.is_required()]
    if needed:
        raise NotApplicable(f"the config needs {', '.join(needed)}: it has no defaults to check with")
    return entry.component.config()


def _described(entry: Entry) -> None:
    bare = [name for name, field in entry.component.config.model_fields.items() if not field.description]
    assert not bare, f"config fields without a description: {', '.join(bare)}"


def _round_trip(entry: Entry) -> None:
    config = default_config(entry)
    again = type(config).model_validate_json(config.model_dump_json(by_alias=True))
    assert again == config, f"{config!r} came back as {again!r}"


def _contract(entry: Entry) -> None:
    cls, contract = entry.load(), _CONTRACTS[entry.component.kind]
    assert issubclass(cls, contract), f"{cls.__name__} is no subclass of mmcare.components.{contract.__name__}"
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    assert not missing, f"{cls.__name__} does not implement {', '.join(missing)}"
    assert issubclass(entry.component.config, BaseModel)

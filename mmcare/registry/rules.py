"""The rules that a component's record keeps; one small function a rule."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

from pydantic import BaseModel

from mmcare.registry.component import GIVES, KINDS, Component
from mmcare.registry.config import (
    BaselineConfig,
    Config,
    EncoderConfig,
    FusionConfig,
    HeadConfig,
    ModalityConfig,
    NetworkConfig,
    SegmenterConfig,
)

__all__ = ["article", "broken_rule"]

DOCS = "docs/plugins.md"
"""The page that explains the rules."""

BASES: dict[str, type[Config]] = {
    "modality": ModalityConfig,
    "segmenter": SegmenterConfig,
    "encoder": EncoderConfig,
    "fusion": FusionConfig,
    "head": HeadConfig,
    "baseline": BaselineConfig,
    "recipe": Config,
}
RESERVED: dict[str, type[Config]] = {
    "use": Config,
    "optional": ModalityConfig,
    "from": ModalityConfig,
    "pooled": EncoderConfig,
    "weights": NetworkConfig,
    "freeze": NetworkConfig,
}
KEBAB_CASE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def broken_rule(record: Component) -> str | None:
    """The first rule that a record breaks, in a sentence; None where it keeps them all."""
    return next((said for rule in RULES if (said := rule(record)) is not None), None)


def _kind(record: Component) -> str | None:
    if record.kind not in KINDS:
        return f"its kind is {record.kind!r}; the kinds are {_listed(KINDS)}."
    return None


def _name(record: Component) -> str | None:
    if not isinstance(record.name, str) or not KEBAB_CASE.fullmatch(record.name):
        return f"its name is {record.name!r}; a name is kebab-case, such as `my-encoder`."
    return None


def _summary(record: Component) -> str | None:
    if not isinstance(record.summary, str) or not record.summary.strip() or "\n" in record.summary:
        return "its summary is not one line of text."
    return None


def _config(record: Component) -> str | None:
    base = BASES[record.kind]
    if isinstance(record.config, type) and issubclass(record.config, base):
        return None
    found = getattr(record.config, "__name__", repr(record.config))
    return f"its config `{found}` is not a pydantic model made from `mmcare.registry.{base.__name__}` (see {DOCS})."


def _reserved(record: Component) -> str | None:
    for key, base in RESERVED.items():
        if issubclass(record.config, base) and key in _own_keys(record.config):
            return f"its config declares `{key}`, a key that the framework reads itself; give it another name."
    return None


def _own_keys(config: type[Config]) -> set[str]:
    """The keys that a component's own classes declare, by field name and by alias."""
    own = [c for c in config.__mro__ if issubclass(c, BaseModel) and c not in _BASE_CLASSES]
    names = {name for c in own for name in inspect.get_annotations(c)}
    return names | {f.alias for name, f in config.model_fields.items() if name in names and f.alias}


_BASE_CLASSES = {BaseModel, Config, NetworkConfig, *BASES.values()}


def _takes(record: Component) -> str | None:
    return _batch_word("takes", record.takes, needed=record.kind == "encoder", kind="an encoder")


def _gives(record: Component) -> str | None:
    return _batch_word("gives", record.gives, needed=record.kind == "modality", kind="a modality")


def _batch_word(word: str, value: str | None, *, needed: bool, kind: str) -> str | None:
    if value is None:
        return f"{kind} must say what it {word}: {_listed(GIVES)}." if needed else None
    if value not in GIVES:
        return f"it {word} {value!r}; the kinds of batch are {_listed(GIVES)}."
    return None


def _target(record: Component) -> str | None:
    if isinstance(record.target, type) or (isinstance(record.target, str) and TARGET.fullmatch(record.target)):
        return None
    return f"its target is {record.target!r}; write `package.module:Class`."


def article(kind: str) -> str:
    """`an encoder`, `a head`."""
    return f"an {kind}" if kind == "encoder" else f"a {kind}"


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)


RULES: tuple[Callable[[Component], str | None], ...] = (
    _kind,
    _name,
    _summary,
    _config,
    _reserved,
    _takes,
    _gives,
    _target,
)

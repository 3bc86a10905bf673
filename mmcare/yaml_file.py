"""A YAML file as plain data, with the place of every key; everything that is wrong with the file in words.

YAML 1.2 by ruamel: `1e-4` is a number, `yes` is a text, a key that stands twice is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from mmcare.errors import Finding, MMCareError

__all__ = ["Key", "Place", "YamlFile", "read_yaml"]

Key = tuple[str | int, ...]
Place = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class YamlFile:
    """What a file holds: plain data, and (line, column) of each key, 1-based."""

    path: Path
    data: object
    places: Mapping[Key, tuple[int, int]]

    def place(self, key: Key) -> Place:
        """Where a key stands; for one that does not, where its nearest parent does."""
        while key and key not in self.places:
            key = key[:-1]
        return self.places.get(key, (None, None))


def read_yaml(path: Path, error: type[MMCareError]) -> YamlFile:
    """Read a file.

    Raises:
        error: The file is absent, empty, not UTF-8 or not YAML.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        what = f"is not UTF-8: byte {wrong.start} is {wrong.object[wrong.start]:#04x}."
        raise error(Finding(file=path, what=what, todo="Save it as UTF-8.", code="encoding")) from wrong
    except OSError as wrong:
        raise error(Finding(file=path, what=f"cannot be read: {wrong.strerror}.", code="unreadable")) from wrong
    try:
        loaded = YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as wrong:
        raise error(_syntax(path, wrong)) from wrong
    except YAMLError as wrong:
        raise error(Finding(file=path, what=f"is not YAML: {wrong}.", code="syntax")) from wrong
    if loaded is None:
        raise error(Finding(file=path, what="is empty.", code="empty"))
    places: dict[Key, tuple[int, int]] = {}
    return YamlFile(path, _plain(loaded, (), places), places)


def _syntax(path: Path, wrong: MarkedYAMLError) -> Finding:
    mark = wrong.problem_mark or wrong.context_mark
    place = {"line": mark.line + 1, "column": mark.column + 1} if mark is not None else {}
    return Finding(file=path, what=f"is not YAML: {wrong.problem or wrong.context}.", code="syntax", **place)


def _plain(node: object, key: Key, places: dict[Key, tuple[int, int]]) -> object:
    if isinstance(node, CommentedMap):
        for name in node:
            line, column = node.lc.key(name)
            places[*key, name] = (line + 1, column + 1)
        return {name: _plain(value, (*key, name), places) for name, value in node.items()}
    if isinstance(node, CommentedSeq):
        for index in range(len(node)):
            line, column = node.lc.item(index)
            places[*key, index] = (line + 1, column + 1)
        return [_plain(value, (*key, index), places) for index, value in enumerate(node)]
    return node

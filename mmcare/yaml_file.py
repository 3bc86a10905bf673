"""A YAML file as plain data, with the place of every key; everything that is wrong with the file in words.

YAML 1.2 as ruamel parses it: `1e-4` is a number, `yes` is a text. A key that stands twice, a merge key and a second
document are errors; depth and number of values are limited, so that no file takes the memory away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from mmcare.errors import Finding, MMCareError, cut

__all__ = ["Key", "Place", "YamlFile", "parse_value", "read_yaml"]

Key = tuple[str | int, ...]
Place = tuple[int | None, int | None]
DEEPEST = 32
MOST_VALUES = 20_000
LARGEST_BYTES = 1 << 20


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

    def value(self, key: Key) -> object:
        """What stands under a key of `places`."""
        found: Any = self.data
        for part in key:
            found = found[part]
        return found


def read_yaml(path: Path, error: type[MMCareError]) -> YamlFile:
    """Read a file.

    Raises:
        error: The file is absent, empty, not UTF-8, not YAML, or too large; the message names line and column.
    """
    reader = _Reader(path, error)
    node = _compose(_text(path, error), reader)
    if node is None:
        reader.refuse("is empty, or holds only comments.", todo="`mmcare spec new --cohort DIR` writes a first spec.")
    return YamlFile(path, reader.plain(node, ()), reader.places)  # type: ignore[arg-type]


def parse_value(text: str) -> object:
    """One value as YAML would read it: `3e-4` a number, `[a, b]` a list.

    Raises:
        ValueError: It is not YAML.
    """
    try:
        node = YAML(pure=True).compose(text)
    except YAMLError as wrong:
        raise ValueError(f"`{cut(text)}` is not a YAML value") from wrong
    return None if node is None else _Reader(Path("--set"), MMCareError).plain(node, ())


def _text(path: Path, error: type[MMCareError]) -> str:
    try:
        data = path.read_bytes()
    except OSError as wrong:
        is_folder = isinstance(wrong, IsADirectoryError)
        what = "is a folder, not a YAML file." if is_folder else f"cannot be read: {wrong.strerror}."
        raise error(Finding(file=path, what=what, todo="Name a YAML file.", code="unreadable")) from wrong
    if len(data) > LARGEST_BYTES:
        raise error(Finding(file=path, what=f"has {len(data):,} bytes; at most {LARGEST_BYTES:,} are read."))
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise error(Finding(file=path, what="is UTF-16 (byte 0).", todo="Save it as UTF-8.", code="encoding"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        what = f"is not UTF-8: byte {wrong.start} is 0x{data[wrong.start]:02x}, as in Latin-1 or Windows-1252."
        raise error(Finding(file=path, what=what, todo="Save it as UTF-8.", code="encoding")) from wrong


def _compose(text: str, reader: _Reader) -> Node | None:
    if text.startswith("%"):
        reader.refuse(f"begins with the directive `{cut(text.splitlines()[0])}`; YAML 1.2 is read, without directives.")
    try:
        node: Node | None = YAML(pure=True).compose(text)
        return node
    except MarkedYAMLError as wrong:
        reader.refuse_syntax(wrong, text)
    except ReaderError as wrong:
        reader.refuse_character(wrong, text)
    except RecursionError:
        reader.refuse("is nested too deeply to be read.")
    except YAMLError as wrong:
        reader.refuse(f"is not YAML: {cut(str(wrong))}.")


_TAGS = {"int": "tag:yaml.org,2002:int", "float": "tag:yaml.org,2002:float", "bool": "tag:yaml.org,2002:bool"}
_NULL = "tag:yaml.org,2002:null"
_OTHERS = ("str", "map", "seq", "timestamp", "value")
_KNOWN = frozenset([*_TAGS.values(), _NULL, *(f"tag:yaml.org,2002:{name}" for name in _OTHERS)])


@dataclass(slots=True)
class _Reader:
    """Turns nodes into plain data, noting where keys stand."""

    path: Path
    error: type[MMCareError]
    places: dict[Key, tuple[int, int]] = field(default_factory=dict)
    values: int = 0

    def refuse(self, what: str, todo: str = "", node: Node | None = None, key: Key = ()) -> NoReturn:
        line, column = (None, None) if node is None else (node.start_mark.line + 1, node.start_mark.column + 1)
        name = ".".join(map(str, key)) or None
        raise self.error(Finding(file=self.path, line=line, column=column, key=name, what=what, todo=todo, code="yaml"))

    def refuse_syntax(self, wrong: MarkedYAMLError, text: str) -> NoReturn:
        raise self.error(_syntax(self.path, wrong, text)) from wrong

    def refuse_character(self, wrong: ReaderError, text: str) -> NoReturn:
        before = text[: wrong.position]
        line, column = before.count("\n") + 1, wrong.position - before.rfind("\n")
        what = f"holds the character U+{ord(text[wrong.position]):04X}, which no YAML file holds."
        found = Finding(file=self.path, line=line, column=column, what=what, todo="Take it out.", code="yaml")
        raise self.error(found) from wrong

    def plain(self, node: Node, key: Key) -> object:
        self.values += 1
        if self.values > MOST_VALUES:
            self.refuse(f"holds more than {MOST_VALUES:,} values, aliases counted out.", node=node, key=key[:1])
        if len(key) > DEEPEST:
            self.refuse(f"is nested more than {DEEPEST} levels deep.", node=node, key=key[:1])
        if str(node.tag) not in _KNOWN:
            self.refuse(f"has the tag `{cut(str(node.tag))}`; only plain values are read.", "Take it out.", node, key)
        if isinstance(node, MappingNode):
            return self._mapping(node, key)
        if isinstance(node, SequenceNode):
            return [self._item(item, (*key, index)) for index, item in enumerate(node.value)]
        try:
            return _scalar(node)
        except ValueError:  # Python reads no number of thousands of digits
            self.refuse(f"`{cut(node.value)}` is no number that can be read.", node=node, key=key)

    def _item(self, node: Node, key: Key) -> object:
        self.places[key] = (node.start_mark.line + 1, node.start_mark.column + 1)
        return self.plain(node, key)

    def _mapping(self, node: MappingNode, key: Key) -> dict[object, object]:
        found: dict[object, object] = {}
        lines: dict[object, int] = {}
        for name_node, value in node.value:
            name, line = self._name(name_node, key), name_node.start_mark.line + 1
            if name in lines:
                where = f"in lines {lines[name]} and {line}" if lines[name] != line else f"in line {line}"
                what = f"the key stands twice, {where}."
                self.refuse(what, todo="Keep one of them.", node=name_node, key=(*key, str(name)))
            lines[name] = line
            self.places[*key, name] = (line, name_node.start_mark.column + 1)
            found[name] = self.plain(value, (*key, name))
        return found

    def _name(self, node: Node, key: Key) -> str | int:
        """A key as plain data; merge keys, and what only looks like a text, are refused."""
        name = _scalar(node) if isinstance(node, ScalarNode) else None
        if name == "<<":
            todo = "Write the values out, or take them from a file with `extends`."
            self.refuse("merge keys (`<<`) are not read.", todo=todo, node=node, key=key)
        if isinstance(name, bool):
            self.refuse(f"the key `{node.value}` is a truth value.", "Put it in quotes.", node, key)
        if not isinstance(name, str | int):
            self.refuse("a key is a text.", todo="Put it in quotes.", node=node, key=key)
        if isinstance(name, str) and "\u00a0" in name:
            what = "a no-break space (U+00A0) stands in the indentation or the key."
            self.refuse(what, "Replace it by a space.", node, key)
        return name


def _scalar(node: Node) -> object:
    text = node.value
    tag = str(node.tag)
    if tag == _NULL:
        return None
    if tag == _TAGS["bool"]:
        return text.lower() == "true"
    if tag == _TAGS["int"]:
        return int(text.replace("_", ""), 0) if text[:2] in ("0x", "0o", "0b") else int(text.replace("_", ""))
    if tag == _TAGS["float"]:
        return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _syntax(path: Path, wrong: MarkedYAMLError, text: str) -> Finding:
    problem = wrong.problem or wrong.context or "it cannot be read"
    mark = wrong.problem_mark or wrong.context_mark
    odd = _odd_indentation(text)
    if odd is not None:
        return Finding(file=path, line=odd[0], column=1, what=odd[1], todo="Indent with spaces.", code="yaml")
    if "single document" in f"{wrong.context} {problem}" and mark is not None:
        first = wrong.context_mark.line + 1 if wrong.context_mark is not None else 1
        what = f"holds two documents, from lines {first} and {mark.line + 1}; one spec a file."
        return Finding(file=path, line=mark.line + 1, column=1, what=what, todo="Split it into two files.", code="yaml")
    if "flow" in (wrong.context or "") and wrong.context_mark is not None:
        bracket, end = wrong.context_mark, f" (noticed in line {mark.line + 1})" if mark is not None else ""
        what = f"the bracket that opens here is not closed{end}."
        place = {"line": bracket.line + 1, "column": bracket.column + 1}
        return Finding(file=path, what=what, todo="Close it.", code="yaml", **place)
    place = {"line": mark.line + 1, "column": mark.column + 1} if mark is not None else {}
    if "'\\t'" in problem:
        what = "a tab stands here, where only spaces can."
        return Finding(file=path, what=what, todo="Replace it by a space.", code="yaml", **place)
    return Finding(file=path, what=f"is not YAML: {cut(problem)}.", code="yaml", **place)


def _odd_indentation(text: str) -> tuple[int, str] | None:
    for number, line in enumerate(text.splitlines(), 1):
        indentation = line[: len(line) - len(line.lstrip())]
        if "\t" in indentation:
            return number, "a tab stands in the indentation."
        if "\u00a0" in indentation:
            return number, "a no-break space (U+00A0) stands in the indentation."
    return None

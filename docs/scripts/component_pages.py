"""A page for every component that the project's own distributions offer, from its record, config and docstring."""

from __future__ import annotations

import ast
import importlib.util
from collections import Counter
from pathlib import Path

from keys import key_list

from mmcare.registry import KINDS, Config, Entry, discover, fields_of, snippet
from mmcare.registry.known import CORE, KNOWN

OF_KIND = {
    "modality": "how one kind of input is found, read, prepared and batched",
    "segmenter": "finds the tumour in a volume",
    "encoder": "turns one modality into a set of tokens",
    "fusion": "makes one representation of the tokens of all modalities",
    "head": "turns the representation into a prognosis under every arm",
    "baseline": "a classical model in place of a network",
    "recipe": "makes a cohort folder from published files",
}
_LEFT_OUT = ("Args:", "Raises:", "Returns:")


def component_pages() -> dict[str, str]:
    """`components/index.md` and a page a component."""
    entries = _entries()
    pages = {page_name(entry): _page(entry) for entry in entries}
    return {"components/index.md": _index(entries), **pages}


def navigation() -> str:
    """A line of `mkdocs.yml` a component; the kind where two have one name."""
    names = Counter(entry.component.name for entry in _entries())
    lines = []
    for entry in _entries():
        kind, name = entry.component.kind, entry.component.name
        title = name if names[name] == 1 else f"{name} ({kind})"
        lines.append(f"      - {title}: {page_name(entry)}\n")
    return "".join(lines)


def _entries() -> list[Entry]:
    return [entry for entry in discover().entries() if entry.provider.distribution in KNOWN]


def page_name(entry: Entry) -> str:
    """`components/encoder-mlp.md`."""
    return f"components/{entry.component.kind}-{entry.component.name}.md"


def _index(entries: list[Entry]) -> str:
    lines = [
        "# Components",
        "",
        "What a `use:` in a spec can name, of MM-Care's own distributions. `mmcare plugin list` lists what is",
        "installed, `mmcare plugin show NAME` prints what these pages say.",
    ]
    for kind in KINDS:
        lines += ["", f"## {kind}", "", f"{_sentence(OF_KIND[kind])}", ""]
        for entry in entries:
            if entry.component.kind == kind:
                link = Path(page_name(entry)).name
                lines.append(f"- [`{entry.component.name}`]({link}): {entry.component.summary}")
    return "\n".join(lines) + "\n"


def _page(entry: Entry) -> str:
    component = entry.component
    own, shared = _keys(component.config)
    parts = [
        f"# {component.name}",
        f"{component.summary}",
        _facts(entry),
        *_docstring(component.target),
        "## Keys",
        key_list(component.config, only=own) if own else "None of its own.",
    ]
    if shared:
        parts += [f"## Keys of every {component.kind}", key_list(component.config, only=shared)]
    heading = "## As a command" if component.kind == "recipe" else "## In a spec"
    parts += [heading, f"```yaml\n{snippet(component)}```"]
    return "\n\n".join(parts) + "\n"


def _facts(entry: Entry) -> str:
    component, distribution = entry.component, entry.provider.distribution
    where = "the core, `mmcare`" if distribution == CORE else f"`{distribution}`"
    kind = component.kind
    facts = [f"{'An' if kind == 'encoder' else 'A'} {kind} of {where}; in full `{entry.qualified}`."]
    facts += [f"Takes `{component.takes}`."] if component.takes else []
    facts += [f"Gives `{component.gives}`."] if component.gives else []
    return " ".join(facts)


def _keys(config: type[Config]) -> tuple[list[str], list[str]]:
    """The component's own keys, and those that the framework gives to all of the kind."""
    shared = {
        field.alias or name
        for base in config.__mro__[1:]
        if issubclass(base, Config) and base.__module__ == Config.__module__
        for name, field in base.model_fields.items()
    }
    keys = [key.key for key in fields_of(config)]
    return [key for key in keys if key not in shared], [key for key in keys if key in shared]


def _docstring(target: object) -> list[str]:
    """The paragraphs of the class's docstring that speak to a user; read, not imported: classes are heavy."""
    module, _, name = str(target).partition(":")
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None, target
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    (found,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    paragraphs = (ast.get_docstring(found) or "").split("\n\n")
    return [" ".join(p.split()) for p in paragraphs if not p.startswith(_LEFT_OUT)]


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."

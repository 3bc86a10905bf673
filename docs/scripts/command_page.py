"""The page of all verbs, from the commands that `mmcare` runs."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin, get_type_hints

from mmcare.cli.main import EXAMPLE, load_verb
from mmcare.cli.verbs import GROUPS, VERBS, Verb

INTRO = """\
# Command line

What `mmcare VERB --help` says, on one page. Three options belong to `mmcare` itself: `--version`, `--traceback` (show
where a known error was raised; also after a verb) and `--install-completion`.

A verb ends with 0 where all is well; with 1 where it says no (a check that failed) or is at fault itself; with 2 where
the input can be mended, and says how; with 130 after Ctrl-C.
"""
_LEFT_OUT = {"help", "traceback"}


def command_page() -> str:
    """Every verb: what it does, its arguments and options, an example."""
    sections = [INTRO]
    for verb in VERBS:
        sections.append(_section(verb))
    return "\n".join(sections)


def _section(verb: Verb) -> str:
    name = f"{verb.group} {verb.name}".strip()
    function = _function(verb)
    text, _, example = (inspect.getdoc(function) or "").partition(EXAMPLE)
    words = _choices(function)
    bullets = [_bullet(p, words.get(p.name, "")) for p in load_verb(verb).params if p.name not in _LEFT_OUT]
    parts = [*_group_heading(verb), f"{'###' if verb.group else '##'} mmcare {name}"]
    parts += [" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n")]
    parts.append("```text\n" + "\n".join(line.strip() for line in example.strip().splitlines()) + "\n```")
    if bullets:
        parts.append("\n".join(bullets))
    return "\n\n".join(parts) + "\n"


def _group_heading(verb: Verb) -> list[str]:
    """Before the first verb of a group."""
    first = next(v for v in VERBS if v.group == verb.group)
    return [f"## mmcare {verb.group}", GROUPS[verb.group]] if verb.group and verb is first else []


def _function(verb: Verb) -> Callable[..., object]:
    module, _, name = verb.target.partition(":")
    found: Callable[..., object] = getattr(importlib.import_module(module), name)
    return found


def _choices(function: Callable[..., object]) -> dict[str, str]:
    """`table|csv|json` by parameter, of those that take one of some words; read from the signature, which is ours."""
    hints = get_type_hints(function)
    return {name: "|".join(get_args(hint)) for name, hint in hints.items() if get_origin(hint) is Literal}


def _bullet(parameter: Any, choices: str) -> str:  # an argument or option of the command
    required = " (required)" if parameter.required else ""
    text = " ".join((parameter.help or "").split())
    return f"- `{_written(parameter, choices)}`{required}: {text}{_default(parameter)}"


def _written(parameter: Any, choices: str) -> str:
    """As one writes it: `SPEC`, `--json`, `--format table|csv|json`."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    name = max(parameter.opts, key=len)
    if parameter.is_flag:
        return "/".join([name, *parameter.secondary_opts])
    return f"{name} {choices or parameter.metavar or 'TEXT'}"


def _default(parameter: Any) -> str:
    if parameter.default in (None, False, ()) or callable(parameter.default) or parameter.required:
        return ""
    if parameter.default is True:
        return f" By default `{max(parameter.opts, key=len)}`."
    return f" By default `{getattr(parameter.default, 'value', parameter.default)}`."

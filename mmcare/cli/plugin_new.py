"""`mmcare plugin new`: a small working distribution to start from."""

from __future__ import annotations

import shlex
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from mmcare.cli.complete import complete_kind

__all__ = ["new"]

PLAIN = "test.py.txt"
"""The test of the kinds whose contract the kit checks whole."""


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The component's name in a spec, kebab-case.")],
    *,
    kind: Annotated[
        str,
        typer.Option(
            "--kind", metavar="KIND", help="What it is, such as `encoder` or `head`.", autocompletion=complete_kind
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to; by default ./mmcare-plugin-NAME.")
    ] = None,
) -> None:
    """Write a plugin: a distribution with one small component that works, and its test.

    The component is a real one of its kind; its test runs the checks that every component must pass. Change it step
    by step into yours.

    Example:

        mmcare plugin new my-mean --kind encoder
    """
    _check(name, kind)
    folder = out or Path(f"mmcare-plugin-{name}")
    _write(folder, name, kind)
    print(f"{folder}: the {kind} `{name}`, ready to be installed. Next:")
    where = shlex.quote(str(folder))
    print(f"  pip install --editable {where}\n  pytest {where}\n  mmcare plugin check {name}")


def _check(name: str, kind: str) -> None:
    """The rules of the registry, before anything is written."""
    from mmcare.cli.plugin_list import check_kind
    from mmcare.errors import Finding, PluginError
    from mmcare.registry.known import known_distribution
    from mmcare.registry.rules import KEBAB_CASE

    check_kind(kind)
    if not KEBAB_CASE.fullmatch(name):
        what = f"{name!r} is no name of a component; a name is kebab-case, such as `my-{kind}`."
        raise PluginError(Finding(what=what, todo="Choose another name."))
    if (owner := known_distribution(kind, name)) is not None:
        raise PluginError(Finding(what=f"the {kind} `{name}` belongs to {owner}.", todo="Choose another name."))


def _write(folder: Path, name: str, kind: str) -> None:
    from mmcare.formats.atomic import new_folder, write_text

    names = _names(name, kind)
    with new_folder(folder) as beside:
        for path, template in _files(kind, names["package"]).items():
            write_text(beside / path, Template(template).substitute(names))


def _names(name: str, kind: str) -> dict[str, str]:
    """What the templates call the parts."""
    return {
        "name": name,
        "kind": kind,
        "distribution": f"mmcare-plugin-{name}",
        "package": f"mmcare_{name.replace('-', '_')}",
        "Class": "".join(word.capitalize() for word in name.split("-")),
        "version": ".".join(version("mmcare").split(".")[:2]),
    }


def _files(kind: str, package: str) -> dict[str, str]:
    """Path in the new folder, and template."""
    templates = files("mmcare.cli") / "templates"
    of_kind = templates / kind
    test = of_kind / PLAIN if (of_kind / PLAIN).is_file() else templates / PLAIN
    found = {
        "pyproject.toml": templates / "pyproject.toml.txt",
        "README.md": templates / "README.md.txt",
        f"{package}/__init__.py": templates / "package.py.txt",
        f"{package}/plugin.py": of_kind / "plugin.py.txt",
        f"{package}/component.py": of_kind / "component.py.txt",
        "tests/test_component.py": test,
    }
    return {path: template.read_text(encoding="utf-8") for path, template in found.items()} | {
        f"{package}/py.typed": ""
    }

"""`mmcare plugin check`: a component against its contract."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mmcare.cli.complete import complete_component
from mmcare.cli.options import PluginFiles

if TYPE_CHECKING:
    from mmcare.registry import Entry

__all__ = ["check"]

Verdict = Literal["passed", "failed", "did not apply"]


def check(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE",
            help="A component, a distribution, or a single-file plugin (`.py`).",
            autocompletion=complete_component,
        ),
    ],
    *,
    plugin: PluginFiles = None,
) -> None:
    """Run the checks that every component must pass, and say how many passed, failed and did not apply.

    Ends with exit code 1 where one failed. The same checks run in a plugin's own tests by
    `mmcare.testing.parametrize_with_checks`.

    Example:

        mmcare plugin check precomputed
    """
    counts: Counter[Verdict] = Counter()
    for entry in _entries(name, plugin or []):
        print(f"{entry.component.kind} {entry.qualified}")
        counts += _check_component(entry)
    total = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ("passed", "failed", "did not apply"))
    print(f"{counts.total()} checks: {total}.")
    if counts["failed"]:
        raise typer.Exit(1)


def _entries(name: str, plugin_files: list[Path]) -> tuple[Entry, ...]:
    from mmcare.errors import Finding, PluginError
    from mmcare.registry import discover, load_local

    if name.endswith(".py"):
        file = load_local(Path(name))
        registry = discover([*plugin_files, file])
        return tuple(entry for entry in registry.entries() if entry.provider == file.provider)
    if os.sep in name and Path(name).is_dir():
        todo = "Install it (`pip install --editable DIR`), then check it by its name."
        raise PluginError(Finding(file=name, what="is a folder, not a component or a distribution.", todo=todo))
    registry = discover(plugin_files)
    of_distribution = tuple(e for e in registry.entries() if e.provider.distribution == name)
    return of_distribution or registry.named(name)


def _check_component(entry: Entry) -> Counter[Verdict]:
    from mmcare.testing import component_checks

    counts: Counter[Verdict] = Counter()
    for identity, run in component_checks(entry):
        verdict, why = _outcome(run)
        counts[verdict] += 1
        print(f"  {verdict:<13}  {identity}{f': {why}' if why else ''}")
    return counts


def _outcome(run: Callable[[], None]) -> tuple[Verdict, str]:
    from mmcare.cli.show import printable
    from mmcare.testing import NotApplicable

    try:
        run()
    except NotApplicable as reason:
        return "did not apply", printable(str(reason))
    except Exception as error:  # whatever a component raises in a check is that check's result
        said = str(error) if isinstance(error, AssertionError) and str(error) else f"{type(error).__name__}: {error}"
        return "failed", printable(said.strip().splitlines()[0])
    return "passed", ""

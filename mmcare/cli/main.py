"""The entry of the command line, and the one place where an error becomes words and an exit code."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mmcare.cli.verbs import GROUPS, VERBS, Verb
from mmcare.errors import Finding, Interrupted, MMCareError

__all__ = ["EXAMPLE", "command", "load_verb", "main"]

KNOWN_ERROR = 2
UNKNOWN_ERROR = 1
INTERRUPTED = 130
EXAMPLE = "Example:"
TRACEBACK = "traceback"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What follows `mmcare`; by default what the process was started with.

    Returns:
        0, all well; 1, the verb says no, or a fault of mmcare's own; 2, an error that the user can mend; 130, Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    _prepare_streams()
    try:
        return _flushed(_run(arguments))
    except BrokenPipeError:
        _forget_stdout()
        return UNKNOWN_ERROR


def _run(arguments: Sequence[str]) -> int:
    try:
        command().main(list(arguments), prog_name="mmcare")
    except SystemExit as end:
        return _exit_code(end)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except MMCareError as error:
        _show(error, with_traceback=f"--{TRACEBACK}" in arguments)
        return INTERRUPTED if isinstance(error, Interrupted) else KNOWN_ERROR
    except PermissionError as error:  # any file can be closed to this user, wherever it is looked for
        _show(_denied(error), with_traceback=f"--{TRACEBACK}" in arguments)
        return KNOWN_ERROR
    except Exception:  # the last line of defence: nothing is hidden, and the exit code is ours
        _ask_for_report()
        return UNKNOWN_ERROR
    return 0


def _exit_code(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return UNKNOWN_ERROR


def _show(error: MMCareError, *, with_traceback: bool) -> None:
    from mmcare.cli.show import show_findings

    if with_traceback:
        importlib.import_module("traceback").print_exception(error)
    show_findings(error.findings)


def _denied(error: PermissionError) -> MMCareError:
    what = f"cannot be looked at or written: {error.strerror or 'permission denied'}."
    todo = "Ask for the right to it, or name another place."
    denied = MMCareError(Finding(file=error.filename, what=what, todo=todo, code="permission"))
    denied.__cause__ = error
    return denied


def _ask_for_report() -> None:
    importlib.import_module("traceback").print_exc()
    print(
        "\nThis is a fault of mmcare or of a plugin, not of your input.\n"
        "Please report it, with the lines above and what `mmcare doctor` prints.",
        file=sys.stderr,
    )


def _prepare_streams() -> None:
    """A character that the terminal cannot show must not end the program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _flushed(code: int) -> int:
    """Flush here, where a closed pipe can still be met in silence."""
    sys.stdout.flush()
    return code


def _forget_stdout() -> None:
    """Nobody reads any more: what is left in the buffer goes nowhere when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def command() -> TyperGroup:
    """The whole command line, with a light stand-in for every verb."""
    app = _group("Prognosis and treatment decision support in early-stage lung cancer, assembled from plugins.")
    app.callback()(_root)
    for group, summary in GROUPS.items():
        verbs = _group(summary)
        _add(verbs, group)
        app.add_typer(verbs, name=group)
    _add(app, "")
    found = typer.main.get_command(app)
    assert isinstance(found, TyperGroup)
    return found


def _group(summary: str) -> typer.Typer:
    return typer.Typer(
        cls=VerbGroup,
        help=summary,
        no_args_is_help=True,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _add(app: typer.Typer, group: str) -> None:
    for verb in VERBS:
        if verb.group == group:
            app.command(verb.name, help=verb.summary)(_stand_in)


def _stand_in() -> None:
    """Stands in lists for a verb that is not imported yet."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"mmcare {version('mmcare')}")
        raise typer.Exit


def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit.")
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", expose_value=False, help="Show where a known error was raised.")
    ] = False,
) -> None:
    """The options of `mmcare` itself: `--version` acts in its callback, `--traceback` is read by `main`."""


class VerbGroup(TyperGroup):
    """Commands whose modules are imported when they are used."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, stand_in, rest = super().resolve_command(ctx, args)
        group = self.name if ctx.parent is not None else ""
        verb = next((v for v in VERBS if (v.group, v.name) == (group, name)), None)
        if verb is None:
            return name, stand_in, rest
        loaded = load_verb(verb)
        if not any(p.name == TRACEBACK for p in loaded.params):
            loaded.params += [p for p in ctx.find_root().command.params if p.name == TRACEBACK]
        return name, loaded, rest


def load_verb(verb: Verb) -> TyperCommand:
    """Import a verb's module and make its command."""
    module, _, name = verb.target.partition(":")
    function: Callable[..., object] = getattr(importlib.import_module(module), name)
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command(verb.name, help=_help_text(function))(function)
    loaded = typer.main.get_command(app)
    assert isinstance(loaded, TyperCommand)
    return loaded


def _help_text(function: Callable[..., object]) -> str:
    """A function's docstring for `--help`: brackets are text, and the lines of the example stay as they are."""
    from rich.markup import escape

    text, found, example = escape(inspect.getdoc(function) or "").partition(EXAMPLE)
    if not found:
        return text
    commands = "\n".join(f"  {line.strip()}" for line in example.strip().splitlines())
    return f"{text.rstrip()}\n\n\b\n{EXAMPLE}\n{commands}"


if __name__ == "__main__":
    sys.exit(main())

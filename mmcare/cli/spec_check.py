"""`mmcare spec check`: all that is wrong with a spec, in one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mmcare.cli.options import Overrides, PluginFiles
from mmcare.errors import Finding, Severity

if TYPE_CHECKING:
    from mmcare.spec import Spec

__all__ = ["check"]

KNOWN_ERROR = 2
Format = Literal["text", "json", "github"]
Escapes = tuple[tuple[str, str], ...]

_GITHUB_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_IN_MESSAGE: Escapes = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
_IN_PROPERTY: Escapes = (*_IN_MESSAGE, (":", "%3A"), (",", "%2C"))


def check(
    file: Annotated[Path, typer.Argument(help="The spec.")],
    *,
    cohort: Annotated[
        Path | None, typer.Option("--cohort", metavar="DIR", help="A cohort that the spec should fit.")
    ] = None,
    set_: Overrides = None,
    plugin: PluginFiles = None,
    format_: Annotated[
        Format, typer.Option("--format", help="Words, JSON, or annotations for a GitHub workflow.")
    ] = "text",
) -> None:
    """Say all that is wrong with a spec, each with its place in the file; nothing is trained, no code of it is run.

    With --cohort also whether that cohort has what the spec asks for. Ends with 0 where nothing is wrong or there are
    only warnings, with 2 where there are errors.

    Example:

        mmcare spec check examples/mm-care.yaml
        mmcare spec check examples/mm-care.yaml --set fusion.use=concat --format json
    """
    from mmcare.spec import check_spec

    spec, findings = check_spec(file, set_ or (), plugins=plugin or ())
    if cohort is not None:
        findings = [*findings, *_with_cohort(spec, cohort)]
    _print(file, spec, findings, format_)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise typer.Exit(KNOWN_ERROR)


def _with_cohort(spec: Spec | None, folder: Path) -> list[Finding]:
    """What is wrong with the cohort, and between it and a spec that can be resolved; loads torch."""
    from mmcare.cohort import check_cohort
    from mmcare.workflow.cohort_match import check_match

    cohort, findings = check_cohort(folder)
    if spec is None or cohort is None:
        return findings
    return [*findings, *check_match(spec, cohort)]


def _print(file: Path, spec: Spec | None, findings: Sequence[Finding], format_: Format) -> None:
    import json
    import sys

    from mmcare.cli.show import show_findings

    if format_ == "json":
        print(json.dumps([_fields(finding) for finding in findings], indent=2, ensure_ascii=False))
    elif format_ == "github":
        print("".join(f"{_annotation(finding)}\n" for finding in findings), end="")
    else:
        show_findings(findings, sys.stdout)
        print(f"{file}: {_summary(spec, findings)}")


def _summary(spec: Spec | None, findings: Sequence[Finding]) -> str:
    counts = Counter(finding.severity for finding in findings)
    said = [f"{n} {severity}{'s' if n > 1 else ''}" for severity in Severity if (n := counts[severity])]
    of = f" ({spec.kind} `{spec.name}`)" if spec is not None else ""
    return f"{', '.join(said) or 'nothing is wrong'}{of}."


def _fields(finding: Finding) -> dict[str, str | int | None]:
    from dataclasses import asdict

    fields = asdict(finding).items()
    return {name: value if value is None or isinstance(value, int) else str(value) for name, value in fields}


def _annotation(finding: Finding) -> str:
    """A finding as a workflow command (docs.github.com, "Workflow commands for GitHub Actions")."""
    place = {"file": finding.file, "line": finding.line, "col": finding.column, "title": finding.key}
    if not isinstance(finding.file, Path):  # of the command line, not of a file
        place = {"title": finding.key}
    known = {name: _escaped(str(value), _IN_PROPERTY) for name, value in place.items() if value is not None}
    properties = ",".join(f"{name}={value}" for name, value in known.items())
    message = _escaped(f"{finding.what} {finding.todo}".rstrip(), _IN_MESSAGE)
    return f"::{_GITHUB_LEVEL[finding.severity]}{f' {properties}' if properties else ''}::{message}"


def _escaped(text: str, escapes: Escapes) -> str:
    for character, escape in escapes:
        text = text.replace(character, escape)
    return text

"""`mmcare doctor`: what this installation has, and what may go wrong with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import typer

from mmcare.cli.options import AsJson
from mmcare.errors import Finding, Severity

if TYPE_CHECKING:
    from mmcare.cli.environment import CacheState

__all__ = ["Diagnosis", "doctor"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found: facts by name, and findings."""

    versions: dict[str, str] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    plugins: dict[str, str] = field(default_factory=dict)
    cache: CacheState | None = None
    findings: tuple[Finding, ...] = ()


def doctor(*, json: AsJson = False) -> None:
    """Look at this installation: versions, devices, plugins, requirements that are not met, and the cache.

    Ends with exit code 1 where something is broken.

    Example:

        mmcare doctor
        mmcare doctor --json
    """
    diagnosis = _diagnose()
    if json:
        _print_json(diagnosis)
    else:
        _print_text(diagnosis)
    if any(finding.severity is Severity.ERROR for finding in diagnosis.findings):
        raise typer.Exit(1)


def _diagnose() -> Diagnosis:
    from mmcare.cli import environment

    devices, device_findings = environment.devices()
    plugins, plugin_findings = environment.plugins()
    cache, cache_findings = environment.cache()
    return Diagnosis(
        versions=environment.versions(),
        devices=devices,
        plugins=plugins,
        cache=cache,
        findings=(*device_findings, *plugin_findings, *environment.unmet_requirements(), *cache_findings),
    )


def _print_json(diagnosis: Diagnosis) -> None:
    import json

    print(json.dumps(asdict(diagnosis), indent=2, default=str))


def _print_text(diagnosis: Diagnosis) -> None:
    import sys

    from mmcare.cli.show import show_findings

    for name, version in diagnosis.versions.items():
        print(f"{name:<28} {version}")
    for device in diagnosis.devices:
        print(f"{'device':<28} {device}")
    for name, state in diagnosis.plugins.items():
        print(f"{name:<28} {state}")
    if diagnosis.cache is not None:
        print(f"{'cache':<28} {diagnosis.cache.folder} ({diagnosis.cache.bytes / 1e6:,.1f} MB)")
    print("Nothing is wrong." if not diagnosis.findings else "")
    show_findings(diagnosis.findings, sys.stdout)

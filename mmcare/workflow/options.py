"""How a run is made, beyond what its spec says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mmcare.cache import Cache
from mmcare.errors import Finding
from mmcare.inputs import Progress

__all__ = ["Options"]

log = logging.getLogger("mmcare.workflow")


def _log_findings(findings: Iterable[Finding]) -> None:
    for finding in findings:
        log.warning("%s", finding)


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is made, beyond what the spec says.

    Attributes:
        out: The run folder; by default the next free `runs/NAME-0001`.
        reference: Whether training patients' inputs and outcomes are kept for explanations.
        members: Networks of an ensemble, alike but for their seeds.
        tell: Where lines of progress go.
        tell_findings: Where warnings and notes go.
        progress: Told how far the reading is.
        epoch_progress: Told how far an epoch is; None where a line an epoch is enough.
        cache: Where prepared samples are kept.
    """

    out: Path | None = None
    reference: bool = True
    members: int = 1
    tell: Callable[[str], None] = log.info
    tell_findings: Callable[[Iterable[Finding]], None] = _log_findings
    progress: Progress | None = None
    epoch_progress: Progress | None = None
    cache: Cache = field(default_factory=Cache)

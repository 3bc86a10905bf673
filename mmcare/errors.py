"""The errors that MM-Care raises on purpose, and the finding: one thing wrong, where it is and what to do.

A known error is made of findings, so that the command line, the report and a test read the same facts.
Wording: where - what was found - what is allowed - what to do; one sentence each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Self

__all__ = [
    "CohortError",
    "Finding",
    "Interrupted",
    "MMCareError",
    "PluginError",
    "RunError",
    "Severity",
    "SpecError",
    "cut",
]

LONGEST_VALUE = 80


class Severity(StrEnum):
    """How bad a finding is: an error stops, a warning is shown, a note only informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found: where, what, and what to do about it.

    Attributes:
        what: What was found and what is allowed, in one or two sentences; holds the value, cut by `cut`.
        todo: What the reader should do, an imperative sentence; empty where nothing is to be done.
        severity: Whether it stops.
        file: The file, as the user named it.
        line: 1-based line of a text file (for a table: of the row in the file, the header being line 1).
        column: 1-based character column within that line.
        key: Key path of a spec (`fusion.heads`), column of a table, or element of an image file.
        patient: Patient id.
        modality: Modality of the cohort or spec.
        code: Stable kebab-case name of the kind of finding, for programs (`duplicate-patient`).
        value: The value that was found, cut by `cut`; of several the first. None where it is no single value.
    """

    what: str
    todo: str = ""
    severity: Severity = Severity.ERROR
    file: str | Path | None = None
    line: int | None = None
    column: int | None = None
    key: str | None = None
    patient: str | None = None
    modality: str | None = None
    code: str = ""
    value: str | None = None

    def where(self) -> str:
        """The place in one phrase: `cohort.yaml:12:3, patient P7, fusion.heads`; empty where none is known."""
        numbers = [str(n) for n in (self.line, self.column) if n is not None]
        place = ":".join([str(self.file), *numbers]) if self.file is not None else ""
        patient = f"patient {self.patient}" if self.patient is not None else ""
        modality = f"modality {self.modality}" if self.modality is not None else ""
        return ", ".join(part for part in (place, patient, modality, self.key or "") if part)

    def __str__(self) -> str:
        where = self.where()
        text = f"{where}: {self.what}" if where else self.what
        return f"{text} {self.todo}".rstrip()

    def at(self, **where: object) -> Self:
        """The same finding with its place filled in or changed (`file=`, `line=`, `patient=`, …)."""
        return replace(self, **where)  # type: ignore[arg-type]


class MMCareError(Exception):
    """A known error: something the user can mend. Holds findings; shown without a traceback.

    Args:
        findings: One sentence, one finding, or all the findings of one pass.
    """

    def __init__(self, findings: str | Finding | Iterable[Finding]) -> None:
        if isinstance(findings, str):
            findings = Finding(what=findings)
        self.findings: tuple[Finding, ...] = (findings,) if isinstance(findings, Finding) else tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class SpecError(MMCareError):
    """A spec that cannot be read, resolved or built."""


class PluginError(MMCareError):
    """A plugin that is missing, broken, of another API version, or breaks its contract."""


class CohortError(MMCareError):
    """A cohort, or one file of it, that cannot be used."""


class RunError(MMCareError):
    """A run folder, or a run under way, that cannot go on."""


class Interrupted(RunError):  # noqa: N818 -- nothing failed
    """A run that was stopped from outside (Ctrl-C); says what is kept and how to go on."""


def cut(value: object, longest: int = LONGEST_VALUE) -> str:
    """`value` as text fit for a message: on one line, never longer than `longest` characters."""
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text[: 4 * longest].split())
    return text if len(text) <= longest else text[: longest - 1] + "…"

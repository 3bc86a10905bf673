"""From a cohort folder to a `Cohort`: every finding of one pass, none raised before the others are known."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mmcare.cohort.availability import check_availability
from mmcare.cohort.cohort import Cohort
from mmcare.cohort.dictionary import Dictionary, TableEntry
from mmcare.cohort.drafting.guess import TODO
from mmcare.cohort.id_checks import check_ids
from mmcare.cohort.identifiers import check_identifiers
from mmcare.cohort.missingness import check_missingness
from mmcare.cohort.outcome_checks import check_arms, check_endpoints
from mmcare.cohort.plausibility import check_numbers
from mmcare.cohort.spellings import check_spellings
from mmcare.errors import CohortError, Finding, Severity, cut
from mmcare.formats import Table, read_patients_table
from mmcare.formats.patients_table import SUFFIXES
from mmcare.yaml_file import YamlFile, read_yaml

__all__ = ["check_cohort", "read_cohort"]

DICTIONARY = "cohort.yaml"


def read_cohort(path: str | Path) -> Cohort:
    """The cohort in a folder.

    Raises:
        CohortError: All errors of its dictionary and table; warnings are left to `check_cohort`.
    """
    cohort, findings = _read(Path(path))
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors or cohort is None:
        raise CohortError(errors)
    return cohort


def check_cohort(path: str | Path) -> tuple[Cohort | None, list[Finding]]:
    """The cohort, where it can be read, and everything found on the way."""
    cohort, findings = _read(Path(path))
    if cohort is not None and not any(finding.severity is Severity.ERROR for finding in findings):
        findings += [*check_numbers(cohort), *check_missingness(cohort)]
        findings += [*check_spellings(cohort), *check_identifiers(cohort)]
    return cohort, findings


def _read(root: Path) -> tuple[Cohort | None, list[Finding]]:
    """The cohort, and all that stops; of what only warns, what is found beside it."""
    try:
        _require_folder(root)
        yaml = read_yaml(root / DICTIONARY, CohortError)
        dictionary = _dictionary(yaml)
        table = _table(yaml, root, "patients", dictionary.patients)
        outcomes = _table(yaml, root, "outcomes", dictionary.outcomes) if dictionary.outcomes is not None else None
    except CohortError as error:
        return None, list(error.findings)
    lines = {key: place[0] for key, place in yaml.places.items() if all(isinstance(k, str) for k in key)}
    cohort = Cohort(root, dictionary, lines, table, outcomes)  # type: ignore[arg-type]
    findings = [*_of_tables(cohort), *_columns_exist(cohort, yaml), *_no_inputs(cohort, yaml), *check_ids(cohort)]
    findings += check_availability(cohort)
    if not any(finding.severity is Severity.ERROR for finding in findings):
        findings += [*check_arms(cohort), *check_endpoints(cohort)]
    return cohort, findings


def _of_tables(cohort: Cohort) -> Iterator[Finding]:
    yield from cohort.table.findings
    if cohort.outcomes_table is not None:
        yield from cohort.outcomes_table.findings


def _require_folder(root: Path) -> None:
    dictionary = root / DICTIONARY
    if root.is_file():
        todo = "Name the folder that holds cohort.yaml."
        raise CohortError(Finding(file=root, what="is a file; a cohort is a folder.", todo=todo))
    if not root.exists():
        raise CohortError(Finding(file=root, what="there is no such folder.", todo="Check the path."))
    if not dictionary.exists():
        tables = sorted(p.name for p in root.iterdir() if p.suffix.lower() in SUFFIXES)
        beside = f" ({', '.join(tables[:3])} {'is' if len(tables) == 1 else 'are'} there)" if tables else ""
        what = f"is no cohort: {dictionary} is missing{beside}."
        table = root / tables[0] if tables else "TABLE"
        todo = f"Let a first one be drafted: `mmcare cohort init {table}`."
        raise CohortError(Finding(file=root, what=what, todo=todo, code="no-dictionary"))


def _table(yaml: YamlFile, root: Path, key: str, entry: TableEntry) -> Table:
    file = root / entry.file
    if not file.exists():
        line, column = yaml.place((key, "file"))
        what = f"the {key}' table {file} is not there."
        todo = f"Put it there, or name it in `{key}.file`."
        raise CohortError(
            Finding(file=yaml.path, line=line, column=column, key=f"{key}.file", what=what, todo=todo, code="no-table")
        )
    return read_patients_table(file, entry.form, id_column=entry.id)


def _dictionary(yaml: YamlFile) -> Dictionary:
    if isinstance(yaml.data, Mapping) and "mmcare" in yaml.data and "mmcare_cohort" not in yaml.data:
        what = "is a spec; a cohort's dictionary starts with `mmcare_cohort: 1`."
        raise CohortError(Finding(file=yaml.path, what=what))
    unfilled = list(_unfilled(yaml))
    if unfilled:
        raise CohortError(unfilled)
    try:
        return Dictionary.model_validate(yaml.data)
    except ValidationError as error:
        raise CohortError([_finding(yaml, detail) for detail in error.errors()]) from error


def _unfilled(yaml: YamlFile) -> Iterator[Finding]:
    """What `cohort init` left to the reader, wherever it stands."""
    for key, (line, column) in yaml.places.items():
        value = yaml.value(key)
        if isinstance(value, str) and value.startswith(TODO):
            question = value.removeprefix(TODO).lstrip(": ")
            yield Finding(
                file=yaml.path,
                line=line,
                column=column,
                key=".".join(map(str, key)),
                what=f"is left to fill in: {cut(question, 300)}" if question else "is left to fill in.",
                todo="Write it in place of the TODO.",
                code="todo",
            )


@dataclass(frozen=True, slots=True)
class _Problem:
    """One complaint of pydantic, as a type."""

    type: str
    key: tuple[str | int, ...]
    message: str
    value: object


def _finding(yaml: YamlFile, detail: Mapping[str, object]) -> Finding:
    problem = _Problem(str(detail["type"]), tuple(detail["loc"]), str(detail["msg"]), detail.get("input"))  # type: ignore[arg-type]
    line, column = yaml.place(problem.key)
    return Finding(
        file=yaml.path,
        line=line,
        column=column,
        key=".".join(str(part) for part in problem.key) or None,
        what=_what(problem),
        value=_value(problem),
        code="dictionary",
    )


def _value(problem: _Problem) -> str | None:
    """What stands there; of a key that there is not, the key. An entry as a whole is too much to print."""
    if problem.type == "extra_forbidden":
        return cut(str(problem.key[-1]))
    return None if problem.type == "missing" or isinstance(problem.value, Mapping) else cut(problem.value)


def _what(problem: _Problem) -> str:
    if problem.type == "missing":
        return "is missing."
    if problem.type == "extra_forbidden":
        return f"there is no such key.{_nearest(problem.key)}"
    message = problem.message.removeprefix("Value error, ").replace("Input should be", "expected")
    whole = "found" in message or isinstance(problem.value, Mapping)  # an entry as a whole is too much to print
    return f"{message}." if whole else f"{message}; found {cut(problem.value)}."


def _nearest(key: tuple[str | int, ...]) -> str:
    known = {name for model in _models() for name in model.model_fields}
    near = difflib.get_close_matches(str(key[-1]), sorted(known), 1)
    return f" Did you mean `{near[0]}`?" if near else ""


def _models() -> list[type[Dictionary]]:
    from mmcare.cohort import dictionary

    return [
        getattr(dictionary, name)
        for name in ("Dictionary", "PatientsEntry", "OutcomesEntry", "ArmsEntry", "EndpointEntry", "ColumnEntry")
    ]


def _columns_exist(cohort: Cohort, yaml: YamlFile) -> Iterator[Finding]:
    """Every column that the dictionary names must be in its table; columns that it does not name are not read."""
    for place, column in _columns_by_place(cohort).items():
        has = cohort.table.columns if place[0] in ("patients", "columns") else _of_outcomes(cohort, place)
        if column not in has:
            yield _no_column(cohort, yaml, place, column, has)


def _columns_by_place(cohort: Cohort) -> Mapping[tuple[str, ...], str]:
    d = cohort.dictionary
    named: dict[tuple[str, ...], str] = {("patients", "id"): d.patients.id}
    if d.outcomes is not None:
        named["outcomes", "id"] = d.outcomes.id
    if d.arms is not None:
        named["arms", "column"] = d.arms.column
    for key, entry in d.endpoints.items():
        named["endpoints", key, "time"], named["endpoints", key, "event"] = entry.time, entry.event
    return named | {("columns", name): name for name in d.columns}


def _of_outcomes(cohort: Cohort, place: tuple[str, ...]) -> tuple[str, ...]:
    """Columns where ids of the outcomes, the treatment, times and events may stand."""
    if cohort.outcomes_table is None:
        return cohort.table.columns
    return cohort.outcomes_table.columns + (cohort.table.columns if place[0] != "outcomes" else ())


def _no_inputs(cohort: Cohort, yaml: YamlFile) -> Iterator[Finding]:
    """Ids, treatment and outcomes are no predictors, whatever the dictionary says."""
    d = cohort.dictionary
    meanings = {d.patients.id: "the patients' ids"}
    if d.arms is not None:
        meanings[d.arms.column] = "the treatment received"
    for name, entry in d.endpoints.items():
        meanings |= {entry.time: f"the time of `{name}`", entry.event: f"the event of `{name}`"}
    for name, column in d.columns.items():
        if name in meanings and column.role in ("predictor", "genomic"):
            line, place = yaml.place(("columns", name))
            yield Finding(
                file=yaml.path,
                line=line,
                column=place,
                key=f"columns.{name}",
                what=f"holds {meanings[name]}, and that is never an input.",
                todo="Take it out of `columns`, or give it `role: other`.",
                code="leak",
            )


def _no_column(cohort: Cohort, yaml: YamlFile, key: tuple[str, ...], column: str, has: tuple[str, ...]) -> Finding:
    near = difflib.get_close_matches(column, has, 1) or [name for name in has if name.casefold() == column.casefold()]
    hint = f" The nearest is `{near[0]}`." if near else f" It has: {cut(', '.join(has))}."
    line, place = yaml.place(key)
    d = cohort.dictionary
    file = d.outcomes.file if d.outcomes is not None and key[0] == "outcomes" else d.patients.file
    if d.outcomes is not None and key[0] in ("endpoints", "arms"):
        said = f"neither {d.outcomes.file} nor {d.patients.file} has a column `{column}`."
    else:
        said = f"{file} has no column `{column}`."
    return Finding(
        file=yaml.path,
        line=line,
        column=place,
        key=".".join(key),
        value=cut(column),
        what=f"{said}{hint}",
        todo="Correct the name here or in the table.",
        code="no-column",
    )

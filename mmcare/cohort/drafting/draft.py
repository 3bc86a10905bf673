"""A first data dictionary as commented YAML: what a table seems to hold, and a TODO for what cannot be told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmcare.cohort.drafting.arms import DraftedArms, draft_arms, find_id
from mmcare.cohort.drafting.columns import DraftedColumn, draft_column
from mmcare.cohort.drafting.endpoints import DraftedEndpoint, draft_endpoints
from mmcare.cohort.drafting.guess import TODO
from mmcare.cohort.drafting.profile import Profile, profiles
from mmcare.errors import cut
from mmcare.formats import Table, TableFormat
from mmcare.registry import as_yaml

__all__ = ["Draft", "draft_dictionary"]

_NO_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
MOST_COLUMNS = 4_000
"""Columns that are listed; a genomic matrix belongs into a file of its own."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted dictionary.

    Attributes:
        id: Column of the ids, or a TODO.
        why_id: What it was guessed from.
        arms: The treatment, where a column is named as one.
        endpoints: Those that the table seems to hold.
        columns: Every other column, read or not.
        repeated: Ids that stand in several rows.
    """

    id: str
    why_id: str
    arms: DraftedArms | None
    endpoints: tuple[DraftedEndpoint, ...]
    columns: tuple[DraftedColumn, ...]
    repeated: int = 0

    @property
    def left_out(self) -> tuple[DraftedColumn, ...]:
        """Columns that identify persons: a cohort does without them."""
        return tuple(column for column in self.columns if column.identifies)

    def text(self, file: str, form: TableFormat, made_of: str) -> str:
        """The dictionary.

        Args:
            file: The table as `patients.file` names it.
            form: How it stands there.
            made_of: The table that it was guessed from, for the first comment.
        """
        lines = [
            f"# A first data dictionary of {_one_line(made_of)}, made by `mmcare cohort init`.",
            "# What is marked as guessed was guessed from names and values: read it through.",
            "# `mmcare cohort check` names each TODO.",
            "mmcare_cohort: 1",
            *self._patients(file, form),
            *self._arms(),
            *self._endpoints(),
            *self._columns(),
        ]
        return "\n".join(lines) + "\n"

    def _patients(self, file: str, form: TableFormat) -> Iterator[str]:
        entry = {"file": file, "id": self.id} | {
            key: value
            for key, value, default in (
                ("sheet", form.sheet, None),
                ("encoding", form.encoding, None),
                ("separator", form.separator, None),
                ("decimal", form.decimal, "."),
            )
            if value != default
        }
        yield f"patients: {_yaml(entry)}{_guessed(self.why_id)}"

    def _arms(self) -> Iterator[str]:
        if self.arms is None:
            yield "# arms: no column is named as the treatment received; all count as treated alike. Else:"
            yield "# arms: {column: COLUMN, values: {sbrt: SBRT, surgery: surgical resection}}"
            return
        yield f"arms:{_guessed(self.arms.why)}"
        yield f"  column: {_yaml(self.arms.column)}"
        yield "  values:"
        yield from (f"    {_yaml(text)}: {_yaml(name)}" for text, name in self.arms.values.items())
        if self.arms.missing:
            yield f"  missing: {_yaml(list(self.arms.missing))}  # guessed"

    def _endpoints(self) -> Iterator[str]:
        if not self.endpoints:
            yield "# endpoints: no column is named as an event; the cohort serves for predictions. Else:"
            yield "# endpoints:"
            yield "#   os: {time: COLUMN, event: COLUMN, unit: months, horizons: [1, 3, 5]}"
            return
        yield "endpoints:"
        for endpoint in self.endpoints:
            yield from _endpoint(endpoint)

    def _columns(self) -> Iterator[str]:
        read = [column for column in self.columns if column.entry]
        yield "columns:" if read else "columns: {}  # none seems to be an input"
        yield from (_column(column) for column in read[:MOST_COLUMNS])
        if len(read) > MOST_COLUMNS:
            yield f"  # {len(read) - MOST_COLUMNS} more columns are not listed: move a genomic matrix to its own file."
        unread = [column for column in self.columns if not column.entry]
        if unread:
            yield "# Not read:"
        yield from (f"#   {_one_line(column.name) or '(no name)'}: {_one_line(column.why)}" for column in unread)


def draft_dictionary(
    table: Table, units: Mapping[str, str] | None = None, levels: Mapping[str, Sequence[str]] | None = None
) -> Draft:
    """What the table seems to hold.

    Args:
        table: The patients' table.
        units: Units that are said elsewhere, by column.
        levels: Categories that are said elsewhere, by column.
    """
    columns = profiles(table)
    id_column, why_id = find_id(columns)
    others = [column for column in columns if column.name != id_column]
    endpoints = draft_endpoints(others)
    taken = {name for endpoint in endpoints for name in endpoint.columns}
    arms = draft_arms([column for column in others if column.name not in taken])
    taken |= {arms.column} if arms is not None else set()
    rest = [column for column in others if column.name not in taken]
    return Draft(
        id=id_column,
        why_id=why_id,
        arms=arms,
        endpoints=endpoints,
        columns=tuple(
            draft_column(column, (units or {}).get(column.name, ""), (levels or {}).get(column.name, ()))
            for column in rest
        ),
        repeated=_repeated(columns, id_column),
    )


def _repeated(columns: Sequence[Profile], id_column: str) -> int:
    found = next((column for column in columns if column.name == id_column), None)
    return 0 if found is None else sum(count > 1 for count in found.counts.values())


def _endpoint(endpoint: DraftedEndpoint) -> Iterator[str]:
    why = endpoint.why
    yield f"  {_yaml(endpoint.key)}:"
    yield f"    time: {_yaml(endpoint.time)}{_guessed(why.get('time', ''))}"
    yield f"    event: {_yaml(endpoint.event)}{_guessed(why.get('event', ''))}"
    yield f"    unit: {_yaml(endpoint.unit)}{_guessed(why.get('unit', ''))}"
    yield f"    codes: {_yaml(dict(endpoint.codes))}{_guessed(why.get('codes', ''))}"
    if endpoint.horizons:
        yield f"    horizons: {_yaml([_number(h) for h in endpoint.horizons])}{_guessed(why.get('horizons', ''))}"
    else:
        yield f"    horizons: {_yaml(TODO + ': years at which it is reported, such as [1, 3, 5]')}"
    if endpoint.missing:
        yield f"    missing: {_yaml(list(endpoint.missing))}  # guessed"


def _column(column: DraftedColumn) -> str:
    return f"  {_yaml(column.name)}: {_yaml(dict(column.entry))}{_guessed(column.why)}"


def _yaml(value: object) -> str:
    """`value` as YAML; characters that no YAML file holds are escaped, which can only stand in quoted texts."""
    return _NO_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", as_yaml(value))


def _guessed(why: str) -> str:
    return f"  # guessed: {_one_line(why)}" if why else ""


def _one_line(text: str) -> str:
    """A text fit for a comment: no line break ends it, whatever the table holds."""
    return cut("".join(c if c.isprintable() else " " for c in text), 160)


def _number(value: float) -> float | int:
    return int(value) if value.is_integer() else value

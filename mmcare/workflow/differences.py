"""What differs between a run that was begun and what is given to go on with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from mmcare.cohort import Cohort, read_cohort
from mmcare.errors import Finding, MMCareError, RunError, cut
from mmcare.run import CohortRecord, RunFolder
from mmcare.spec import Spec

__all__ = ["refuse_other_cohort", "refuse_other_spec"]

_SHOWN = 10
_NOTHING = "nothing"


def refuse_other_spec(folder: RunFolder, own: Spec, given: Spec) -> None:
    """Refuse to go on with another spec than the run's own.

    Raises:
        RunError: Names each key path that differs, with both values.
    """
    local = Path(folder.local.name)
    differ = list(_differences(own.as_data(local), given.as_data(local)))
    sources = {plugin.path.name: plugin.sha256 for plugin in own.plugins}
    differ += [
        ("plugins", f"{plugin.path.name} as of {sources[plugin.path.name][:12]}", plugin.sha256[:12])
        for plugin in given.plugins
        if sources.get(plugin.path.name, plugin.sha256) != plugin.sha256
    ]
    if differ:
        head = Finding(
            file=folder.path,
            what=f"the run was begun with another spec: {_counted(len(differ), 'value')} differ.",
            todo="To go on, leave the spec and `--set` out; to train the changed spec, leave `--resume` out.",
            code="other-spec",
        )
        raise RunError([head, *(given.locate(*_told(*found, "this spec")) for found in differ[:_SHOWN])])


def refuse_other_cohort(folder: RunFolder, record: CohortRecord, given: Cohort) -> None:
    """Refuse to go on with another cohort than the run was begun with; it may stand elsewhere.

    Raises:
        RunError: Names what differs.
    """
    if given.fingerprint() == record.fingerprint:
        return
    head = Finding(
        file=folder.path,
        what=f"the run was begun with another cohort: {record.path} with {record.patients} patients, as it was then; "
        f"{given.root} with {len(given.patients)} patients is not the same.",
        todo="Give the cohort that it was begun with, or train a new run: a run is of one cohort.",
        code="other-cohort",
    )
    raise RunError([head, *_cohort_differences(record, given)])


def _cohort_differences(record: CohortRecord, given: Cohort) -> Iterator[Finding]:
    """What can be said where the first cohort is still there."""
    try:
        own = read_cohort(record.path)
    except MMCareError:
        return
    if own.fingerprint() != record.fingerprint:
        return
    dictionaries = own.dictionary.model_dump(mode="json"), given.dictionary.model_dump(mode="json")
    for found in list(_differences(*dictionaries))[:_SHOWN]:
        key, finding = _told(*found, "this cohort")
        yield finding.at(file=given.dictionary_file, key=key)
    here, there = _rows(own), _rows(given)
    changed = sum(here[patient] != there[patient] for patient in here.keys() & there.keys())
    what = (
        f"{len(here.keys() - there.keys())} patients of the run's are missing, {len(there.keys() - here.keys())} are "
        f"new, {changed} have other values."
    )
    yield Finding(file=given.table_file, what=what)


def _rows(cohort: Cohort) -> Mapping[str, Mapping[str, str]]:
    return dict(zip(cohort.patients, cohort.records(), strict=True))


def _differences(own: object, given: object, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Key path and both values, wherever two trees of plain data differ."""
    if isinstance(own, Mapping) and isinstance(given, Mapping):
        for key in (*own, *(key for key in given if key not in own)):
            yield from _differences(own.get(key), given.get(key), f"{path}.{key}" if path else str(key))
    elif own != given:
        yield path, _shown(own), _shown(given)


def _shown(value: object) -> str:
    return _NOTHING if value is None else f"`{cut(value)}`"


def _told(key: str, own: str, given: str, what: str) -> tuple[str, Finding]:
    return key, Finding(what=f"the run has {own}, {what} {given}.")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

"""Components that are broken on purpose, and the checks that must say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from mmcare.registry import Component, ComponentKind, Config, Entry, Provider
from mmcare.testing import NotApplicable, component_checks


@dataclass(frozen=True)
class Ran:
    """What became of the checks of one component, by id: empty where it passed."""

    failed: Mapping[str, str]
    not_applicable: Mapping[str, str]
    all: tuple[str, ...]


Run = Callable[..., Ran]


@pytest.fixture(scope="session")
def run() -> Run:
    """Run all checks of a class, as if a plugin had announced it."""

    def run(kind: ComponentKind, config: type[Config], target: type, only: str = "", **batch: str) -> Ran:
        record = Component(kind=kind, name="mine", summary="Mine.", config=config, target=target, **batch)  # type: ignore[arg-type]
        failed, skipped, seen = {}, {}, []
        for name, check in component_checks(Entry(record, Provider("local", "", "", ""))):
            seen.append(name)
            if only and name != only:
                continue
            try:
                check()
            except NotApplicable as reason:
                skipped[name] = str(reason)
            except AssertionError as error:
                failed[name] = str(error)
        return Ran(failed, skipped, tuple(seen))

    return run

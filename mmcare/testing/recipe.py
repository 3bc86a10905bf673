"""Checks of recipes: what is not the published data is refused in words, before anything is written."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

from mmcare.components import Recipe
from mmcare.errors import CohortError, Finding
from mmcare.registry import Entry
from mmcare.testing.record import default_config

__all__ = ["recipe_checks"]


def recipe_checks(entry: Entry) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the checks of a recipe that need no published files; its own tests read them."""
    yield "recipe: a folder without the published files is refused in words", partial(_empty, entry)


class _Writer:
    """Notes what is written."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def dictionary(self, text: str) -> None:
        self.written.append("cohort.yaml")

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        self.written.append(name)

    def copy(self, name: str, source: Path) -> None:
        self.written.append(name)

    def provenance(self, text: str) -> None:
        self.written.append("PROVENANCE.md")

    def finding(self, finding: Finding) -> None:
        pass

    def images(self, source: Path, rois: Sequence[str]) -> None:
        pass


def _empty(entry: Entry) -> None:
    recipe, writer = cast("Recipe[Any]", entry.load()(default_config(entry))), _Writer()
    with tempfile.TemporaryDirectory() as folder:
        try:
            recipe.make(Path(folder), writer)
        except CohortError as error:
            assert any(finding.file is not None for finding in error.findings), f"no file is named: {error}"
        except Exception as error:
            raise AssertionError(f"expected a CohortError, found {type(error).__name__}: {error}") from error
        else:
            raise AssertionError("an empty folder was taken for the published files")
    assert not writer.written, f"written before the files were read: {', '.join(writer.written)}"

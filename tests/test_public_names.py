"""The names at the top: imported when used, the same for the interpreter and for type checkers."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import mmcare


def names_for_type_checkers() -> dict[str, str]:
    tree = ast.parse(Path(mmcare.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module or "" for node in imports for alias in node.names}


def test_both_lists_agree() -> None:
    assert names_for_type_checkers() == mmcare._HOMES
    assert sorted([*mmcare._HOMES, "__version__"]) == sorted(mmcare.__all__) == dir(mmcare)


def test_every_name_is_there_and_comes_from_its_room() -> None:
    for name, home in mmcare._HOMES.items():
        assert getattr(mmcare, name) is getattr(importlib.import_module(home), name)
        assert name in importlib.import_module(home).__all__


def test_version_is_the_distributions() -> None:
    assert mmcare.__version__ == importlib.metadata.version("mmcare")


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match=r"^module 'mmcare' has no attribute 'fitt'$"):
        mmcare.fitt  # type: ignore[attr-defined]  # noqa: B018


def test_importing_mmcare_imports_nothing_heavy() -> None:
    code = "import sys, mmcare; print({'torch', 'pydantic', 'numpy', 'mmcare.registry'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"

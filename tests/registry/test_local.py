"""Single files and notebooks: what runs, when, and what is refused."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mmcare
from mmcare.errors import PluginError
from mmcare.registry import (
    EncoderConfig,
    LocalPlugin,
    allow_local,
    component,
    discover,
    listing,
    load_local,
    local,
    read_local,
)

ENCODER = '''
import mmcare
from mmcare.registry import EncoderConfig

@mmcare.component(kind="encoder", name="{name}", takes="table", config=EncoderConfig)
class Mean:
    """Mean of a table.

    And more.
    """
'''


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(source: str, name: str = "my encoder ü.py") -> Path:
        path = tmp_path / name
        path.write_text(source, encoding="utf-8")
        return path

    return write


@pytest.fixture(autouse=True)
def nothing_declared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test declares ends with it."""
    monkeypatch.setattr(local, "_declared", {})
    yield


def refused(path: Path, message: str) -> None:
    with pytest.raises(PluginError) as caught:
        load_local(path)
    assert str(caught.value) == message


def test_a_file_registers_what_it_decorates_under_local(write: Callable[..., Path]) -> None:
    path = write(ENCODER.format(name="file-mean"))
    registry = discover([path])
    entry = registry.resolve("encoder", "file-mean")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (entry.qualified, entry.component.summary, entry.load().__name__) == (
        "local/file-mean",
        "Mean of a table.",
        "Mean",
    )
    assert registry.local_files == (LocalPlugin(path, digest, path.read_text(encoding="utf-8")),)
    assert (entry.provider.version, entry.provider.entry_point) == (digest[:12], str(path))
    assert registry.resolve("encoder", "local/file-mean") == entry
    assert [p.distribution for p in listing([path])][-1] == "local"


def test_a_file_may_use_the_hook(write: Callable[..., Path], good: Callable[..., str]) -> None:
    path = write(good("by-hook").replace("MMCARE_API = 1\n", ""))
    assert discover([path]).resolve("encoder", "by-hook").qualified == "local/by-hook"


def test_a_file_knows_its_path_and_its_source(write: Callable[..., Path]) -> None:
    path = write("import inspect\nwhere = __file__\n" + ENCODER.format(name="self-aware"))
    cls = discover([path]).resolve("encoder", "self-aware").load()
    assert sys.modules[cls.__module__].where == str(path)
    assert inspect.getsource(cls).startswith("@mmcare.component(")


def test_the_same_file_named_twice_is_one(write: Callable[..., Path]) -> None:
    path, copy = write(ENCODER.format(name="once")), write(ENCODER.format(name="once"), "copy.py")
    assert discover([path, path, copy]).resolve("encoder", "once").qualified == "local/once"


def test_two_files_with_one_name(write: Callable[..., Path], tmp_path: Path) -> None:
    one, two = write(ENCODER.format(name="clash"), "1.py"), write(ENCODER.format(name="clash") + "x = 1\n", "2.py")
    a, b = read_local(one).sha256[:12], read_local(two).sha256[:12]
    with pytest.raises(PluginError) as caught:
        discover([one, two]).resolve("encoder", "clash")
    assert str(caught.value) == (
        f"encoder `clash` is offered by local {a} ({one}) and local {b} ({two}). Leave one of them out."
    )


def test_files_of_another_discovery_stay_out(write: Callable[..., Path]) -> None:
    discover([write(ENCODER.format(name="earlier"), "earlier.py")])
    names = {e.component.name for e in discover([write(ENCODER.format(name="later"), "later.py")]).entries("encoder")}
    assert "later" in names and "earlier" not in names


def test_an_edited_file_is_refused_and_does_not_run(write: Callable[..., Path], tmp_path: Path) -> None:
    path = write(ENCODER.format(name="edited"))
    then = read_local(path).sha256
    ran = tmp_path / "ran"
    path.write_text(f"open({str(ran)!r}, 'w')")
    now = read_local(path).sha256
    with pytest.raises(PluginError) as caught:
        load_local(path, then)
    assert str(caught.value) == (
        f"{path}: its SHA-256 is {now[:12]}…, and was {then[:12]}… when it was recorded; nothing of it was run. "
        f"Put the file back as it was, or read it and name it yourself: `--plugin {path}`."
    )
    assert not ran.exists()


def test_what_runs_is_what_was_read(write: Callable[..., Path], tmp_path: Path) -> None:
    path = write(ENCODER.format(name="as-read"))
    plugin = read_local(path, read_local(path).sha256)
    path.write_text("raise SystemExit('swapped after it was checked')")
    assert discover([plugin]).resolve("encoder", "as-read").qualified == "local/as-read"


def test_code_that_a_spec_or_run_brings_needs_a_yes(write: Callable[..., Path]) -> None:
    files = [read_local(write(ENCODER.format(name=n), f"{n}.py")) for n in ("one", "two")]
    with pytest.raises(PluginError) as caught:
        allow_local(files, allowed=False)
    assert [str(finding) for finding in caught.value.findings] == [
        f"{file.path}: this plugin file (SHA-256 {file.sha256[:12]}…) is code, and code runs only with your leave. "
        "Read it, then say `--allow-local-code`."
        for file in files
    ]
    allow_local(files, allowed=True)
    allow_local([], allowed=False)


def test_a_file_that_fails_is_named_with_its_line(write: Callable[..., Path]) -> None:
    mend = "Mend it; `--traceback` shows where it failed."
    path = write("import sys\n\nwidth = 1 / 0\n")
    refused(path, f"{path}:3: the plugin cannot be imported: ZeroDivisionError: division by zero. {mend}")
    path = write("x = 1\nclass Mean(:\n")
    refused(path, f"{path}:2: the plugin cannot be imported: SyntaxError: invalid syntax. {mend}")
    path = write("import sys\nsys.exit(3)\n")
    refused(path, f"{path}:2: the plugin cannot be imported: it calls `sys.exit(3)`. {mend}")
    path = write(ENCODER.format(name="No_Kebab"))
    refused(
        path,
        f"{path}:5: encoder 'No_Kebab' ({read_local(path).module}.Mean) is refused: its name is 'No_Kebab'; a name is "
        "kebab-case, such as `my-encoder`.",
    )


def test_a_file_that_is_none(write: Callable[..., Path], tmp_path: Path) -> None:
    refused(
        write("x = 1\n"),
        f"{tmp_path / 'my encoder ü.py'}: declares no component. "
        "Put `@mmcare.component(kind=..., name=..., config=...)` before a class.",
    )
    todo = "Name a `.py` file; a plugin of several files is a package (`mmcare plugin new`)."
    refused(tmp_path, f"{tmp_path}: is a folder; a single-file plugin is one Python file. {todo}")
    refused(tmp_path / "no.py", f"{tmp_path / 'no.py'}: No such file or directory. {todo}")
    (tmp_path / "latin.py").write_bytes("# Größe\n".encode("latin-1"))
    refused(tmp_path / "latin.py", f"{tmp_path / 'latin.py'}: byte 4 is not UTF-8. Save the file as UTF-8.")


def test_a_broken_record_by_hook_names_the_file(write: Callable[..., Path], good: Callable[..., str]) -> None:
    path = write(good("by-hook").replace('takes="table"', ""))
    digest = read_local(path).sha256[:12]
    refused(
        path,
        f"{path}: encoder `by-hook` of local {digest} is refused: an encoder must say what it takes: `volume`, "
        "`table`, `graph`, `sequence`, `tokens`. Tell its authors, or use another component.",
    )


def test_windows_line_ends_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "windows.py"
    path.write_bytes(b"\xef\xbb\xbf" + ENCODER.format(name="windows").replace("\n", "\r\n").encode())
    plugin = load_local(path)
    assert plugin.source.encode() == path.read_bytes(), "the run keeps the very bytes"
    assert discover([plugin]).resolve("encoder", "windows").qualified == "local/windows"


def test_a_notebook_registers_and_a_cell_that_runs_again_replaces() -> None:
    def cell(doc: str) -> type:
        @mmcare.component(kind="encoder", name="cell", takes="table", config=EncoderConfig)
        class Mean:
            __doc__ = doc

        return Mean

    first, second = cell("First."), cell("Second.")
    entry = discover().resolve("encoder", "cell")
    assert (entry.qualified, entry.component.summary, entry.load() is second) == ("local/cell", "Second.", True)
    assert first is not second


def test_the_decorator_refuses_a_record_that_breaks_a_rule() -> None:
    with pytest.raises(PluginError, match=r"is refused: an encoder must say what it takes: `volume`"):
        component(kind="encoder", name="no-takes", config=EncoderConfig)(dict)

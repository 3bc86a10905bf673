"""A run or a cache that cannot be written: what can be done is done, and what is not kept is said."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest

import mmcare
from mmcare.cache import Cache
from mmcare.components import Prepared
from mmcare.errors import Finding, MMCareError
from mmcare.evaluation import Metrics
from mmcare.formats.atomic import write_text
from mmcare.run import Run, RunFolder
from mmcare.workflow.evaluate import evaluate_run

from .conftest import Copy, reseal

NOBODY = 65534


@contextmanager
def not_writable(folder: Path) -> Iterator[None]:
    """Take away the right to write; the superuser, whom no right stops, steps down meanwhile."""
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        if os.access(folder, os.W_OK, effective_ids=True):
            pytest.skip("this system lets everyone write everywhere")
        yield
    finally:
        if root:
            os.seteuid(0)
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.fixture
def readable(network: Run, cohort: Path) -> Iterator[Path]:
    """A copy of the run, its cohort beside it, where another user may read both."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        run = Path(shutil.copytree(network.path, Path(folder) / "run"))
        shutil.copytree(cohort, Path(folder) / "cohort")
        record = json.loads((run / "cohort.json").read_text())
        (run / "cohort.json").write_text(json.dumps({**record, "path": str(Path(folder) / "cohort")}))
        reseal(run)
        yield run


def evaluated(run: Path) -> tuple[Metrics, list[Finding]]:
    """The figures of a few draws, and what was said."""
    said: list[Finding] = []
    return evaluate_run(mmcare.load_run(run), draws=5, tell_findings=said.extend), said


def test_a_run_that_cannot_be_written_is_evaluated_and_says_what_is_not_kept(readable: Path) -> None:
    again = Path(shutil.copytree(readable, readable.parent / "again"))
    kept, _ = evaluated(again)
    shutil.rmtree(again)
    before = (readable / "run.json").read_bytes()
    with not_writable(readable):
        metrics, said = evaluated(readable)
    assert metrics.figures == kept.figures and any(figure.value is not None for figure in metrics.figures)
    size = len((metrics.model_dump_json(indent=1) + "\n").encode())
    assert [str(finding) for finding in said] == [
        f"{readable}/metrics.json: is not kept: it cannot be written ({size:,} bytes): Permission denied. "
        "Allow writing there, or write elsewhere."
    ]
    assert (readable / "run.json").read_bytes() == before
    assert not (readable / "metrics.json").exists()


def test_a_run_in_a_folder_that_cannot_be_written_is_refused_before_work(tmp_path: Path, network: Run) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with not_writable(Path(folder)), pytest.raises(MMCareError) as caught:
            mmcare.run.new_run_folder("tiny", Path(folder) / "run")
    assert str(caught.value) == (
        f"{folder}/run: the run folder cannot be made: Permission denied. Name another with `--out`."
    )


def test_figures_are_kept_with_their_digest_and_replaced(network: Run, copy: Copy) -> None:
    run = copy(network)
    first, said = evaluated(run)
    assert said == []
    loaded = mmcare.load_run(run)
    assert Metrics.model_validate_json(loaded.folder.metrics.read_text()) == first
    assert "metrics.json" in loaded.manifest.files
    evaluated(run)
    (run / "metrics.json").write_text("{}")
    with pytest.raises(MMCareError, match=r"metrics\.json: has 2 bytes"):
        mmcare.load_run(run)


@pytest.mark.parametrize("writes", [0, 1, 2, 3])
def test_a_run_that_was_killed_while_its_figures_were_replaced_still_opens(
    network: Run, copy: Copy, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """However many files were written by then, the run is whole, with its figures or without."""
    run = copy(network)
    mmcare.load_run(run).folder.add("metrics.json", '{"old": 1}\n')
    left = [None] * writes

    def write_some(path: Path, text: str) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        write_text(path, text)

    monkeypatch.setattr("mmcare.run.folder.write_text", write_some)
    with nullcontext() if writes == 3 else pytest.raises(KeyboardInterrupt):
        mmcare.load_run(run).folder.add("metrics.json", '{"new": 1}\n')
    loaded = mmcare.load_run(run)
    assert ("metrics.json" in loaded.manifest.files) == (writes in (0, 3))
    figures = '{"old": 1}\n' if writes < 2 else '{"new": 1}\n'
    assert loaded.folder.metrics.read_text() == figures


def _add(run: Path, text: str, start) -> None:  # type: ignore[no-untyped-def]
    start.wait()
    for n in range(20):
        RunFolder(run).add("metrics.json", f'{{"{text}": {n}}}\n')


def test_two_processes_may_keep_figures_at_once(network: Run, copy: Copy) -> None:
    run, context = copy(network), multiprocessing.get_context("fork")
    start = context.Barrier(2)
    both = [context.Process(target=_add, args=(run, text, start)) for text in ("a" * 10, "b" * 1000)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
        assert process.exitcode == 0
    assert "metrics.json" in mmcare.load_run(run).manifest.files, "its digest is that of the file"


def test_a_cache_that_cannot_be_written_loses_no_sample_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    cache, sample = Cache(tmp_path / "file" / "cache"), Prepared({"n": 1}, {"a": np.zeros(2)})
    assert cache.get("ab" * 32) is None
    with caplog.at_level(logging.WARNING):
        cache.put("ab" * 32, sample)
        cache.put("cd" * 32, sample)
    (said,) = caplog.messages
    entry = cache.folder / "ab" / f"{'ab' * 32}.2.sample"
    assert said.startswith(f"{entry}: cannot be written (") and said.endswith(
        "bytes): Not a directory. What should be a folder on the way is a file: write elsewhere. "
        "Samples are not cached; set MMCARE_CACHE to a folder that can be written."
    )
    assert cache.get("ab" * 32) is None
    assert cache.digest(tmp_path / "file") == cache.digest(tmp_path / "file")


def test_a_damaged_entry_of_a_cache_that_cannot_be_written_is_computed_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        cache, key = Cache(Path(folder) / "cache"), "ab" * 32
        cache.put(key, Prepared({"n": 1}, {}))
        entry = cache.folder / "ab" / f"{key}.2.sample"
        entry.write_bytes(entry.read_bytes() + b"x")
        with not_writable(cache.folder), caplog.at_level(logging.WARNING):
            assert cache.get(key) is None
        assert caplog.messages == [f"{entry}: the cached sample is damaged; it is computed again."]
        assert entry.exists()

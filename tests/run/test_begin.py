"""How a run folder is begun: never overwritten, never shared, and unfinished until its manifest is there."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from pathlib import Path

import pytest

from mmcare.errors import RunError
from mmcare.run import Run, new_run_folder

from .conftest import Ask, Copy, refusal


def test_runs_are_numbered_from_the_highest_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert new_run_folder("tiny").path == Path("runs/tiny-0001")
    assert new_run_folder("tiny").path == Path("runs/tiny-0002")
    for name in ("tiny-0041", "tiny-cox-0099", "tiny-x", "tiny-77"):
        Path("runs", name).mkdir()
    assert new_run_folder("tiny").path == Path("runs/tiny-0042"), "a number is never given twice, nor another run's"
    shutil.rmtree("runs/tiny-0001")
    Path("runs/tiny-9999").mkdir()
    assert new_run_folder("tiny").path == Path("runs/tiny-10000")


def _claim(folder: str, out: Path | None, many: int, start, results) -> None:  # type: ignore[no-untyped-def]
    os.chdir(folder)
    start.wait()
    for _ in range(many):
        try:
            results.put(str(new_run_folder("tiny", out).path))
        except RunError as error:
            results.put(str(error))


def _claimed_by_two(folder: Path, out: Path | None, many: int) -> list[str]:
    """What two processes were given that begin `many` runs each, at the same moment."""
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(2), context.Queue()
    both = [context.Process(target=_claim, args=(str(folder), out, many, start, results)) for _ in range(2)]
    for process in both:
        process.start()
    found = [results.get(timeout=60) for _ in range(2 * many)]
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    return found


def test_two_processes_never_take_one_folder(tmp_path: Path) -> None:
    found = _claimed_by_two(tmp_path, None, many=50)
    assert sorted(found) == [f"runs/tiny-{n:04d}" for n in range(1, 101)]


def test_of_two_processes_that_name_one_folder_one_is_refused(tmp_path: Path) -> None:
    for n in range(10):
        out = tmp_path / f"mine-{n}"
        found = _claimed_by_two(tmp_path, out, many=1)
        refused = f"{out}: holds an unfinished run. To go on with it: mmcare train --resume {out}"
        assert sorted(found) == sorted([str(out), refused])


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path, network: Run) -> None:
    def said(out: Path) -> str:
        with pytest.raises(RunError) as caught:
            new_run_folder("tiny", out)
        return str(caught.value)

    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter-1.tex").write_text("")
    todo = "Name another folder with `--out`."
    full = "exists and is not empty; a run is never overwritten."
    assert said(tmp_path / "thesis") == f"{tmp_path}/thesis: {full} {todo}"
    assert said(network.path) == f"{network.path}: {full} {todo}"
    file = tmp_path / "thesis" / "chapter-1.tex"
    assert said(file) == f"{file}: is a file. {todo}"
    below = file / "run"
    assert said(below) == f"{below}: the run folder cannot be made: Not a directory. Name another with `--out`."
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["chapter-1.tex", "thesis"]


def test_an_empty_folder_may_be_used(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert new_run_folder("tiny", tmp_path / "mine").path == tmp_path / "mine"


def test_an_unfinished_run_says_how_to_go_on(network: Run, copy: Copy, cohort: Path, ask: Ask) -> None:
    run = copy(network)
    (run / "run.json").unlink()
    (run / "unfinished.json").write_text("{}")
    todo = f"To go on: mmcare train --resume {run}"
    assert refusal(run) == f"{run}: the run is unfinished. {todo}"
    code, out, err = ask("predict", run, "--cohort", cohort)
    assert (code, out, err) == (2, "", f"Error: {run}: the run is unfinished.\n  {todo}\n")


def test_a_run_that_was_killed_after_its_manifest_is_finished(network: Run, copy: Copy, ask: Ask, cohort: Path) -> None:
    run = copy(network)
    (run / "unfinished.json").write_text("{}")
    code, _, err = ask("predict", run, "--cohort", cohort, "--patient", "P000")
    assert code == 0, err
    with pytest.raises(RunError) as caught:
        new_run_folder("tiny", run)
    assert str(caught.value) == (
        f"{run}: exists and is not empty; a run is never overwritten. Name another folder with `--out`."
    )


def test_what_is_no_run_says_what_it_is(network: Run, tmp_path: Path) -> None:
    lists = "`mmcare runs` lists runs."
    assert refusal(tmp_path) == f"{tmp_path}: is no run folder: it holds no run.json. {lists}"
    file = network.path / "spec.yaml"
    assert refusal(file) == f"{file}: is a file; a run is a folder. {lists}"
    gone = network.path.parent / "rum"
    assert refusal(gone) == f"{gone}: there is no such run folder. Runs there: run. {lists}"
    nowhere = tmp_path / "no" / "where"
    assert refusal(nowhere) == f"{nowhere}: there is no such run folder. {lists}"

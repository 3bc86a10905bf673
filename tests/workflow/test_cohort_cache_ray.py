"""`mmcare cohort cache --engine ray`: a cluster of two nodes on this machine, and what is said where there is none."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmcare.cli.main import main
from mmcare.errors import MMCareError
from mmcare.workers import in_order
from mmcare.workflow.cohort_cache import CacheTask, _opened

from .processes import Processes
from .test_cohort_cache import SPEC, WAITS, N, entries_of, table, write_cohort

Capture = pytest.CaptureFixture[str]
ASKED = ["cohort", "cache", "spec.yaml", "--cohort", "cohort", "--engine", "ray"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec and a cohort."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "spec.yaml").write_text(SPEC)
    (folder / "waits.yaml").write_text(SPEC.replace("use: ct", "use: waits-ct"))
    (folder / "cohort").mkdir()
    write_cohort(folder / "cohort", N)
    return folder


@pytest.fixture
def here(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Within that folder, with a cache of its own."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def cluster(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two nodes of one core each, to which `RAY_ADDRESS` leads."""
    pytest.importorskip("ray", reason="an extra: pip install 'mmcare[ray]'")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes.add_node(num_cpus=1)
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    try:
        yield
    finally:
        nodes.shutdown()


def test_without_ray_the_extra_is_named(here: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(ASKED) == 2
    assert capfd.readouterr() == (
        "",
        "Error: `--engine ray` needs Ray, which is not installed.\n  Run: pip install 'mmcare[ray]'.\n",
    )


def test_where_no_cluster_answers(here: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    pytest.importorskip("ray", reason="an extra: pip install 'mmcare[ray]'")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        assert main(ASKED) == 2
    assert capfd.readouterr() == (
        "",
        f"Error: RAY_ADDRESS: is {address}, where no Ray cluster answers (Connection refused).\n"
        "  Start one there (`ray start --head`), correct it, or unset it to use this machine.\n",
    )


def test_a_cluster_decides_how_many_processes(here: Path, capfd: Capture) -> None:
    assert main([*ASKED, "--workers", "2"]) == 2
    assert capfd.readouterr() == (
        "",
        "Error: --workers: is for processes of this machine; with `--engine ray` the cluster decides.\n"
        "  Leave one of the two out.\n",
    )


def test_a_node_that_sees_another_cache_says_so(here: Path, place: Path) -> None:
    task = CacheTask(place / "spec.yaml", place / "cohort", folder=here)
    with pytest.raises(MMCareError) as caught:
        _opened(task, True, here / "locks" / ".0123456789ab")
    assert str(caught.value) == (
        f"{here}: is another folder on the node {os.uname().nodename}: what it prepares would not be found again. "
        "Set MMCARE_CACHE to a folder that all nodes see under this path."
    )


@pytest.mark.slow
def test_a_cluster_makes_the_entries_that_this_machine_makes(
    cluster: None, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    assert main(ASKED) == 0
    assert capfd.readouterr().out == table(0, N)
    assert main(ASKED) == 0
    assert capfd.readouterr().out == table(N, 0)
    assert not list(here.glob("inputs/*/.*")), "no mark stays"
    monkeypatch.setenv("MMCARE_CACHE", str(tmp_path / "local"))
    assert main([*ASKED[:-2], "--workers", "1"]) == 0
    assert entries_of(here) == entries_of(tmp_path / "local")


@pytest.mark.slow
def test_a_lost_worker_is_said(cluster: None) -> None:
    from mmcare.cluster import ray_cluster

    with pytest.raises(MMCareError) as caught, ray_cluster() as pool:
        list(in_order(os._exit, [1], pool, lambda n: f"{n} of 1 are kept"))
    assert str(caught.value) == (
        "a worker process was ended from outside, or found no memory; 0 of 1 are kept. Give the same command again."
    )


@pytest.mark.slow
def test_a_file_that_cannot_be_used_is_named_from_there(
    cluster: None, here: Path, place: Path, tmp_path: Path, capfd: Capture
) -> None:
    (tmp_path / "cohort").mkdir()
    cohort = write_cohort(tmp_path / "cohort", 3)
    image = cohort / "ct" / "P01.nii.gz"
    image.write_bytes(image.read_bytes()[:-100])
    assert main(["cohort", "cache", "spec.yaml", "--cohort", str(cohort), "--engine", "ray"]) == 1
    out, err = capfd.readouterr()
    assert out == table(0, 2) and err.startswith(f"Error: {image}, patient P01: ") and err.count("Error") == 1


@pytest.mark.slow
def test_ctrl_c_ends_ray_and_the_same_command_goes_on(
    here: Path, place: Path, processes: Processes, capfd: Capture
) -> None:
    pytest.importorskip("ray", reason="an extra: pip install 'mmcare[ray]'")
    (place / "wait").touch()
    words = ["cohort", "cache", "waits.yaml", "--cohort", "cohort", "--plugin", str(WAITS), "--engine", "ray"]
    child = processes.start(*words, cwd=place, environment={"MMCARE_CACHE": str(here)})
    assert child.wait_until((place / "here").exists), child.stderr
    child.send(signal.SIGINT, group=True)
    assert child.end() == 130
    (place / "wait").unlink()
    assert re.search(
        r"^Error: stopped; at least \d+ of 24 patients are done and kept in the cache\.\n"
        r"  The same command goes on\.$",
        child.stderr,
        flags=re.MULTILINE,
    ), child.stderr
    assert "Traceback" not in child.stderr
    before = entries_of(here)
    assert 3 <= len(before) < N
    assert main([*words[:-2], "--workers", "1"]) == 0
    assert capfd.readouterr().out == table(len(before), N - len(before))

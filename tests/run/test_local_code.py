"""A run folder that brings plugin files along: code, which runs with leave, as it was, or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import mmcare
from mmcare.errors import PluginError
from mmcare.run import Run

from .conftest import LOCAL, MY_ENCODER, Ask, Copy, refusal


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def test_the_run_keeps_the_source_byte_by_byte(with_local_code: Run) -> None:
    kept = with_local_code.path / "local" / "my_encoder.py"
    assert kept.read_bytes() == MY_ENCODER.read_bytes()
    assert "- local/my_encoder.py\n" in (with_local_code.path / "spec.yaml").read_text()


def test_a_strangers_run_runs_nothing_and_shows_file_and_digest(
    with_local_code: Run, copy: Copy, cohort: Path, ask: Ask
) -> None:
    run = copy(with_local_code)
    file = run / "local" / "my_encoder.py"
    for verb in (("predict", run, "--cohort", cohort), ("evaluate", run)):
        code, out, err = ask(*verb)
        assert (code, out) == (2, "")
        assert err == (
            f"Error: {file}: this plugin file (SHA-256 {digest(file)}…) is code, and code runs only with your leave.\n"
            "  Read it, then say `--allow-local-code`.\n"
        )


@pytest.mark.parametrize("allow", [False, True])
def test_an_edited_file_shows_both_digests_and_runs_nothing(
    with_local_code: Run, copy: Copy, tmp_path: Path, allow: bool
) -> None:
    run, ran = copy(with_local_code), tmp_path / "ran"
    file = run / "local" / "my_encoder.py"
    then = digest(file)
    file.write_text(f"open({str(ran)!r}, 'w')\n" + file.read_text())
    assert refusal(run, allow_local_code=allow) == (
        f"{file}: this plugin file changed since training: its SHA-256 is {digest(file)}…, and was {then}…; nothing of "
        "it was run. Put it back as it was; to use it as it is now, train again with `--plugin`."
    )
    assert not ran.exists()


def test_a_file_that_the_manifest_does_not_list_is_refused(with_local_code: Run, copy: Copy, tmp_path: Path) -> None:
    run, ran = copy(with_local_code), tmp_path / "ran"
    (run / "local" / "torch.py").write_text(f"open({str(ran)!r}, 'w')\n")
    assert refusal(run, allow_local_code=True) == (
        f"{run}/local/torch.py: is not in the run's manifest: it belongs to no part of this run. "
        "Take it out of the folder."
    )
    assert not ran.exists()


def test_two_plugin_files_of_one_name_are_refused_before_training(tmp_path: Path) -> None:
    spec, other = tmp_path / "spec.yaml", tmp_path / "my_encoder.py"
    spec.write_text(LOCAL)
    other.write_text("# another\n")
    with pytest.raises(PluginError) as caught:
        mmcare.load_spec(spec, plugins=[MY_ENCODER, other])
    assert str(caught.value) == (
        f"{other}: has the file name of {MY_ENCODER}, another plugin of this spec; a run keeps both in one folder. "
        "Give one of them another name."
    )

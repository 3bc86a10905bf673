"""The key file: made once, mode 0600, never within the cohort, never shown."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mmcare.cohort.deidentify import new_key, read_key
from mmcare.errors import CohortError, Severity


def message(path: Path, outside: Path) -> str:
    with pytest.raises(CohortError) as caught:
        read_key(path, outside)
    return str(caught.value)


def test_a_new_key_is_read_back_and_belongs_to_its_owner(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        new_key(tmp_path / "keys" / "study.key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys" / "study.key").stat().st_mode) == 0o600
    key, findings = read_key(tmp_path / "keys" / "study.key", tmp_path / "cohort")
    assert (len(key), findings) == (32, [])


def test_two_keys_differ(tmp_path: Path) -> None:
    new_key(tmp_path / "a")
    new_key(tmp_path / "b")
    assert (tmp_path / "a").read_text() != (tmp_path / "b").read_text()


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "study.key"
    new_key(path)
    text = path.read_text()
    with pytest.raises(CohortError) as caught:
        new_key(path)
    assert str(caught.value) == (
        f"{path}: exists; a key is never overwritten, for without it no new file fits those made before. "
        "Use it, or name another file."
    )
    assert path.read_text() == text


@pytest.mark.parametrize("where", ["cohort/study.key", "cohort/deep/er/study.key", "cohort/../cohort/study.key"])
def test_a_key_within_the_cohort_is_refused(where: str, tmp_path: Path) -> None:
    path, cohort = tmp_path / where, tmp_path / "cohort"
    cohort.mkdir()
    new_key(path)
    assert message(path, cohort) == (
        f"{path}: the key lies in {cohort}, the folder that is to hold nothing that leads back to a patient. "
        "Move the key elsewhere."
    )


def test_a_link_into_or_out_of_the_cohort_is_refused_too(tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    cohort.mkdir()
    new_key(cohort / "inside.key")
    new_key(tmp_path / "outside.key")
    (tmp_path / "link.key").symlink_to(cohort / "inside.key")
    (cohort / "link.key").symlink_to(tmp_path / "outside.key")
    (tmp_path / "alias").symlink_to(cohort)
    for path in (tmp_path / "link.key", cohort / "link.key", tmp_path / "alias" / "inside.key"):
        assert "the key lies in" in message(path, cohort)
        assert "the key lies in" in message(path, tmp_path / "alias")


def test_a_key_that_is_not_there_is_named_with_the_command_that_makes_one(tmp_path: Path) -> None:
    path = tmp_path / "study.key"
    assert message(path, tmp_path / "cohort") == (
        f"{path}: there is no such key. Make one with `mmcare cohort new-key {path}`."
    )


@pytest.mark.parametrize("content", [b"", b"hunter2\n", b"\xff\xfe" * 40, b"mmcare-deidentification-key-1:abc\n"])
def test_what_is_no_key_is_refused_and_not_shown(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "study.key"
    path.write_bytes(content)
    assert message(path, tmp_path / "cohort") == (
        f"{path}: is no key; a key is one line, `mmcare-deidentification-key-1:` and 64 hexadecimal digits. "
        "Name the file that `mmcare cohort new-key` wrote."
    )


def test_a_key_that_others_can_read_is_used_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "study.key"
    new_key(path)
    path.chmod(0o644)
    _, (finding,) = read_key(path, tmp_path / "cohort")
    assert str(finding) == f"{path}: others than its owner may use the key (mode 0644). chmod 600 {path}"
    assert finding.severity is Severity.WARNING


def test_a_folder_in_place_of_a_key(tmp_path: Path) -> None:
    assert message(tmp_path, tmp_path / "cohort") == (
        f"{tmp_path}: cannot be read: Is a directory. Make one with `mmcare cohort new-key {tmp_path}`."
    )

"""A folder de-identified: every file named by its class, gone on with after a stop, refused where it would go wrong."""

from __future__ import annotations

import csv
import os
import random
import time
import zipfile
from multiprocessing import get_context
from pathlib import Path

import pydicom
import pytest

from mmcare.cli.main import main
from mmcare.cohort.deidentify import Deidentifier, deidentify_folder, new_key, one_file
from mmcare.errors import CohortError, MMCareError
from tests.cohort.deidentify import planted
from tests.cohort.deidentify.conftest import KEY

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Two slices, a secondary capture, a copy, a damaged file, a text."""
    source = tmp_path / "export"
    source.mkdir()
    for index in range(2):
        pydicom.dcmwrite(source / f"{index}.dcm", planted.ct(index))
    capture = planted.ct(7)
    capture.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    pydicom.dcmwrite(source / "capture.dcm", capture)
    (source / "copy.dcm").write_bytes((source / "1.dcm").read_bytes())
    pydicom.dcmwrite(source / "damaged.dcm", planted.ct(5))
    (source / "damaged.dcm").write_bytes((source / "damaged.dcm").read_bytes()[:-40])
    (source / "notes.txt").write_text("Anna Meier")
    return source


@pytest.fixture
def key(tmp_path: Path) -> Path:
    new_key(tmp_path / "study.key")
    return tmp_path / "study.key"


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_every_file_is_counted_once_with_what_became_of_it(
    mixed: Path, tmp_path: Path, deidentifier: Deidentifier
) -> None:
    summary = deidentify_folder(mixed, tmp_path / "out", deidentifier)
    assert summary.counts() == {
        ("CT image", "held back", "damaged"): 1,
        ("CT image", "the same object again", ""): 1,
        ("CT image", "written", ""): 2,
        ("no DICOM file", "left out", ""): 1,
        ("other object", "held back", "secondary-capture"): 1,
    }
    assert len(summary.files) == len(list(mixed.iterdir()))
    assert len(files(tmp_path / "out")) == 3


def test_what_is_not_written_is_said(mixed: Path, tmp_path: Path, deidentifier: Deidentifier) -> None:
    summary = deidentify_folder(mixed, tmp_path / "out", deidentifier)
    capture, copy, damaged = map(str, summary.findings)
    assert capture == (
        f"{mixed}/capture.dcm: is held back: it is a secondary capture, a picture of a screen that may show a name. "
        "Leave it out, or clean its pixels by hand."
    )
    assert copy == (
        f"{mixed}/copy.dcm: holds the same object as {mixed}/1.dcm (one SOPInstanceUID); the first is taken."
    )
    assert damaged.startswith(f"{mixed}/damaged.dcm: is held back: its pixel data are damaged (ValueError: ")
    assert damaged.endswith("Export it again.")


def test_a_header_that_cannot_be_read_ends_no_pass(mixed: Path, tmp_path: Path, deidentifier: Deidentifier) -> None:
    raw = (mixed / "0.dcm").read_bytes()
    (mixed / "broken.dcm").write_bytes(raw[:140])
    summary = deidentify_folder(mixed, tmp_path / "out", deidentifier)
    (record,) = [r for r in summary.files if r.file.name == "broken.dcm"]
    assert (record.kind, record.outcome) == ("damaged", "left out")
    (finding,) = [str(f) for f in summary.findings if "broken.dcm" in str(f)]
    assert finding.startswith(f"{mixed}/broken.dcm: is left out, for it cannot be read (")
    assert summary.n_safe == 2


def test_a_file_without_preamble_is_written_with_one(tmp_path: Path, deidentifier: Deidentifier) -> None:
    ds = planted.ct(0)
    source = tmp_path / "bare"
    source.mkdir()
    pydicom.dcmwrite(tmp_path / "whole.dcm", ds)
    raw = (tmp_path / "whole.dcm").read_bytes()
    (source / "bare").write_bytes(raw[raw.index(b"\x08\x00\x16\x00") :])
    summary = deidentify_folder(source, tmp_path / "out", deidentifier)
    assert summary.counts() == {("CT image", "written", ""): 1}
    (new,) = (tmp_path / "out").rglob("*.dcm")
    assert new.read_bytes()[:132] == b"\0" * 128 + b"DICM"
    assert pydicom.dcmread(new).PixelData == ds.PixelData


def test_archives_are_named_and_left_out(mixed: Path, tmp_path: Path, deidentifier: Deidentifier) -> None:
    with zipfile.ZipFile(mixed / "more.zip", "w") as archive:
        archive.write(mixed / "0.dcm", "0.dcm")
    summary = deidentify_folder(mixed, tmp_path / "out", deidentifier)
    assert summary.counts()["no DICOM file", "left out", "archive"] == 1
    said = f"{mixed}/more.zip: is an archive, and is not looked into; it is left out. Unpack it."
    assert said in map(str, summary.findings)
    with pytest.raises(CohortError) as caught:
        deidentify_folder(mixed / "more.zip", tmp_path / "other", deidentifier)
    assert str(caught.value) == (
        f"{mixed}/more.zip: is a file; a folder of DICOM files is due. Unpack it, and name the folder."
    )


def test_a_second_run_writes_nothing_anew(mixed: Path, tmp_path: Path, deidentifier: Deidentifier) -> None:
    out = tmp_path / "out"
    deidentify_folder(mixed, out, deidentifier)
    times = {p: p.stat().st_mtime_ns for p in out.rglob("*.dcm")}
    summary = deidentify_folder(mixed, out, deidentifier)
    assert summary.counts()["CT image", "there already", ""] == 2
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*.dcm")} == times


def test_the_same_key_gives_the_same_bytes(source: Path, made: Path, tmp_path: Path) -> None:
    deidentify_folder(source, tmp_path / "again", Deidentifier(KEY))
    assert files(tmp_path / "again") == files(made)


def test_another_key_or_other_settings_are_refused(mixed: Path, tmp_path: Path, deidentifier: Deidentifier) -> None:
    out = tmp_path / "out"
    deidentify_folder(mixed, out, deidentifier)
    for other, differ in ((Deidentifier(KEY[::-1]), "key"), (Deidentifier(KEY, regions=["*"]), "regions")):
        with pytest.raises(CohortError) as caught:
            deidentify_folder(mixed, out, other)
        assert str(caught.value) == (
            f"{out}/deidentification.json: the folder was begun with other settings ({differ} differ). "
            "Go on with the same key and options, or name another folder."
        )


def test_a_folder_of_other_things_is_refused(mixed: Path, tmp_path: Path, deidentifier: Deidentifier) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(CohortError) as caught:
        deidentify_folder(mixed, out, deidentifier)
    assert str(caught.value) == (
        f"{out}: exists, is not empty and was not begun by this command (it has no deidentification.json). "
        "Name another folder."
    )
    assert files(out) == {"mine.txt": b"mine"}


@pytest.mark.parametrize("where", ["export/out", ".", "export"])
def test_originals_and_new_files_lie_apart(where: str, mixed: Path, tmp_path: Path, deidentifier: Deidentifier) -> None:
    out = tmp_path / where
    with pytest.raises(CohortError) as caught:
        deidentify_folder(mixed, out, deidentifier)
    assert str(caught.value) == (
        f"{out}: originals ({mixed}) and what is made of them ({out}) lie one within the other. "
        "Write to a folder apart."
    )


def test_what_a_killed_write_left_is_cleared_away(mixed: Path, tmp_path: Path, deidentifier: Deidentifier) -> None:
    out = tmp_path / "out"
    deidentify_folder(mixed, out, deidentifier)
    whole = files(out)
    image = next(out.rglob("*.dcm"))
    (image.parent / f".{image.name[:40]}.0123456789ab").write_bytes(image.read_bytes()[:100])
    image.unlink()
    deidentify_folder(mixed, out, deidentifier)
    assert files(out) == whole


@pytest.mark.parametrize("failing", range(6))
def test_a_write_that_fails_leaves_whole_files_and_is_gone_on_with(
    failing: int, source: Path, tmp_path: Path, deidentifier: Deidentifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at each write in turn; then it is not."""
    out, calls, real = tmp_path / "out", [0], os.fsync

    def full(handle: int) -> None:
        calls[0] += 1
        if calls[0] == failing + 1:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MMCareError) as caught:
        deidentify_folder(source, out, deidentifier)
    assert "cannot be written (" in str(caught.value)
    assert str(caught.value).endswith("The disk is full: free some space, or write elsewhere.")
    monkeypatch.setattr(os, "fsync", real)
    assert not list(tmp_path.rglob(".*"))
    deidentify_folder(source, out, deidentifier)
    deidentify_folder(source, tmp_path / "unbroken", deidentifier)
    assert files(out) == files(tmp_path / "unbroken")


def killed(source: Path, out: Path, after: float) -> None:
    """Run it in a process of its own, begun from this one so that nothing is imported anew, and kill that."""
    child = get_context("fork").Process(target=deidentify_folder, args=(source, out, Deidentifier(KEY)))
    child.start()
    time.sleep(after)
    child.kill()
    child.join()


def many(folder: Path, n: int) -> Path:
    folder.mkdir()
    for index in range(n):
        pydicom.dcmwrite(folder / f"{index}.dcm", planted.ct(index))
    return folder


@pytest.mark.parametrize("n_kills", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_at_random_moments_it_ends_as_if_it_were_not(
    n_kills: int, tmp_path: Path, deidentifier: Deidentifier
) -> None:
    source = many(tmp_path / "source", 120)
    deidentify_folder(source, tmp_path / "unbroken", deidentifier)
    whole = files(tmp_path / "unbroken")
    moments, out = random.Random(0), tmp_path / "out"
    for _ in range(n_kills):
        killed(source, out, moments.uniform(0, 0.5))
        there = {p.relative_to(out).as_posix(): p for p in out.rglob("*.dcm")} if out.exists() else {}
        assert all(path.read_bytes() == whole[name] for name, path in there.items())
    deidentify_folder(source, out, deidentifier)
    assert files(out) == whole


def test_files_of_every_kind_are_written_or_named(tmp_path: Path, deidentifier: Deidentifier) -> None:
    """The files within pydicom: odd, damaged, of many classes and syntaxes."""
    source = Path(pydicom.__file__).parent / "data" / "test_files"
    summary = deidentify_folder(source, tmp_path / "out", deidentifier)
    there = [path for path in source.rglob("*") if path.is_file()]
    assert sorted(record.file for record in summary.files) == sorted(there)
    assert summary.n_safe == len(list((tmp_path / "out").rglob("*.dcm"))) > 10
    named = {Path(str(finding.file)) for finding in summary.findings}
    silent = {r.file for r in summary.files if r.outcome != "written" and r.kind != "no DICOM file"} - named
    assert not silent
    written = b"".join(files(tmp_path / "out").values())
    for record in summary.files:
        if record.outcome == "written":
            ds = pydicom.dcmread(record.file, stop_before_pixels=True, force=True)
            for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "SOPInstanceUID", "StudyDate"):
                text = str(ds.get(keyword, "")).strip()
                assert len(text) < 6 or text.encode() not in written, (record.file, keyword)


def test_the_command_says_what_became_of_each(mixed: Path, key: Path, tmp_path: Path, capfd: Capture) -> None:
    out, report = tmp_path / "out", tmp_path / "report.csv"
    assert (
        main(["cohort", "deidentify", str(mixed), "--out", str(out), "--key", str(key), "--report", str(report)]) == 0
    )
    printed, said = capfd.readouterr()
    assert printed.splitlines() == [
        "CT image       1  held back: damaged",
        "CT image       1  the same object again",
        "CT image       2  written",
        "no DICOM file  1  left out",
        "other object   1  held back: secondary-capture",
        "all files      6",
        str(out),
    ]
    assert f"Warning: {mixed}/capture.dcm: is held back: it is a secondary capture" in said
    with report.open() as file:
        rows = {Path(row["file"]).name: row["outcome"] for row in csv.DictReader(file)}
    assert rows == {
        "0.dcm": "written",
        "1.dcm": "written",
        "capture.dcm": "held back",
        "copy.dcm": "the same object again",
        "damaged.dcm": "held back",
        "notes.txt": "left out",
    }


def test_the_command_refuses_a_report_beside_the_new_files(
    mixed: Path, key: Path, tmp_path: Path, capfd: Capture
) -> None:
    out = tmp_path / "out"
    arguments = ["cohort", "deidentify", str(mixed), "--out", str(out), "--key", str(key), "--report", f"{out}/r.csv"]
    assert main(arguments) == 2
    assert capfd.readouterr().err == (
        f"Error: {out}/r.csv: the report names the original files, and would lie in {out}, which is to hold nothing of "
        "them.\n  Name a file elsewhere.\n"
    )
    assert not out.exists()


def test_the_command_says_where_nothing_can_be_written(key: Path, tmp_path: Path, capfd: Capture) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "a.txt").write_text("a")
    arguments = ["cohort", "deidentify", f"{tmp_path}/export", "--out", f"{tmp_path}/out", "--key", str(key)]
    assert main(arguments) == 2
    assert capfd.readouterr().err == (
        f"Error: {tmp_path}/export: no CT image, structure set or segmentation could be written.\n"
        "  Name the folder of the series.\n"
    )


def test_ctrl_c_says_how_to_go_on(
    mixed: Path, key: Path, tmp_path: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = one_file.write_bytes

    def stopped(path: Path, data: bytes) -> None:
        real(path, data)
        raise KeyboardInterrupt

    monkeypatch.setattr(one_file, "write_bytes", stopped)
    out = tmp_path / "out"
    assert main(["cohort", "deidentify", str(mixed), "--out", str(out), "--key", str(key)]) == 130
    assert (
        f"{out}: stopped; what is written is whole.\n  Run the same command again to go on.\n" in capfd.readouterr().err
    )
    monkeypatch.setattr(one_file, "write_bytes", real)
    assert main(["cohort", "deidentify", str(mixed), "--out", str(out), "--key", str(key)]) == 0
    assert len(list(out.rglob("*.dcm"))) == 2


def test_new_key_prints_the_file_and_refuses_a_second(tmp_path: Path, capfd: Capture) -> None:
    assert main(["cohort", "new-key", f"{tmp_path}/k"]) == 0
    assert capfd.readouterr() == (f"{tmp_path}/k\n", "")
    assert main(["cohort", "new-key", f"{tmp_path}/k"]) == 2
    assert "a key is never overwritten" in capfd.readouterr().err

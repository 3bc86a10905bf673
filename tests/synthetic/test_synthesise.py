"""A whole cohort on disk: the same bytes from any number of workers, nothing of the truth in it, nothing half done."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

import mmcare
from mmcare.cohort import read_cohort
from mmcare.errors import MMCareError
from mmcare.formats import read_nifti, read_nifti_mask
from mmcare.synthetic import Contents, Draw, Synthesised, patient_id, synthesise
from mmcare.synthetic.curves import YEARS, latent_curves, structural_curves
from mmcare.synthetic.items import MODALITY_SETS
from mmcare.synthetic.scene import render_scene
from mmcare.synthetic.worlds import world_of
from mmcare.workers import in_order, processes

N, SEED = 30, 9
LATENTS = ("age", "smoking", "frailty", "aggressiveness", "radioresistance", "shared")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    return synthesise(tmp_path_factory.mktemp("synthesised") / "cohort", "heterogeneous", N, SEED)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files(folder)}


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def content(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def test_the_number_of_workers_changes_no_byte(made: Synthesised, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    other = synthesise(
        tmp_path / "cohort", "heterogeneous", N, SEED, workers=2, progress=lambda *state: seen.append(state)
    )
    assert digests(other.cohort) == digests(made.cohort)
    assert digests(other.truth) == digests(made.truth)
    assert [state for state in seen if state[0] == "drawing CTs"] == [("drawing CTs", n, N) for n in (10, 20, 30)]
    assert seen[-1] == ("computing oracles", N, N)


def test_a_smaller_cohort_is_the_beginning_of_a_larger_one_with_its_truth(made: Synthesised, tmp_path: Path) -> None:
    fewer = synthesise(tmp_path / "few", "heterogeneous", 12, SEED)
    assert table(fewer.cohort / "patients.csv") == table(made.cohort / "patients.csv")[:12]
    more = digests(made.cohort / "ct")
    few = digests(fewer.cohort / "ct")
    assert len(few) == 24 and few == {name: more[name] for name in few}
    for name, of_patient in (("latents.csv", 1), ("outcomes.csv", 1), ("oracle.csv", len(MODALITY_SETS))):
        assert table(fewer.truth / name) == table(made.truth / name)[: 12 * of_patient]
    few_curves, more_curves = np.load(fewer.truth / "curves.npz"), np.load(made.truth / "curves.npz")
    np.testing.assert_array_equal(few_curves["oracle_survival"], more_curves["oracle_survival"][:, :12])
    np.testing.assert_array_equal(few_curves["latent_local_failure"], more_curves["latent_local_failure"][:12])


def test_another_world_has_the_same_persons(made: Synthesised, tmp_path: Path) -> None:
    """Their CTs, their table but for what was done and happened, their latents."""
    other = synthesise(tmp_path / "null", "null", 10, SEED, Contents(oracle=False))
    ours, theirs = digests(made.cohort / "ct"), digests(other.cohort / "ct")
    assert theirs == {name: ours[name] for name in theirs}
    assert table(other.truth / "latents.csv") == table(made.truth / "latents.csv")[:10]
    changes = {"arm", "os_years", "os_event", "lc_years", "lc_event"}
    for here, there in zip(table(made.cohort / "patients.csv"), table(other.cohort / "patients.csv"), strict=False):
        assert {k: v for k, v in here.items() if k not in changes} == {
            k: v for k, v in there.items() if k not in changes
        }
    assert (other.cohort / "cohort.yaml").read_bytes() == (made.cohort / "cohort.yaml").read_bytes()


def test_the_cohort_is_read_by_the_projects_own_readers(made: Synthesised) -> None:
    cohort = read_cohort(made.cohort)
    assert cohort.patients == tuple(patient_id(i) for i in range(N))
    drawn = made.drawn
    for i in (0, 17):
        expected = render_scene(drawn.ct, drawn.sites, int(drawn.latents.site[i]), SEED, i, 64)
        volume, findings = read_nifti(made.cohort / "ct" / f"{patient_id(i)}.nii.gz")
        mask, geometry, more = read_nifti_mask(made.cohort / "ct" / f"{patient_id(i)}_gtv.nii.gz")
        assert not findings and not more
        np.testing.assert_array_equal(volume.values, expected.hu)
        np.testing.assert_array_equal(mask, expected.mask.astype(bool))
        np.testing.assert_array_equal(volume.affine, expected.affine)
        np.testing.assert_array_equal(geometry.affine, expected.affine)


def test_the_truth_is_complete(made: Synthesised) -> None:
    assert sorted(path.name for path in made.truth.iterdir()) == [
        "curves.npz", "latents.csv", "oracle.csv", "outcomes.csv", "world.json"
    ]  # fmt: skip
    drawn = made.drawn
    curves = np.load(made.truth / "curves.npz")
    np.testing.assert_array_equal(curves["years"], YEARS)
    assert curves["arms"].tolist() == ["sbrt", "surgery"]
    assert curves["modality_sets"].tolist() == list(MODALITY_SETS)
    assert curves["patient_id"].tolist() == [patient_id(i) for i in range(N)]
    latent = latent_curves(drawn.world, drawn.hazards, drawn.latents.shared)
    np.testing.assert_allclose(curves["latent_survival"], latent.survival, atol=1e-6)
    assert curves["oracle_survival"].shape == curves["oracle_local_failure"].shape == (7, N, 2, len(YEARS))
    rows = table(made.truth / "oracle.csv")
    assert [(row["patient_id"], row["modalities"]) for row in rows] == [
        (patient_id(i), name) for i in range(N) for name in MODALITY_SETS
    ]
    for number, row in enumerate(rows):
        i, m = divmod(number, len(MODALITY_SETS))
        for arm, name in enumerate(("sbrt", "surgery")):
            for years in (1, 3, 5):
                survival = float(row[f"{name}_survival_{years}"])
                assert survival == pytest.approx(curves["oracle_survival"][m, i, arm, 4 * years], abs=1e-6)
                failure = float(row[f"{name}_local_failure_{years}"])
                assert failure == pytest.approx(curves["oracle_local_failure"][m, i, arm, 4 * years], abs=1e-6)
        utility = [
            0.7 * float(row[f"{arm}_survival_3"]) + 0.3 * (1 - float(row[f"{arm}_local_failure_3"]))
            for arm in ("sbrt", "surgery")
        ]
        assert float(row["delta"]) == pytest.approx(utility[1] - utility[0], abs=1e-12)
        assert row["best_arm"] == ("surgery" if utility[1] > utility[0] else "sbrt")
        assert float(row["effective_draws"]) >= 50 and int(row["draws"]) >= 400
        assert float(row["propensity_sbrt"]) == drawn.propensity[i]


def test_the_world_is_written_down(made: Synthesised) -> None:
    world = json.loads((made.truth / "world.json").read_text())
    assert (world["name"], world["seed"], world["patients"], world["ct_voxels"]) == ("heterogeneous", SEED, N, 64)
    assert world["version"] == mmcare.__version__
    assert world["alpha"] == world_of("heterogeneous").alpha
    assert world["constants"]["death_hazard_after_local_failure"] == 0.3
    assert len(world["constants"]["genes"]) == 24
    assert set(world["oracle"]["modality_sets"]) == set(MODALITY_SETS)


def test_in_the_null_world_neither_arm_is_best(tmp_path: Path) -> None:
    made = synthesise(tmp_path / "null", "null", 6, SEED, Contents(size_voxels=None))
    rows = table(made.truth / "oracle.csv")
    assert {(float(row["delta"]), row["best_arm"]) for row in rows} == {(0.0, "either")}


def test_tables_only_and_no_oracle(tmp_path: Path) -> None:
    made = synthesise(tmp_path / "tables", "crossing", 8, SEED, Contents(size_voxels=None, oracle=False))
    assert [path.name for path in files(made.cohort)] == [
        "cohort.yaml", "mutations.maf", "network.tsv", "panel_genes.tsv", "panels.tsv", "patients.csv"
    ]  # fmt: skip
    assert [path.name for path in files(made.truth)] == ["curves.npz", "latents.csv", "outcomes.csv", "world.json"]
    assert "ct" not in read_cohort(made.cohort).dictionary.modalities
    assert sorted(np.load(made.truth / "curves.npz").files) == [
        "arms", "latent_local_failure", "latent_survival", "patient_id", "years"
    ]  # fmt: skip
    world = json.loads((made.truth / "world.json").read_text())
    assert world["ct_voxels"] is None and world["oracle"] is None


# --- no latent can be reached from the cohort folder


def hidden_values(drawn: Draw, i: int) -> list[float]:
    """Latents of a patient, and what would have happened or was not seen to happen."""
    seen = {float(drawn.observed.os_years[i]), float(drawn.observed.lc_years[i])}
    outcomes = [float(getattr(t, name)[i]) for t in drawn.times for name in ("local_failure", "death")]
    curves = structural_curves(drawn.world, drawn.hazards).at(3)
    values = [float(getattr(drawn.latents, name)[i]) for name in LATENTS]
    values += [v for v in (*outcomes, float(drawn.observed.censoring[i])) if v not in seen and np.isfinite(v)]
    return [*values, float(drawn.propensity[i]), *(float(v) for of in curves for v in of[i])]


def test_no_hidden_number_is_in_any_file(made: Synthesised) -> None:
    """Neither as text nor as bytes, compressed content and headers included."""
    contents = {path.relative_to(made.cohort): content(path) for path in files(made.cohort)}
    everything = b"\n".join(data for path, data in contents.items() if path.suffix != ".gz")
    for i in range(N):
        ct = contents[Path("ct") / f"{patient_id(i)}.nii.gz"] + contents[Path("ct") / f"{patient_id(i)}_gtv.nii.gz"]
        for value in hidden_values(made.drawn, i):
            assert repr(abs(value))[:9].encode() not in everything
            assert struct.pack("<d", value) not in ct
            assert struct.pack(">d", value) not in ct
            assert struct.pack("<f", value) not in ct[:352]
    seen = [row["os_years"] for row in table(made.cohort / "patients.csv")]
    assert all(text.encode() in everything for text in seen), "the search finds what is there"


def test_headers_tell_no_patient_from_another(made: Synthesised) -> None:
    for kind in ("SYN-?????.nii.gz", "SYN-?????_gtv.nii.gz"):
        found = sorted((made.cohort / "ct").glob(kind))
        assert len(found) == N
        assert len({content(path)[:352] for path in found}) == 1, "NIfTI header and its extension flag"
        gzip_headers = {path.read_bytes()[:10] for path in found}
        assert len(gzip_headers) == 1
        header = gzip_headers.pop()
        assert header[3] == 0, "no file name, comment or extra field"
        assert header[4:8] == bytes(4), "no time"


def test_times_tell_no_file_from_another(made: Synthesised) -> None:
    """Of modification and last access as written; how long a CT took goes with what it shows."""
    paths = [made.cohort, *made.cohort.rglob("*")]
    assert {path.stat().st_mtime_ns for path in paths} == {1_577_836_800 * 10**9}


def test_ids_names_and_order_say_nothing(made: Synthesised, drawn: Draw) -> None:
    """Numbers in the order of drawing; in a large draw they go with no latent."""
    ids = [patient_id(i) for i in range(N)]
    assert [row["patient_id"] for row in table(made.cohort / "patients.csv")] == ids
    expected = {f"{i}{kind}.nii.gz" for i in ids for kind in ("", "_gtv")}
    assert {path.name for path in (made.cohort / "ct").iterdir()} == expected
    order = np.arange(len(drawn))
    for name in LATENTS:
        assert spearmanr(order, getattr(drawn.latents, name)).pvalue > 0.001, name


def test_the_cohort_names_neither_truth_nor_world_nor_seed(made: Synthesised) -> None:
    """With world and seed anyone could draw the truth again."""
    for path in files(made.cohort):
        if path.suffix != ".gz":
            text = path.read_text().lower()
            assert not [word for word in ("truth", "seed", "heterogeneous", "..") if word in text], path
    assert not [path for path in made.cohort.rglob("*") if path.is_symlink()]
    columns = set(table(made.cohort / "patients.csv")[0])
    assert not columns & {"frailty", "aggressiveness", "radioresistance", "shared", "propensity_sbrt", "delta"}


def test_no_latent_but_age_can_be_computed_from_the_table(drawn: Draw) -> None:
    """A regression on all that the table shows leaves at least a tenth of each latent open; age is shown by design."""
    c, ct = drawn.clinical, drawn.ct
    shown = [c.fev1, c.dlco, c.charlson, c.ecog, c.female, c.never_smoked, c.pack_years, c.adenocarcinoma]
    shown += [c.age_years, ct.diameter_mm, drawn.genome.pdl1_tps, drawn.arm, drawn.observed.os_years]
    design = np.column_stack([np.ones(len(drawn)), *shown, *drawn.genome.mutated.T]).astype(float)
    for name in ("smoking", "frailty", "aggressiveness", "radioresistance", "shared"):
        latent = getattr(drawn.latents, name)
        left = latent - design @ np.linalg.lstsq(design, latent, rcond=None)[0]
        assert left.var() / latent.var() > 0.1, name


# --- whole or absent


def test_a_folder_in_use_is_left_alone(made: Synthesised) -> None:
    before = digests(made.cohort), digests(made.truth)
    with pytest.raises(MMCareError) as caught:
        synthesise(made.cohort, "null", 3, 0)
    assert str(caught.value) == (
        f"{made.cohort}: exists and is not empty; nothing is ever overwritten. Name another folder, or remove this one."
    )
    assert (digests(made.cohort), digests(made.truth)) == before


def test_a_truth_in_use_is_left_alone_and_no_cohort_is_written(tmp_path: Path) -> None:
    truth = tmp_path / "cohort.truth"
    truth.mkdir()
    (truth / "latents.csv").write_text("mine")
    with pytest.raises(MMCareError) as caught:
        synthesise(tmp_path / "cohort", "null", 3, 0)
    assert str(caught.value) == (
        f"{truth}: exists and is not empty; nothing is ever overwritten. Name another folder, or remove this one."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["cohort.truth"]


def test_an_unknown_world_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(MMCareError, match="there is no world `flat`"):
        synthesise(tmp_path / "cohort", "flat", 3, 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("n", "seed", "size", "said"),
    [
        (0, 0, 64, "0 patients cannot be drawn; it takes at least 1."),
        (3, -1, 64, "the seed is -1; seeds are 0 and above."),
        (3, 0, 32, "CTs of 32 voxels an axis are not drawn; 64 or 96 are."),
    ],
)
def test_what_cannot_be_drawn_leaves_nothing(tmp_path: Path, n: int, seed: int, size: int, said: str) -> None:
    with pytest.raises(MMCareError) as caught:
        synthesise(tmp_path / "cohort", "null", n, seed, Contents(size))
    assert str(caught.value) == said
    assert not list(tmp_path.iterdir())


def test_the_folder_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    made = synthesise(Path(), "null", 2, 0, Contents(size_voxels=None, oracle=False))
    assert (made.cohort, made.truth) == (here, tmp_path / "here.truth")
    assert (here / "patients.csv").exists() and (tmp_path / "here.truth" / "latents.csv").exists()


def started(out: Path) -> subprocess.Popen[bytes]:
    code = "import sys; from mmcare.cli.main import main; sys.exit(main(sys.argv[1:]))"
    arguments = ["cohort", "synth", str(out), "--n", "60", "--workers", "2"]
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )


def wait_for(process: subprocess.Popen[bytes], parent: Path, count: int) -> None:
    """Until so many files of CTs are there, none of them finished by name of the cohort."""
    deadline = time.monotonic() + 120
    while len(list(parent.glob(".cohort.*/ct/SYN-*"))) < count:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


def wait_for_group_to_end(group: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("a worker outlived its parent")


@pytest.mark.parametrize("files_written", [6, 120], ids=["while CTs are drawn", "while oracles are computed"])
def test_a_killed_run_leaves_nothing_that_looks_finished(tmp_path: Path, files_written: int) -> None:
    process = started(tmp_path / "cohort")
    wait_for(process, tmp_path, files_written)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    wait_for_group_to_end(process.pid)
    left = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert not left
    again = synthesise(tmp_path / "cohort", "heterogeneous", 3, 0, Contents(size_voxels=None, oracle=False))
    assert again.cohort.is_dir(), "what is left is in nobody's way"


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    process = started(tmp_path / "cohort")
    wait_for(process, tmp_path, 6)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130 and b"Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_a_worker_that_is_killed_is_said_in_words() -> None:
    with pytest.raises(MMCareError) as caught, processes(2) as pool:
        list(in_order(os._exit, [1, 1, 1], pool))
    assert str(caught.value) == (
        "a worker process was ended from outside, or found no memory; nothing was kept. Use fewer with `--workers`."
    )


def test_a_known_error_of_a_worker_keeps_its_findings() -> None:
    with pytest.raises(MMCareError) as caught, processes(2) as pool:
        list(in_order(world_of, ["null", "flat", "crossing"], pool))
    with pytest.raises(MMCareError) as alone:
        world_of("flat")
    assert caught.value.findings == alone.value.findings


def test_results_come_in_order_also_where_there_are_many_tasks() -> None:
    with processes(2) as pool:
        assert list(in_order(abs, range(-600, 0), pool)) == list(range(600, 0, -1))

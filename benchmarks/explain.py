"""One patient's Shapley values by our explainer, beside shap's KernelExplainer and PermutationExplainer.

All explain one patient of one run for one output (3-year survival under the first arm) against the same 16 training
patients, and play the same game: every clinical column and gene is a player, the CT is as it is.

- KernelExplainer asks the whole network about each altered patient, as one does who has a model and no more: the CT
  goes through the image encoder each time. Its values are the same whether the CT's tokens are computed anew or kept,
  so they are computed with kept ones; its cost is that of its rows through the whole network, measured over 64 rows,
  for which both ways are compared first.
- PermutationExplainer is given the CT's tokens, computed once, and asks fusion and head alone; in a process of its own,
  for it compiles when it is first used. Once with as few rows as it takes, once with its default.

First the values of a long run of ours are compared with those of a long run of PermutationExplainer; a method's error
is its root mean square distance from the former. Then each runs once in a fresh process; what counts is the CPU time
from the call to the values, on one thread. Ours runs with the fewest rows (growing by a quarter) at which its error,
over three seeds, is no greater than the other's. Ends with exit code 1 where a ratio is below 100 (kernel) or 20
(permutation), or where values disagree.

    python benchmarks/explain.py [RUN COHORT [PATIENT]]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

KERNEL_NEEDED, PERMUTATION_NEEDED = 100.0, 20.0
BACKGROUND = 16
LONG_ROWS, LONG_PERMUTATIONS = 40_000, 24
KERNEL_SAMPLES = 512
WHOLE_ROWS = 64


@dataclass(frozen=True)
class Measured:
    """CPU seconds from the call to the values (P,), and how many altered patients were computed."""

    seconds: float
    values: np.ndarray
    rows: int


def make_run(folder: Path) -> tuple[Path, Path]:
    """A run of the demo's spec on synthetic patients whose tumours are outlined."""
    from mmcare.synthetic import draw, write_cohort
    from mmcare.workflow import Options, fit
    from mmcare.workflow.demo import example

    write_cohort(draw("heterogeneous", 500, 0), folder / "cohort", size_voxels=36, spacing_mm=3.0)
    overrides = (
        "training.max_epochs=2",
        "training.device=cpu",
        "modalities.ct.roi={use: mask}",
        "decision.bootstrap=0",
    )
    run = fit(example("demo.yaml"), folder / "cohort", overrides=overrides, options=Options(out=folder / "run"))
    return run.path, folder / "cohort"


class Game:
    """One patient of a run, and functions of its altered features."""

    def __init__(self, run: Path, cohort: Path, patient: str) -> None:
        import torch

        from mmcare.cohort import read_cohort
        from mmcare.explain.background import Background, read_reference
        from mmcare.explain.explainer import Explainer
        from mmcare.explain.players import differing, seat_players
        from mmcare.explain.rows import NetworkRows, PredictorRows, Setting
        from mmcare.run import NetworkPredictor, load_run

        torch.set_num_threads(1)
        loaded = load_run(run, allow_local_code=True)
        assert isinstance(loaded.predictor, NetworkPredictor)
        inputs = loaded.inputs(read_cohort(cohort), [patient], with_outcomes=False)
        items = {n: s.prepared[patient] for n, s in inputs.samples.items() if patient in s.prepared}
        targets = Explainer(loaded, inputs).targets[:1]
        reference = read_reference(loaded, inputs.layouts)
        drawn = reference.background(tuple(reference.inputs), BACKGROUND, 0)
        background = Background(drawn.numbers, drawn.inputs, {})  # without images' tokens, the CT is as it is
        players = seat_players(inputs.modalities, loaded.fitted, items, background)
        batch = inputs.batch([patient], with_outcomes=False)
        setting = Setting(batch, background, players, inputs.modalities, targets, loaded.outcomes)
        self.differs = differing(players, inputs.modalities, batch, background).numpy()
        self.make = lambda: NetworkRows(loaded.predictor.model, setting)
        self.whole = PredictorRows(loaded.predictor, setting)
        self.players = players.count


def ours(game: Game, rows: int, seed: int = 1) -> Measured:
    """The sampler, the CT's tokens computed within."""
    from mmcare.explain.algorithm.shapley import shapley

    start = time.process_time()
    shares = shapley(game.make(), game.differs, rows, seed)
    return Measured(time.process_time() - start, shares.values[:, 0], shares.rows)


def fewest(game: Game, wanted: dict[str, Any]) -> Measured:
    """Ours with the fewest rows whose error is no greater; as many rows as are to be asked for."""
    truth, rows = np.array(wanted["truth"]), 128
    while rows < LONG_ROWS:
        found = [ours(game, rows, seed) for seed in (1, 2, 3)]
        error = np.sqrt(np.mean([distance(one.values, truth) ** 2 for one in found]))
        if error <= wanted["error"]:
            break
        rows += rows // 4
    return Measured(0.0, truth, rows)


def coded(game: Game, value):  # type: ignore[no-untyped-def]
    """A function of rows of codes for shap: in each place the patient (-1) or a background patient's number."""
    rows = [0]

    def run(codes: np.ndarray) -> np.ndarray:
        rows[0] += len(codes)
        who = codes.max(1)  # a row mixes the patient with a single background patient
        return value(codes < 0, np.maximum(who, 0).astype(np.int64))[:, 0]

    return run, rows


def codes(game: Game) -> tuple[np.ndarray, np.ndarray]:
    """The patient's row of codes, and the background's."""
    return np.full((1, game.players), -1.0), np.repeat(np.arange(BACKGROUND, dtype=float)[:, None], game.players, 1)


def permutation(game: Game, permutations: int | None) -> Measured:
    """By shap's PermutationExplainer on cached image tokens; without a number its default."""
    start = time.process_time()
    import shap

    run, rows = coded(game, game.make())
    patient, background = codes(game)
    explainer = shap.PermutationExplainer(run, shap.maskers.Independent(background, BACKGROUND), seed=1)
    budget = {} if permutations is None else {"max_evals": permutations * (2 * game.players + 1)}
    found = explainer(patient, silent=True, **budget)
    return Measured(time.process_time() - start, found.values[0], rows[0])


def kernel(game: Game, samples: int) -> Measured:
    """KernelExplainer; its time is that of its rows through the whole network."""
    import shap

    cached = game.make()
    run, rows = coded(game, cached)
    patient, background = codes(game)
    values = shap.KernelExplainer(run, background).shap_values(patient, nsamples=samples, silent=True, l1_reg=False)
    keep = np.random.default_rng(0).random((WHOLE_ROWS, game.players)) < 0.5
    who = np.arange(WHOLE_ROWS) % BACKGROUND
    start = time.process_time()
    whole = game.whole(keep, who)
    each = (time.process_time() - start) / WHOLE_ROWS
    assert np.abs(whole - cached(keep, who)).max() < 1e-5, "tokens that are kept change nothing"
    return Measured(each * rows[0], np.asarray(values)[0], rows[0])


METHODS = {"ours": ours, "fewest": fewest, "permutation": permutation, "kernel": kernel}


def fresh(run: Path, cohort: Path, patient: str, method: str, budget: Any) -> Measured:
    """A method in a process of its own."""
    words = [sys.executable, __file__, "--one", str(run), str(cohort), patient, method, json.dumps(budget)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout.splitlines()[-1])
    return Measured(found["seconds"], np.array(found["values"]), found["rows"])


def one(words: list[str]) -> None:
    """What a process of its own prints."""
    run, cohort, patient, method, budget = words
    found = METHODS[method](Game(Path(run), Path(cohort), patient), json.loads(budget))
    print(json.dumps({"seconds": found.seconds, "values": found.values.tolist(), "rows": found.rows}))


def distance(values: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean((values - truth) ** 2)))


def at_error(run: Path, cohort: Path, patient: str, error: float, truth: np.ndarray) -> Measured:
    """Ours at that error."""
    rows = fresh(run, cohort, patient, "fewest", {"error": error, "truth": truth.tolist()}).rows
    return fresh(run, cohort, patient, "ours", rows)


def main() -> int:
    """Measure and judge."""
    with tempfile.TemporaryDirectory() as folder:
        given = [Path(word) for word in sys.argv[1:3]]
        run, cohort = given if len(given) == 2 else make_run(Path(folder))
        patient = sys.argv[3] if len(sys.argv) > 3 else _first_whole_patient(run, cohort)
        return judge(run, cohort, patient)


def judge(run: Path, cohort: Path, patient: str) -> int:
    """Compare the values, then the costs."""
    truth = fresh(run, cohort, patient, "ours", LONG_ROWS)
    other = fresh(run, cohort, patient, "permutation", LONG_PERMUTATIONS)
    size = float(np.sqrt(np.mean(truth.values**2)))
    apart = distance(other.values, truth.values) / size
    print(f"{len(truth.values)} players; long runs differ by {apart:.1%} of the values", flush=True)
    good = distance(other.values, truth.values) < 0.1 * size
    methods = (
        ("permutation", 1, PERMUTATION_NEEDED),
        ("permutation", None, PERMUTATION_NEEDED),
        ("kernel", KERNEL_SAMPLES, KERNEL_NEEDED),
    )
    for name, budget, needed in methods:
        theirs = fresh(run, cohort, patient, name, budget)
        error = distance(theirs.values, truth.values)
        mine = at_error(run, cohort, patient, error, truth.values)
        ratio = theirs.seconds / mine.seconds
        own = distance(mine.values, truth.values)
        print(
            f"{name}: {theirs.seconds:.2f} s, {theirs.rows:,} rows, error {error / size:.1%}; "
            f"ours: {mine.seconds:.3f} s, {mine.rows:,} rows, error {own / size:.1%}; ratio {ratio:.1f}",
            flush=True,
        )
        good &= ratio >= needed
    return 0 if good else 1


def _first_whole_patient(run: Path, cohort: Path) -> str:
    """The first test patient who has every modality."""
    from mmcare.cohort import read_cohort
    from mmcare.run import load_run

    loaded = load_run(run, allow_local_code=True)
    patients = loaded.folder.test_patients()
    inputs = loaded.inputs(read_cohort(cohort), patients, with_outcomes=False)
    return next(p for p in patients if all(p in samples.prepared for samples in inputs.samples.values()))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2:])
    else:
        sys.exit(main())

"""One patient's Shapley values by our explainer, beside shap's KernelExplainer and PermutationExplainer.

All explain one patient of one run for one output (3-year survival under the first arm) against the same 16 training
patients, and play the same game: every clinical column and gene is a player, the CT is as it is. All are told in which
columns and genes the patient and a training patient are alike, and leave these out.

- KernelExplainer asks the whole network about each altered patient, as one does who has a model and no more: the CT
  goes through the image encoder each time. Its values are the same whether the CT's tokens are computed anew or kept,
  so they are computed with kept ones; its cost is that of its rows through the whole network, measured over 64 rows,
  for which both ways are compared first.
- PermutationExplainer is given the CT's tokens and asks the rest of the network: encoders of table and genes, fusion,
  head; of what ours leaves out beside (a row that comes twice, tokens outside the tumour's region) it knows nothing.
  Ours is given them, too. In a process of its own: it imports shap, and shap compiles when it is first used, both of
  which count; what of the time is the model's is printed beside. Once with as few rows as it takes, once with its
  default.

First the values of a long run of ours are compared with those of a long run of PermutationExplainer; a method's error
is its root mean square distance from the former. Then each runs once in a fresh process; what counts is the CPU time
from the call to the values, on one thread. Ours runs with the fewest rows (growing by a quarter) at which its error,
over three seeds, is no greater than the other's. Ends with exit code 1 where a ratio is below 100 (kernel) or 20
(permutation with its fewest rows: the quickest explanation it has), or where values disagree. Beside its default, where
the rows of both outweigh what starting costs, the ratio is printed and nothing is claimed.

The model is our default spec, `examples/mm-care.yaml`, on 240 synthetic patients.

    python benchmarks/explain.py [RUN COHORT [PATIENT]]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

KERNEL_NEEDED, PERMUTATION_NEEDED = 100.0, 20.0
PATIENTS, BACKGROUND = 240, 16
LONG_ROWS, LONG_PERMUTATIONS = 40_000, 24
KERNEL_SAMPLES = 512
WHOLE_ROWS = 64


@dataclass(frozen=True)
class Measured:
    """CPU seconds from the call to the values (P,), how many of them in the model, and altered patients computed."""

    seconds: float
    values: np.ndarray
    rows: int
    model: float = 0.0


def make_run(folder: Path) -> tuple[Path, Path]:
    """A run of our default spec, trained as long as that explanations are not of noise alone."""
    from mmcare.synthetic import draw, write_cohort
    from mmcare.workflow.fit import fit
    from mmcare.workflow.options import Options

    write_cohort(draw("heterogeneous", PATIENTS, 0), folder / "cohort")
    overrides = ("training.max_epochs=2", "training.lr=5e-4", "training.device=cpu", "decision.bootstrap=0")
    spec = Path(__file__).parents[1] / "examples" / "mm-care.yaml"
    run = fit(spec, folder / "cohort", overrides=overrides, options=Options(out=folder / "run"))
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
        self.cached = lambda: cached_rows(loaded.predictor.model, setting)
        self.whole = PredictorRows(loaded.predictor, setting)
        self.players = players.count


def ours(game: Game, rows: int, seed: int = 1) -> Measured:
    """The sampler, the CT's tokens computed within."""
    start = time.process_time()
    return sampled(game, game.make(), rows, seed, start)


def from_tokens(game: Game, rows: int, seed: int = 1) -> Measured:
    """The sampler, given the CT's tokens."""
    value = game.make()
    return sampled(game, value, rows, seed, time.process_time())


def sampled(game: Game, value: Any, rows: int, seed: int, start: float) -> Measured:
    """By our sampler, timed from `start`."""
    from mmcare.explain.algorithm.shapley import shapley

    shares = shapley(value, game.differs, rows, seed)
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


class Coded:
    """A function of rows of codes for shap: in each place the patient (-1) or a background patient's number."""

    def __init__(self, game: Game, value: Any) -> None:
        self.value, self.rows, self.seconds = value, 0, 0.0
        self.patient = np.full((1, game.players), -1.0)
        # where both are alike the codes are, by which shap knows that a row need not be computed again
        self.background = np.where(game.differs, np.arange(BACKGROUND, dtype=float)[:, None], -1.0)

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        start = time.process_time()
        self.rows += len(codes)
        who = codes.max(1)  # a row mixes the patient with a single background patient
        values = self.value(codes < 0, np.maximum(who, 0).astype(np.int64))[:, 0]
        self.seconds += time.process_time() - start
        return values  # type: ignore[no-any-return]


def cached_rows(model: Any, setting: Any) -> Any:
    """Altered patients by one who keeps the CT's tokens, and asks the rest of the network about each."""
    import torch

    from mmcare.explain.rows import AlteredRows

    class CachedRows(AlteredRows):
        def __init__(self) -> None:
            super().__init__(setting, torch.device("cpu"))
            with torch.no_grad():
                own = model.encode(self.batch)
            self.kept = {seat.modality: own[seat.modality] for seat in self.players.seats if seat.kind == "held"}

        def prognosis(self, keep: torch.Tensor, who: torch.Tensor) -> Any:
            seats = [seat for seat in self.players.seats if seat.modality not in self.kept]
            rows = {seat.modality: self.altered(seat, keep[:, seat.places], who) for seat in seats}
            size = len(who)
            present, ids = self.batch.present.expand(size, -1), self.batch.ids * size
            batch = replace(self.batch, modalities=rows, present=present, ids=ids)
            kept = {name: tokens.take(torch.zeros_like(who)) for name, tokens in self.kept.items()}
            return model.predict(model.scores(model.represent(model.encode(batch, kept))))

    return CachedRows()


def permutation(game: Game, permutations: int | None) -> Measured:
    """By shap's PermutationExplainer, given the CT's tokens; without a number its default."""
    cached = game.cached()
    start = time.process_time()
    import shap

    run = Coded(game, cached)
    explainer = shap.PermutationExplainer(run, shap.maskers.Independent(run.background, BACKGROUND), seed=1)
    budget = {} if permutations is None else {"max_evals": permutations * (2 * game.players + 1)}
    found = explainer(run.patient, silent=True, **budget)
    seconds = time.process_time() - start
    _same(game, cached, game.make())
    return Measured(seconds, found.values[0], run.rows, run.seconds)


def kernel(game: Game, samples: int) -> Measured:
    """KernelExplainer; its time is that of its rows through the whole network."""
    import shap

    run = Coded(game, game.make())
    explainer = shap.KernelExplainer(run, run.background)
    values = explainer.shap_values(run.patient, nsamples=samples, silent=True, l1_reg=False)
    each = _same(game, game.whole, run.value)
    return Measured(each * run.rows, np.asarray(values)[0], run.rows, each * run.rows)


def _same(game: Game, theirs: Any, ours: Any) -> float:
    """CPU seconds a row of `theirs`, whose values are those of `ours`."""
    keep = np.random.default_rng(0).random((WHOLE_ROWS, game.players)) < 0.5
    who = np.arange(WHOLE_ROWS) % BACKGROUND
    start = time.process_time()
    found = theirs(keep, who)
    each = (time.process_time() - start) / WHOLE_ROWS
    assert np.abs(found - ours(keep, who)).max() < 1e-5, "what ours leaves out changes nothing"
    return each


METHODS = {"ours": ours, "from tokens": from_tokens, "fewest": fewest, "permutation": permutation, "kernel": kernel}


def fresh(run: Path, cohort: Path, patient: str, method: str, budget: Any) -> Measured:
    """A method in a process of its own."""
    words = [sys.executable, __file__, "--one", str(run), str(cohort), patient, method, json.dumps(budget)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout.splitlines()[-1])
    return Measured(found["seconds"], np.array(found["values"]), found["rows"], found["model"])


def one(words: list[str]) -> None:
    """What a process of its own prints."""
    run, cohort, patient, method, budget = words
    found = METHODS[method](Game(Path(run), Path(cohort), patient), json.loads(budget))
    print(json.dumps({**vars(found), "values": found.values.tolist()}))


def distance(values: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean((values - truth) ** 2)))


def at_error(run: Path, cohort: Path, patient: str, method: str, error: float, truth: np.ndarray) -> Measured:
    """Ours at that error, by `ours` or `from tokens`."""
    rows = fresh(run, cohort, patient, "fewest", {"error": error, "truth": truth.tolist()}).rows
    return fresh(run, cohort, patient, method, rows)


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
        ("permutation", 1, "from tokens", PERMUTATION_NEEDED),
        ("permutation", None, "from tokens", 0.0),
        ("kernel", KERNEL_SAMPLES, "ours", KERNEL_NEEDED),
    )
    for name, budget, own_way, needed in methods:
        theirs = fresh(run, cohort, patient, name, budget)
        error = distance(theirs.values, truth.values)
        mine = at_error(run, cohort, patient, own_way, error, truth.values)
        ratio = theirs.seconds / mine.seconds
        own = distance(mine.values, truth.values)
        print(
            f"{name}{'' if budget else ', by default'}: "
            f"{theirs.seconds:.2f} s ({theirs.model:.2f} s in the model), {theirs.rows:,} rows, "
            f"error {error / size:.1%}; "
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

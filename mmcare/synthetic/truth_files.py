"""The truth of a synthetic cohort on disk: curves and oracles beside latents, outcomes and the world's numbers."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from mmcare.formats.atomic import write_bytes, write_text
from mmcare.synthetic.curves import HORIZONS, UTILITY, YEARS, Curves, latent_curves
from mmcare.synthetic.draw import Draw
from mmcare.synthetic.genome import GENES
from mmcare.synthetic.hazards import AFTER_FAILURE, AGEING, ARMS, ArmHazards
from mmcare.synthetic.items import Items, items_of, taken
from mmcare.synthetic.oracle import DRAWS, ENOUGH, Oracle, oracle
from mmcare.synthetic.random import Floats
from mmcare.synthetic.worlds import SUMMARIES, World
from mmcare.synthetic.write import Progress, patient_id, table
from mmcare.workers import in_order

__all__ = ["Truth", "true_curves", "write_curves", "write_oracle", "write_world"]

_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Truth:
    """What is computed of a cohort's truth.

    Attributes:
        latent: Curves given latents (level 2).
        oracles: By modality set, curves given what it shows (level 3); empty where they were not asked for.
    """

    latent: Curves
    oracles: Mapping[str, Oracle]


@dataclass(frozen=True, slots=True)
class _Group:
    world: World
    seed: int
    patients: Sequence[int]
    hazards: tuple[ArmHazards, ArmHazards]
    shared: Floats
    items: Items | None


def true_curves(
    draw: Draw, with_oracle: bool, pool: ProcessPoolExecutor | None = None, progress: Progress | None = None
) -> Truth:
    """Curves of all patients, some at a time, in parallel; the same whatever the number of workers.

    Args:
        draw: A drawn cohort.
        with_oracle: Whether to average over what each modality set leaves open, some 13 ms of a core a patient.
        pool: Worker processes; without, all is done here.
        progress: Told how many patients are done.
    """
    groups, parts = _groups(draw, with_oracle), []
    for part in in_order(_truth_of, groups, pool):
        parts.append(part)
        if progress is not None:
            what = "computing oracles" if with_oracle else "computing curves"
            progress(what, min(_AT_ONCE * len(parts), len(draw)), len(draw))
    oracles = {
        name: Oracle(
            Curves.joined([part.oracles[name].curves for part in parts]),
            np.concatenate([part.oracles[name].effective_draws for part in parts]),
            np.concatenate([part.oracles[name].draws for part in parts]),
        )
        for name in parts[0].oracles
    }
    return Truth(Curves.joined([part.latent for part in parts]), oracles)


def _groups(draw: Draw, with_oracle: bool) -> list[_Group]:
    items = items_of(draw) if with_oracle else None
    found = []
    for start in range(0, len(draw), _AT_ONCE):
        rows = np.arange(start, min(start + _AT_ONCE, len(draw)))
        sbrt, surgery = (taken(of_arm, rows) for of_arm in draw.hazards)
        seen = None if items is None else items.take(rows)
        found.append(_Group(draw.world, draw.seed, rows.tolist(), (sbrt, surgery), draw.latents.shared[rows], seen))
    return found


def _truth_of(group: _Group) -> Truth:
    latent = latent_curves(group.world, group.hazards, group.shared)
    if group.items is None:
        return Truth(latent, {})
    return Truth(latent, oracle(group.world, group.items, group.seed, group.patients))


def write_curves(truth: Truth, folder: Path) -> None:
    """`curves.npz`: survival and local failure of each patient (n, 2 arms, T), of each modality set before that."""
    sets = list(truth.oracles)
    n = len(truth.latent.survival)
    arrays = {
        "years": YEARS,
        "arms": np.array(ARMS),
        "patient_id": np.array([patient_id(i) for i in range(n)]),
        "latent_survival": truth.latent.survival.astype(np.float32),
        "latent_local_failure": truth.latent.local_failure.astype(np.float32),
    }
    if sets:
        curves = [truth.oracles[name].curves for name in sets]
        arrays |= {
            "modality_sets": np.array(sets),
            "oracle_survival": np.stack([c.survival for c in curves]).astype(np.float32),
            "oracle_local_failure": np.stack([c.local_failure for c in curves]).astype(np.float32),
        }
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    write_bytes(folder / "curves.npz", content.getvalue())


def write_oracle(draw: Draw, truth: Truth, folder: Path) -> None:
    """`oracle.csv`: a row for each patient and modality set."""
    write_text(folder / "oracle.csv", table(_columns(), _rows(draw, truth)))


def _columns() -> list[str]:
    curves = [f"{arm}_{what}_{h}" for arm in ARMS for what in ("survival", "local_failure") for h in HORIZONS]
    return ["patient_id", "modalities", *curves, "effective_draws", "draws", "delta", "best_arm", "propensity_sbrt"]


def _rows(draw: Draw, truth: Truth) -> Iterator[Sequence[object]]:
    values = {name: _at_horizons(o.curves).tolist() for name, o in truth.oracles.items()}
    deltas = {name: o.curves.delta.tolist() for name, o in truth.oracles.items()}
    for i in range(len(draw)):
        for name, found in truth.oracles.items():
            delta = deltas[name][i]
            best = "either" if delta == 0 else ARMS[int(delta > 0)]
            worth, drawn = f"{found.effective_draws[i]:.1f}", int(found.draws[i])
            yield patient_id(i), name, *values[name][i], worth, drawn, delta, best, float(draw.propensity[i])


def _at_horizons(curves: Curves) -> Floats:
    """(n, 2 arms * 2 endpoints * horizons) in the order of the columns."""
    at = np.stack([np.stack(curves.at(h), axis=-1) for h in HORIZONS], axis=-1)
    return np.asarray(at.reshape(len(at), -1))


def write_world(draw: Draw, truth: Truth, size_voxels: int | None, folder: Path) -> None:
    """`world.json`: what the cohort was made with, and what the oracle's draws were worth."""
    oracles = {
        name: {
            "least_effective_draws": round(float(found.effective_draws.min()), 1),
            "patients_below_enough": int((found.effective_draws < ENOUGH).sum()),
        }
        for name, found in truth.oracles.items()
    }
    world = {
        **asdict(draw.world),
        "summary": SUMMARIES[draw.world.name],
        "seed": draw.seed,
        "patients": len(draw),
        "ct_voxels": size_voxels,
        "version": version("mmcare"),
        "constants": {
            "death_hazard_after_local_failure": AFTER_FAILURE,
            "ageing": AGEING,
            "variance_of_shared_frailty": 0.4,
            "utility": UTILITY,
            "genes": [asdict(gene) for gene in GENES],
        },
        "oracle": {"draws": DRAWS, "enough_effective_draws": ENOUGH, "modality_sets": oracles} if oracles else None,
    }
    write_text(folder / "world.json", json.dumps(world, indent=1) + "\n")

"""Measure what each oracle reaches, and print the table of docs/synthetic-cohort.md.

python docs/scripts/measure_ceilings.py [PATIENTS]

Seed 0, 200 draws to start with, nobody censored. 100,000 patients take a quarter of an hour on two cores.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmcare.survival import uno_concordance
from mmcare.synthetic import Draw, draw
from mmcare.synthetic.curves import latent_curves, structural_curves
from mmcare.synthetic.items import MODALITY_SETS, Items, Modalities, items_of, with_complete_genome
from mmcare.synthetic.oracle import oracle
from mmcare.workers import cores, in_order, processes

DRAWS, AT_ONCE = 200, 500
GENOME = ("genomic", "clinical+ct+genomic")


@dataclass(frozen=True)
class Task:
    items: Items
    patients: Sequence[int]
    sets: Mapping[str, Modalities]


def at_three_years(task: Task) -> dict[str, np.ndarray]:
    """(n, 2 endpoints, 2 arms) probabilities of survival and local failure."""
    from mmcare.synthetic.worlds import world_of

    found = oracle(world_of("heterogeneous"), task.items, 0, task.patients, task.sets, DRAWS)
    return {name: np.stack(of.curves.at(3), axis=1) for name, of in found.items()}


def all_at_three_years(items: Items, sets: Mapping[str, Modalities], pool) -> dict[str, np.ndarray]:
    rows = np.array_split(np.arange(len(items)), max(1, len(items) // AT_ONCE))
    tasks = [Task(items.take(of), of.tolist(), sets) for of in rows]
    parts = list(in_order(at_three_years, tasks, pool))
    return {name: np.concatenate([part[name] for part in parts]) for name in sets}


def concordance(drawn: Draw, at_three: np.ndarray) -> tuple[float, float]:
    """C at 3 years of survival and of local failure, within the arm received."""
    arm, n = drawn.arm, np.arange(len(drawn))
    death = np.where(arm == 0, drawn.times[0].death, drawn.times[1].death)
    failure = np.where(arm == 0, drawn.times[0].local_failure, drawn.times[1].local_failure)
    code = np.where(failure < death, 1, 2)
    os_ = uno_concordance(1 - at_three[n, 0, arm], death, np.ones(len(n)), 3.0, arm)
    lc = uno_concordance(at_three[n, 1, arm], np.minimum(failure, death), code, 3.0, arm, competing=True)
    return os_.index, lc.index


def main(n: int) -> None:
    drawn = draw("heterogeneous", n, 0)
    whole = replace(drawn, measured=with_complete_genome(drawn.measured))
    with processes(cores()) as pool:
        found = all_at_three_years(items_of(drawn), MODALITY_SETS, pool)
        complete = all_at_three_years(items_of(whole), {name: MODALITY_SETS[name] for name in GENOME}, pool)
    found |= {f"{name}, genome complete": at_three for name, at_three in complete.items()}
    latent = latent_curves(drawn.world, drawn.hazards, drawn.latents.shared)
    found["latents"] = np.stack(latent.at(3), axis=1)
    found["latents and Z"] = np.stack(structural_curves(drawn.world, drawn.hazards).at(3), axis=1)
    print("| what is seen | survival | local failure |\n| --- | --- | --- |")
    for name, at_three in found.items():
        os_, lc = concordance(drawn, at_three)
        print(f"| {name} | {os_:.3f} | {lc:.3f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)

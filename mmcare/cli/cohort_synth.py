"""`mmcare cohort synth`."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mmcare.cli.progress import progress, tell

if TYPE_CHECKING:
    from mmcare.synthetic import Synthesised

__all__ = ["synth"]

WorldName = Literal[
    "heterogeneous",
    "null",
    "homogeneous",
    "crossing",
    "weak-overlap",
    "hidden-confounder",
    "informative-missing",
    "covariate-censoring",
]


def synth(
    out: Annotated[Path, typer.Argument(help="The cohort folder to write; its truth goes to OUT.truth beside it.")],
    world: Annotated[WorldName, typer.Option("--world", help="One of the worlds above.")] = "heterogeneous",
    n: Annotated[int, typer.Option("--n", metavar="N", min=1, help="Patients.")] = 2_500,
    seed: Annotated[
        int, typer.Option("--seed", metavar="S", min=0, help="Any number; the same gives the same bytes.")
    ] = 0,
    size: Annotated[Literal["64", "96"], typer.Option("--size", help="Voxels of a CT an axis, over 96 mm.")] = "64",
    ct: Annotated[bool, typer.Option("--ct/--no-ct", help="With CTs, or tables only.")] = True,
    oracle: Annotated[
        bool,
        typer.Option("--oracle/--no-oracle", help="What each set of modalities can tell; 13 ms of a core a patient."),
    ] = True,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, help="Processes; by default one for each core.")
    ] = None,
) -> None:
    """Draw a synthetic cohort from a written-down causal model, with its truth in a folder beside it.

    OUT holds what a hospital would: CTs, a table, mutations, outcomes. OUT.truth holds what nobody knows: latents, both
    treatments' outcomes, survival curves, and what an oracle can tell from each set of modalities. The worlds:

    heterogeneous: the base: which treatment is better depends on the patient.

    null: no difference between the treatments, for anyone.

    homogeneous: surgery is better for all, by the same hazard.

    crossing: surgery costs more lives early and saves more late.

    weak-overlap: most patients could have got one treatment only.

    hidden-confounder: frailty itself decides the treatment, beside what is measured.

    informative-missing: frailty and aggressiveness decide who has a genome.

    covariate-censoring: the old and unfit are lost to follow-up earlier.

    Example:
        mmcare cohort synth world
        mmcare cohort synth null-world --world null --n 500 --seed 7
        mmcare cohort synth large --n 50000 --no-ct --no-oracle
    """
    from mmcare.synthetic import Contents, synthesise
    from mmcare.workers import cores

    started = monotonic()
    contents = Contents(int(size) if ct else None, oracle)
    with progress() as advance:
        made = synthesise(out, world, n, seed, contents, workers=workers or cores(), progress=advance)
    tell(_summary(made, monotonic() - started))
    print(made.cohort)
    tell(f"Next: mmcare cohort check {made.cohort}")


def _summary(made: Synthesised, seconds: float) -> str:
    drawn = made.drawn
    died, failed = int((drawn.observed.os_event == 1).sum()), int((drawn.observed.lc_event == 1).sum())
    patients = f"{len(drawn)} patient{'s' if len(drawn) != 1 else ''}"
    found = (
        f"{patients} of the world {drawn.world.name} in {seconds:.0f} s: {int((drawn.arm == 0).sum())} got SBRT, "
        f"{died} died, {failed} had a local failure. The truth is in {made.truth}; keep it away from training."
    )
    few = {name: int((o.effective_draws < made.enough).sum()) for name, o in made.curves.oracles.items()}
    if any(few.values()):
        of = ", ".join(f"{count} of {name}" for name, count in few.items() if count)
        found += f" Oracles that rest on fewer than {made.enough} effective draws: {of} (see `effective_draws`)."
    return found

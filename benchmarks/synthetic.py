"""The synthetic cohort: how many patients a second one core draws and renders, and how long 2,500 with files take.

Equality first: two worker processes must write the bytes that one writes, cohort and truth. Then patients are drawn and
rendered at 64^3 on one core without writing, and a cohort of 2,500 is written on two cores as `mmcare cohort synth`
does by default, oracles and all. CPU time counts, for other work on the machine does not; wall time is shown beside it.
Ends with exit code 1 where bytes differ, one core does fewer than 60 patients a second, or the CPU time of the 2,500 on
two cores is above 3 minutes.

    python benchmarks/synthetic.py [PATIENTS]
"""

from __future__ import annotations

import hashlib
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mmcare.synthetic import Contents, draw, synthesise
from mmcare.synthetic.scene import render_scene

SIZE, WORLD, CORES = 64, "heterogeneous", 2
NEEDED_A_SECOND, NEEDED_SECONDS = 60.0, 180.0


def digests(folder: Path) -> dict[str, str]:
    """Of every file of a cohort and of its truth."""
    found = {}
    for root in (folder, folder.with_name(f"{folder.name}.truth")):
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            name = f"{root.suffix}/{path.relative_to(root)}"
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def written_alike(place: Path, patients: int = 60) -> bool:
    """Whether one process and two write the same."""
    for workers in (1, CORES):
        synthesise(place / str(workers), WORLD, patients, 0, Contents(SIZE), workers=workers)
    alone, together = digests(place / "1"), digests(place / str(CORES))
    verdict = "the same" if alone == together else "NOT the same"
    print(f"{len(alone)} files of {patients} patients: one process and two write {verdict}")
    return alone == together


def rendered(patients: int) -> None:
    """Draw, and render without writing."""
    drawn = draw(WORLD, patients, 1)
    for i in range(patients):
        render_scene(drawn.ct, drawn.sites, int(drawn.latents.site[i]), drawn.seed, i, SIZE)


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds, those of ended child processes included, and wall seconds."""
    cpu, wall = _cpu_seconds(), time.perf_counter()
    work()
    return _cpu_seconds() - cpu, time.perf_counter() - wall


def _cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in (own, children))


def main() -> int:
    """Compare, measure, print, judge."""
    patients = int(sys.argv[1]) if len(sys.argv) > 1 else 2_500
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as place:
        if not written_alike(Path(place)):
            return 1
        rendered(10)
        rounds = [measured(lambda: rendered(200)) for _ in range(3)]
        cpu, wall = min(rounds)
        rate = 200 / cpu
        print(f"drawn and rendered at {SIZE}^3: {rate:.0f} patients a second of CPU ({200 / wall:.0f} of wall time)")
        cpu, wall = measured(lambda: synthesise(Path(place) / "all", WORLD, patients, 0, Contents(SIZE), workers=CORES))
    each = f"{cpu:.0f} s of CPU, {cpu / CORES:.0f} s a core; wall time {wall:.0f} s"
    print(f"{patients} patients with files and oracles: {each}")
    return 0 if rate >= NEEDED_A_SECOND and cpu / CORES < NEEDED_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())

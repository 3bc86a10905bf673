"""The ESM-2 encoder asks its language model for each distinct sequence once, beside one that asks for every row.

Both sides are the published network esm2_t6_8M with the same drawn weights, on a made-up cohort: 64 patients with up to
two of 24 changes in each of four genes, three epochs of batches of 16. The other side is the same encoder told to keep
nothing, called a patient at a time. Tokens are compared first; then sequences are counted and CPU time is measured,
both sides in one run. Ends with exit code 1 where the two disagree or a sequence was encoded twice.

    python benchmarks/esm.py [EPOCHS]
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from mmcare.components import SequenceBatch, SequenceLayout
from mmcare_esm.esm import ESM
from mmcare_esm.plugin import ESMConfig

PATIENTS, BATCH, CHANGES, LENGTH = 64, 16, 24, 400
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
Epoch = Callable[[], Tensor]


def made_up_cohort() -> tuple[SequenceLayout, SequenceBatch]:
    """Four genes; substitutions, a few of them frequent, as in tumours."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(20, (4, LENGTH), generator=generator).tolist()
    references = tuple("M" + "".join(LETTERS[i] for i in row[1:]) for row in drawn)
    sequences = []
    for reference in references:
        for place in torch.randperm(LENGTH, generator=generator)[:CHANGES].tolist():
            other = LETTERS[(LETTERS.index(reference[place]) + 1) % 20]
            sequences.append(reference[:place] + other + reference[place + 1 :])
    weight = 1.0 / torch.arange(1, CHANGES + 1)
    change = torch.multinomial(weight, PATIENTS * 4 * 2, replacement=True, generator=generator).view(PATIENTS, 4, 2)
    index = change + CHANGES * torch.arange(4)[:, None]
    state = torch.rand(PATIENTS, 4, generator=generator)
    index[..., 1][state < 0.8] = -1
    index[..., 0][state < 0.5] = -2
    index[..., 0][state < 0.1] = -1
    keys = tuple(str(n) for n in range(len(sequences)))
    layout = SequenceLayout(slots=("A", "B", "C", "D"), alphabet=LETTERS, references=references)
    return layout, SequenceBatch(rows=torch.arange(PATIENTS), keys=keys, sequences=tuple(sequences), index=index)


def encoder(layout: SequenceLayout) -> ESM:
    """The same weights each time."""
    torch.manual_seed(0)
    return ESM(ESMConfig(), layout).eval()


def counted(model: ESM) -> Counter[tuple[int, ...]]:
    """How often each sequence goes through the network from now on."""
    seen: Counter[tuple[int, ...]] = Counter()
    network: Any = model.language_model.network
    forward = network.forward

    def counting(input_ids: Tensor, attention_mask: Tensor) -> object:
        seen.update(tuple(i[: int(n)].tolist()) for i, n in zip(input_ids, attention_mask.sum(1), strict=True))
        return forward(input_ids=input_ids, attention_mask=attention_mask)

    network.forward = counting
    return seen


def epoch(model: ESM, cohort: SequenceBatch, size: int, forget: bool) -> Tensor:
    """Tokens of every patient, in batches of `size`."""
    parts = []
    for start in range(0, PATIENTS, size):
        if forget:
            model.language_model._kept.clear()
        rows = torch.arange(start, min(start + size, PATIENTS))
        with torch.no_grad():
            parts.append(model(cohort.take(rows, torch.arange(len(rows)))).values)
    return torch.cat(parts)


def run(epochs: int, once: Epoch) -> float:
    """CPU seconds of some epochs."""
    start = time.process_time()
    for _ in range(epochs):
        once()
    return time.process_time() - start


def report(seen: Counter[tuple[int, ...]], seconds: float) -> str:
    """Sequences through the network, distinct ones, and CPU time."""
    return f"{seen.total()} sequences through the network, {len(seen)} distinct, {seconds:.1f} s of CPU"


def main(arguments: Sequence[str]) -> int:
    """Compare, count, measure, print, judge."""
    epochs = int(arguments[0]) if arguments else 3
    torch.set_num_threads(1)
    layout, cohort = made_up_cohort()
    expected = epoch(encoder(layout), cohort, 1, forget=True)
    found = epoch(encoder(layout), cohort, BATCH, forget=False)
    mask = (cohort.index != -1).any(-1)
    difference = float((found - expected)[mask].abs().max())
    print(f"largest difference of tokens {difference:.1e}")
    ours, theirs = encoder(layout), encoder(layout)
    kept, asked = counted(ours), counted(theirs)
    mine = run(epochs, lambda: epoch(ours, cohort, BATCH, forget=False))
    other = run(epochs, lambda: epoch(theirs, cohort, 1, forget=True))
    print(f"kept by sequence: {report(kept, mine)}")
    print(f"asked every time: {report(asked, other)}")
    print(f"ratio of sequences {asked.total() / kept.total():.1f}, of time {other / mine:.1f}")
    return 0 if difference < 1e-4 and max(kept.values()) == 1 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

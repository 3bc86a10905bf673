"""What exact Efron costs: the Cox loss of the head beside a plain `logcumsumexp` that knows no ties and no arms.

First the values are compared: with the plain form where there are no ties and one arm, with Efron event by event where
there are. Then forward and backward are timed in turn, in one run; the quickest of each counts. At batch 16, with two
arms and ties, the ratio may be 1.5. Under heavy ties (a hundred times, everyone dies) the ratio and the memory a
patient may not grow with the number of patients.

    python benchmarks/cox_loss.py [REPEATS]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from mmcare_prognosis.partial_likelihood import efron_log_likelihood

ALLOWED = 1.5
ALLOWED_GROWTH = 1.3
SIZES = (10_000, 40_000, 160_000)
Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def efron(eta: Tensor, years: Tensor, event: Tensor, arm: Tensor) -> Tensor:
    """The head's loss of a batch."""
    return -efron_log_likelihood(eta, years, event, arm) / 5.0


def plain(eta: Tensor, years: Tensor, event: Tensor, arm: Tensor) -> Tensor:
    """What is commonly written: sort by time, `logcumsumexp`; wrong with ties, and one risk set for all arms."""
    order = torch.argsort(years, descending=True)
    eta, event = eta[order].double(), event[order] == 1
    return -((eta - torch.logcumsumexp(eta, 0)) * event).sum() / 5.0


def batch(size: int, seed: int, *, tied: bool, arms: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Scores, times (whole months where tied), events, arms."""
    generator = torch.Generator().manual_seed(seed)
    years = 0.01 - 4 * torch.log(torch.rand(size, generator=generator, dtype=torch.float64))
    years = (years * 12).ceil() / 12 if tied else years
    event = (torch.rand(size, generator=generator) < 0.4).long()
    return torch.randn(size, generator=generator), years, event, torch.randint(arms, (size,), generator=generator)


def heavy_ties(size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A hundred times for all, everyone dies, one arm."""
    eta, _, _, arm = batch(size, 0, tied=True, arms=1)
    return eta, torch.arange(size).remainder(100).double() + 1, torch.ones(size, dtype=torch.long), arm


def by_hand(eta: Tensor, years: Tensor, event: Tensor, arm: Tensor) -> float:
    """Efron, event by event."""
    total = 0.0
    for i in ((event == 1).nonzero()[:, 0]).tolist():
        mates = (arm == arm[i]) & (years >= years[i])
        tied = (arm == arm[i]) & (years == years[i]) & (event == 1)
        rank = float(tied[:i].sum()) / float(tied.sum())
        weight = eta.double().exp()
        total += float(eta[i].double() - torch.log(weight[mates].sum() - rank * weight[tied].sum()))
    return -total / 5.0


def check_values() -> None:
    """Raise where a value is not the one it should be."""
    for seed in range(20):
        untied = batch(16, seed, tied=False, arms=1)
        torch.testing.assert_close(efron(*untied), plain(*untied), rtol=0, atol=1e-12)
        tied = batch(60, seed, tied=True, arms=2)
        assert abs(float(efron(*tied)) - by_hand(*tied)) < 1e-10, "with ties it is not Efron's"
    many = heavy_ties(2_000)
    assert abs(float(efron(*many)) / by_hand(*many) - 1) < 1e-12, "under heavy ties it is not Efron's"


def seconds(loss: Loss, data: tuple[Tensor, ...], steps: int) -> float:
    """CPU time of one forward and backward."""
    eta = data[0].clone().requires_grad_()
    start = time.process_time()
    for _ in range(steps):
        loss(eta, *data[1:]).backward()
        eta.grad = None
    return (time.process_time() - start) / steps


def saved_bytes(loss: Loss, data: tuple[Tensor, ...]) -> int:
    """What the forward pass keeps for the backward pass."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        loss(data[0].clone().requires_grad_(), *data[1:])
    return sum(kept.values())


def small_batches(repeats: int) -> bool:
    """The ratio at batch 16."""
    data = batch(16, 0, tied=True, arms=2)
    seconds(efron, data, 50), seconds(plain, data, 50)
    pairs = [(seconds(efron, data, 100), seconds(plain, data, 100)) for _ in range(repeats)]
    ours, theirs = min(a for a, _ in pairs), min(b for _, b in pairs)
    print(f"batch of 16, two arms, ties: Efron {1e6 * ours:.0f} us, plain {1e6 * theirs:.0f} us, {ours / theirs:.2f} x")
    return ours / theirs <= ALLOWED


def heavy(repeats: int) -> bool:
    """How time (beside the plain form, which is O(n log n)) and memory grow with patients under heavy ties."""
    found = []
    for size in SIZES:
        data = heavy_ties(size)
        pairs = [(seconds(efron, data, 1), seconds(plain, data, 1)) for _ in range(repeats)]
        ours, theirs = min(a for a, _ in pairs), min(b for _, b in pairs)
        kept = saved_bytes(efron, data)
        found.append((ours / theirs, kept / size))
        print(
            f"{size} patients at 100 times: Efron {1e3 * ours:.1f} ms, plain {1e3 * theirs:.1f} ms, "
            f"{ours / theirs:.2f} x; {kept / size:.0f} bytes a patient kept for the way back"
        )
    time_growth, memory_growth = (last / first for first, last in zip(found[0], found[-1], strict=True))
    print(f"at 16 x the patients the ratio is {time_growth:.2f} x, memory a patient {memory_growth:.2f} x")
    return time_growth <= ALLOWED_GROWTH and memory_growth <= ALLOWED_GROWTH


def main() -> int:
    """Check, measure, print, judge."""
    torch.set_num_threads(1)
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    check_values()
    print("values agree")
    return 0 if small_batches(repeats) & heavy(repeats) else 1


if __name__ == "__main__":
    sys.exit(main())

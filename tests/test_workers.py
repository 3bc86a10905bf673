"""Worker processes: what is said where one is killed."""

from __future__ import annotations

import os

import pytest

from mmcare.errors import MMCareError
from mmcare.workers import in_order, processes


def third_ends(number: int) -> int:
    """As a worker that the system ends for want of memory."""
    if number == 2:
        os._exit(1)
    return number


def test_a_killed_worker_is_said_with_what_the_caller_keeps() -> None:
    taken = []
    with pytest.raises(MMCareError) as caught, processes(2) as pool:
        taken.append(next(in_order(third_ends, [0], pool)))  # workers are there
        for result in in_order(third_ends, [5, 2, 7], pool, lambda n: f"{n} of 3 are kept"):
            taken.append(result)
    assert str(caught.value) == (
        f"a worker process was ended from outside, or found no memory; {len(taken) - 1} of 3 are kept. "
        "Give the same command again, with fewer `--workers`."
    )

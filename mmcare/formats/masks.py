"""From the numbers of a mask file to a mask: 0 is outside, 1 is inside, anything else is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmcare.errors import CohortError, Finding
from mmcare.formats.rows import counted

__all__ = ["as_mask"]

SHOWN = 5


def as_mask(values: npt.NDArray[np.generic], path: Path) -> npt.NDArray[np.bool_]:
    """`values` as bool, True where 1.

    Raises:
        CohortError: There are other values than 0 and 1; the message gives each with its count.
    """
    inside: npt.NDArray[np.bool_] = values == 1
    others = values[~(inside | (values == 0))]
    if not others.size:
        return inside
    unique, counts = np.unique(others, return_counts=True)
    listed = ", ".join(
        f"{value:g} ({counted(n, 'voxel')})" for value, n in zip(unique[:SHOWN], counts[:SHOWN], strict=True)
    )
    more = f" and {len(unique) - SHOWN} other values" if len(unique) > SHOWN else ""
    what = f"a mask holds 0 (outside) and 1 (inside) only; found: {listed}{more}."
    raise CohortError(Finding(file=path, what=what, todo="Save the region alone, as 0 and 1.", code="mask-values"))

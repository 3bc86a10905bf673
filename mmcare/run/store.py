"""Typed readers and writers of a run folder's files; no pickle."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import cast, get_args

import numpy as np
import safetensors.numpy

from mmcare.components import JSON, Fitted, OutcomeLayout, Record, Split
from mmcare.errors import Finding, RunError, cut
from mmcare.formats.atomic import write_bytes, write_text
from mmcare.run.json_file import RESTORE, read_as, read_json
from mmcare.run.tensors import read_arrays, read_tensors

__all__ = [
    "read_arrays",
    "read_fitted",
    "read_outcome_layout",
    "read_splits",
    "read_tensors",
    "write_outcome_layout",
    "write_record",
    "write_splits",
]

_HEADER = ["patient", "split"]


def write_record(folder: Path, name: str, record: Record) -> None:
    """Fitted state or a baseline: `NAME.json`, and `NAME.safetensors` where it has arrays."""
    write_text(folder / f"{name}.json", json.dumps(dict(record.values), indent=1, allow_nan=False) + "\n")
    if record.arrays:
        arrays = {key: np.ascontiguousarray(value) for key, value in record.arrays.items()}
        write_bytes(folder / f"{name}.safetensors", safetensors.numpy.save(arrays))


def read_fitted(folder: Path, name: str) -> Fitted:
    """What `write_record` wrote.

    Raises:
        RunError: A file is damaged, or a number in it is not finite.
    """
    path, arrays = folder / f"{name}.json", folder / f"{name}.safetensors"
    values = read_json(path)
    if not isinstance(values, dict):
        what = f"holds `{cut(values, 40)}`, and must hold names and values."
        raise RunError(Finding(file=path, what=what, todo=RESTORE, code="values"))
    return Fitted(cast("dict[str, JSON]", values), read_arrays(arrays) if arrays.exists() else {})


def write_outcome_layout(path: Path, layout: OutcomeLayout) -> None:
    """The codes of arms and endpoints."""
    endpoints = [{"name": e.name, "horizons": list(e.horizons), "competing": e.competing} for e in layout.endpoints]
    write_text(path, json.dumps({"arms": list(layout.arms), "endpoints": endpoints}, indent=1) + "\n")


def read_outcome_layout(path: Path) -> OutcomeLayout:
    """What `write_outcome_layout` wrote.

    Raises:
        RunError: It is damaged, an arm or endpoint has no name of its own, or horizons do not rise from 0.
    """
    layout = read_as(path, OutcomeLayout)
    wrong = [Finding(file=path, key=key, what=what, todo=RESTORE, code="values") for key, what in _contrary(layout)]
    if wrong:
        raise RunError(wrong)
    return layout


def _contrary(layout: OutcomeLayout) -> Iterator[tuple[str, str]]:
    for key, names in (("arms", layout.arms), ("endpoints", tuple(e.name for e in layout.endpoints))):
        if not names:
            yield key, "is empty; a run has at least one."
        for name, count in Counter(names).items():
            if count > 1:
                yield key, f"`{cut(name, 40)}` stands there {count} times."
    for endpoint in layout.endpoints:
        if not endpoint.horizons or any(after <= before for before, after in pairwise((0.0, *endpoint.horizons))):
            found = ", ".join(f"{h:g}" for h in endpoint.horizons) or "none"
            yield f"endpoints.{endpoint.name}.horizons", f"they are years that rise from above 0; found {found}."


def write_splits(path: Path, splits: Mapping[str, Split]) -> None:
    """Which patient is in which split."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows(splits.items())
    write_text(path, text.getvalue())


def read_splits(path: Path) -> Mapping[str, Split]:
    """What `write_splits` wrote, in its order.

    Raises:
        RunError: It is damaged: all lines that are no patient and split, or that name a patient again.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file)
    except (OSError, ValueError, csv.Error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is empty, or no CSV text in UTF-8"
        raise RunError(Finding(file=path, what=f"cannot be read: {reason}.", todo=RESTORE)) from error
    splits: dict[str, Split] = {}
    wrong = [_splits_line(path, 1, "patient,split", header)] if header != _HEADER else []
    for number, line in enumerate(lines, 2):
        if len(line) != 2 or line[1] not in get_args(Split):
            wrong.append(_splits_line(path, number, f"a patient and one of {', '.join(get_args(Split))}", line))
        elif line[0] in splits:
            what = f"the patient {cut(line[0], 40)} stands here a second time."
            wrong.append(Finding(file=path, line=number, what=what, todo=RESTORE))
        else:
            splits[line[0]] = cast(Split, line[1])
    if wrong:
        raise RunError(wrong)
    return splits


def _splits_line(path: Path, number: int, expected: str, found: list[str]) -> Finding:
    what = f"`{cut(','.join(found), 40)}` is not {expected}."
    return Finding(file=path, line=number, what=what, todo=RESTORE)

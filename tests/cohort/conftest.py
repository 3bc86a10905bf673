"""A small cohort on disk that is in order, for each test to spoil."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

DICTIONARY = """\
mmcare_cohort: 1
arms: {column: arm, values: {sbrt: SBRT, surgery: resection}}
endpoints:
  os: {time: os_months, event: dead, unit: months, horizons: [1, 3]}
columns:
  age: {type: number, unit: years}
  sex: {type: category, levels: [female, male]}
  stage: {type: category, available_at: after}
"""


def rows(n: int = 24) -> list[dict[str, str]]:
    """Both arms have events and censored patients; events come earlier."""
    return [
        {
            "patient_id": f"P{i:02d}",
            "arm": ("sbrt", "surgery")[i % 2],
            "os_months": str(6 + i if i % 3 == 0 else 30 + i),
            "dead": str(int(i % 3 == 0)),
            "age": str(55 + i),
            "sex": ("female", "male")[i // 2 % 2],
            "stage": ("1", "2", "3")[i % 3],
        }
        for i in range(n)
    ]


def as_text(table: list[dict[str, str]]) -> str:
    """The rows as CSV; no cell needs quotes."""
    return "\n".join([",".join(table[0]), *(",".join(row.values()) for row in table)]) + "\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a cohort folder: by default the one in order."""

    def write(dictionary: str = DICTIONARY, table: str | bytes | None = None) -> Path:
        text = as_text(rows()) if table is None else table
        (tmp_path / "cohort.yaml").write_text(dictionary)
        (tmp_path / "patients.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path

    return write

"""One category written in several ways: `Male`, `male` and `MALE` would be learned as three."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from mmcare.cohort.cohort import Cohort
from mmcare.errors import Finding, Severity, cut

__all__ = ["check_spellings"]


def check_spellings(cohort: Cohort) -> Iterator[Finding]:
    """Warnings about categories whose texts differ by nothing but case, and what stands between words."""
    for name, entry in cohort.dictionary.columns.items():
        if entry.type != "category" or entry.role == "other" or name not in cohort.table.columns:
            continue
        counts = Counter(cell.strip() for cell in cohort.table.column(name))
        ways: dict[str, list[str]] = {}
        for text in counts:
            if text and text not in entry.missing:
                ways.setdefault(_spelling(text), []).append(text)
        for texts in ways.values():
            if len(texts) > 1:
                said = ", ".join(f"`{cut(text, 30)}` ({counts[text]} cells)" for text in texts[:5])
                yield Finding(
                    file=cohort.table_file,
                    key=name,
                    value=cut(texts[0], 30),
                    what=f"{said} seem to be one category, and count as {len(texts)}.",
                    todo="Write it in one way.",
                    severity=Severity.WARNING,
                    code="spellings",
                )


def _spelling(text: str) -> str:
    """The text without case and what stands between letters; a sign before or after is part of it (`HER2-`, `-1`)."""
    return re.sub(r"(?<=[^\W\d])[ _-]+(?=[^\W\d])", "", text.casefold())

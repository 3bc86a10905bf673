"""What nibabel mends in a header, it says on a logger of its own: heard here, for findings to say instead."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["heard_mending"]


@contextmanager
def heard_mending() -> Iterator[list[str]]:
    """What is mended of headers that this thread reads within the block; nothing of it is logged.

    Yields:
        Sentences such as "sform_code 99 not valid; setting to 0", complete when the block ends.
    """
    logging.getLogger("nibabel.global").addFilter(_FILTER)  # once: it is the same each time
    _FILTER.begin()
    try:
        yield _FILTER.said
    finally:
        _FILTER.end()


class _Heard(logging.Filter):
    """Each thread hears its own file; lines of a thread that does not listen go where they went before."""

    def __init__(self) -> None:
        super().__init__()
        self._of_thread = threading.local()

    @property
    def said(self) -> list[str]:
        found: list[str] = self._of_thread.said
        return found

    def begin(self) -> None:
        self._of_thread.said = []

    def end(self) -> None:
        del self._of_thread.said

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(self._of_thread, "said"):
            return True
        problem, _, cure = record.getMessage().partition("; ")
        if cure.startswith("set"):  # else it leaves what is there, which `nifti` looks at
            self.said.append(f"{problem}; {cure}")
        return False


_FILTER = _Heard()

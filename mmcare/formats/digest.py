"""One digest of plain values, for cache keys and fingerprints."""

from __future__ import annotations

import hashlib
import json

__all__ = ["key_of"]


def key_of(*parts: object) -> str:
    """Digest of values that JSON can hold, in order."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()

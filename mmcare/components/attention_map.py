"""What attention looked at, by the names of the tokens."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = ["AttentionMap"]


@dataclass(frozen=True, slots=True)
class AttentionMap:
    """Attention of one set of tokens over another.

    Attributes:
        weights: (B, H, N_q, N_k), over the real keys they sum to 1 for each real query; 0 for masked keys, and all 0
            where a patient has none of them.
        queries: Names of the N_q tokens that ask.
        keys: Names of the N_k tokens that are looked at.
    """

    weights: Tensor
    queries: tuple[str, ...]
    keys: tuple[str, ...]

    def between(self, query: str, key: str) -> Tensor:
        """(B, H) weight that the token `query` gives to the token `key`.

        Raises:
            KeyError: There is no token of that name.
        """
        for name, names in ((query, self.queries), (key, self.keys)):
            if name not in names:
                raise KeyError(name)
        return self.weights[:, :, self.queries.index(query), self.keys.index(key)]

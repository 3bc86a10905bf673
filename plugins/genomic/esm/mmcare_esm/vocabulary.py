"""From letters to a language model's token numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import EsmTokenizer

__all__ = ["ESM2", "TokenIds", "Vocabulary"]

TokenIds = tuple[int, ...]

_ESM2_TOKENS = (
    *("<cls>", "<pad>", "<eos>", "<unk>"),
    *"LAGVSERTIDPKQNFYMHWCXBUZO.-",
    *("<null_1>", "<mask>"),
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens of a language model.

    Attributes:
        size: How many tokens there are.
        encode: Token numbers of a sequence, without those of its ends.
        first: Number of the token that begins a sequence.
        last: Number of the one that ends it; None where the model has none.
        padding: Number of the token that fills a batch up.
        letters: The tokens of one letter.
        is_by_letter: Whether each letter is a token.
    """

    size: int
    encode: Callable[[str], TokenIds] = field(repr=False)
    first: int
    last: int | None
    padding: int
    letters: frozenset[str]
    is_by_letter: bool

    @classmethod
    def of(cls, tokenizer: EsmTokenizer) -> Vocabulary:
        """The vocabulary of a checkpoint's tokenizer."""
        special = set(tokenizer.all_special_tokens)
        tokens = [token for token in tokenizer.get_vocab() if token not in special and not token.startswith("<")]
        return cls(
            size=len(tokenizer),
            encode=partial(_encode_by, tokenizer),
            first=tokenizer.cls_token_id,
            last=tokenizer.eos_token_id,
            padding=tokenizer.pad_token_id,
            letters=frozenset(token for token in tokens if len(token) == 1),
            is_by_letter=all(len(token) == 1 for token in tokens),
        )


def _encode_by(tokenizer: EsmTokenizer, sequence: str) -> TokenIds:
    return tuple(tokenizer(sequence, add_special_tokens=False)["input_ids"])


def _encode_esm2(sequence: str) -> TokenIds:
    return tuple(_NUMBER.get(letter, _NUMBER["<unk>"]) for letter in sequence)


_NUMBER = {token: number for number, token in enumerate(_ESM2_TOKENS)}

ESM2 = Vocabulary(
    size=len(_ESM2_TOKENS),
    encode=_encode_esm2,
    first=_NUMBER["<cls>"],
    last=_NUMBER["<eos>"],
    padding=_NUMBER["<pad>"],
    letters=frozenset(token for token in _ESM2_TOKENS if len(token) == 1),
    is_by_letter=True,
)
"""The 33 tokens of every published ESM-2 (facebookresearch/esm, `Alphabet.from_architecture("ESM-1b")`)."""

"""The encoder of sequences and of changes of sequences."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmcare.components import (
    Encoder,
    InputLayout,
    ModalityBatch,
    SequenceBatch,
    SequenceLayout,
    TokenLayout,
    Tokens,
    masked_mean,
)
from mmcare.errors import Finding, SpecError
from mmcare_esm.language_model import LanguageModel
from mmcare_esm.plugin import ESMConfig
from mmcare_esm.vocabulary import Vocabulary

__all__ = ["ESM"]

NOT_TESTED, AS_REFERENCE, UNKNOWN_EFFECT = -1, -2, -3


class ESM(Encoder[ESMConfig]):
    """A token a slot: what a pretrained language model says of it (Eq. 8).

    Where slots have references (genes), a changed one is the difference between the mutated and the reference protein
    around the site, several changes averaged; one tested and found as the reference has a learned vector; one changed
    in an unknown way another; one not tested is masked. Where they have none, a slot is the mean over its sequence.

    What the language model gives is scaled by LayerNorm, its size kept beside it, and projected to the tokens' width.

    Shapes: index (b, N, K) -> tokens (b, N, D), pooled (b, 1, D).

    Source: Lin et al. 2023, 10.1126/science.ade2574.
    """

    def __init__(self, config: ESMConfig, layout: InputLayout) -> None:
        super().__init__(config, layout)
        assert isinstance(layout, SequenceLayout), "an encoder that takes `sequence` is given a SequenceLayout"
        self.references = layout.references
        self.dim = config.dim
        self.tokens = TokenLayout.pooled("sequences") if config.pooled else TokenLayout(names=layout.slots)
        self.language_model = LanguageModel(config)
        _check_letters(layout, self.language_model.vocabulary)
        slots, width = len(layout.slots), self.language_model.width
        self.slot = nn.Parameter(0.3 * torch.randn(slots, config.dim))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.project = nn.Linear(width + 1, config.dim)
        if self.references:
            self.changed = nn.Parameter(torch.randn(slots, config.dim))
            self.wild_type = nn.Parameter(0.1 * torch.randn(config.dim))
            self.unknown = nn.Parameter(torch.randn(config.dim))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, batch: ModalityBatch) -> Tokens:
        """Tokens of the tested slots."""
        assert isinstance(batch, SequenceBatch), "sequences"
        tested = batch.index != NOT_TESTED
        values = self.dropout(self.slot + self._said(batch))
        tokens = Tokens(values, tested.any(-1))
        return masked_mean(tokens) if self.config.pooled else tokens

    def stem(self, batch: SequenceBatch) -> Tensor:
        """(U, W): what the language model says of each distinct sequence; zeros for one that no row has.

        Frozen, each is computed once in the encoder's life.
        """
        used = batch.index[batch.index >= 0].unique().tolist()
        width = self.language_model.width
        found = self.slot.new_zeros(len(batch.sequences), width)
        if not used:
            return found
        if self.references:
            slot = _slots(batch)
            pairs = [(self.references[slot[u]], batch.sequences[u]) for u in used]
            values = self.language_model.of_changes(pairs)
        else:
            values = self.language_model.of_sequences([batch.sequences[u] for u in used])
        return found.index_copy(0, torch.tensor(used, device=found.device), values.to(found.dtype))

    def _said(self, batch: SequenceBatch) -> Tensor:
        """(b, N, D): the mean over what stands in each slot."""
        raw = self.stem(batch)
        size = torch.linalg.vector_norm(raw, dim=-1, keepdim=True).log1p()
        vectors = self.project(torch.cat([self.norm(raw), size], -1))  # (U, D)
        known = batch.index >= 0
        said = vectors[batch.index.clamp(min=0)] if len(vectors) else vectors.new_zeros(*known.shape, self.dim)
        if not self.references:
            return torch.where(known[..., None], said, 0.0).sum(2)
        unknown = batch.index == UNKNOWN_EFFECT
        said = torch.where(unknown[..., None], self.unknown, said) + self.changed[:, None]
        changes = known | unknown
        mean = torch.where(changes[..., None], said, 0.0).sum(2) / changes.sum(2).clamp(min=1)[..., None]
        return torch.where(changes.any(2)[..., None], mean, self.wild_type)


def _slots(batch: SequenceBatch) -> dict[int, int]:
    """The slot of each sequence that stands in one."""
    _, slot, _ = (batch.index >= 0).nonzero(as_tuple=True)
    return dict(zip(batch.index[batch.index >= 0].tolist(), slot.tolist(), strict=True))


def _check_letters(layout: SequenceLayout, vocabulary: Vocabulary) -> None:
    """A protein model reads no DNA, though every base is also the letter of a residue; and the reverse."""
    is_protein_model = {"E", "F", "L"} <= vocabulary.letters
    is_protein = "E" in layout.alphabet
    if is_protein_model != is_protein:
        kind = {True: "proteins", False: "nucleotides"}
        what = f"the checkpoint is a model of {kind[is_protein_model]}, and the modality gives {kind[is_protein]}."
        raise SpecError(Finding(key="checkpoint", what=what, todo="Name a checkpoint for them.", code="letters"))
    if layout.references and not vocabulary.is_by_letter:
        what = "the checkpoint reads several letters as one token, so that a change has no site of its own."
        raise SpecError(Finding(key="checkpoint", what=what, todo="Name one that reads letters.", code="tokens"))

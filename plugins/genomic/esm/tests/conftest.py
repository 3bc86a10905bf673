"""Tiny language models, built and saved here as the published ones are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import EsmConfig, EsmForMaskedLM, EsmTokenizer

from mmcare.components import SequenceBatch, SequenceLayout

PROTEIN = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
BASES = ["<unk>", "<pad>", "<mask>", "<cls>", "ACG", "TTT", "GAT", "A", "C", "G", "T", "N"]


def save_checkpoint(folder: Path, tokens: list[str], **keys: object) -> Path:
    """A checkpoint of two layers with drawn weights, its language-model head too."""
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(tokens))
    end = "<eos>" if "<eos>" in tokens else None
    tokenizer = EsmTokenizer(str(folder / "vocab.txt"), eos_token=end)
    tokenizer.save_pretrained(folder)
    config = EsmConfig(
        vocab_size=len(tokens),
        pad_token_id=tokens.index("<pad>"),
        mask_token_id=tokens.index("<mask>"),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=1026,
        position_embedding_type="rotary",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        token_dropout=True,
        **keys,
    )
    torch.manual_seed(7)
    model = EsmForMaskedLM(config)
    with torch.no_grad():  # the initial range of .02 would make all residues alike
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A protein model."""
    return save_checkpoint(tmp_path_factory.mktemp("protein") / "tiny", PROTEIN)


@pytest.fixture(scope="session")
def dna_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DNA model that reads some triplets as one token, and ends no sequence."""
    return save_checkpoint(tmp_path_factory.mktemp("dna") / "tiny", BASES)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The Hub as a machine without a network sees it."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    yield


def reference(length: int, start: int = 0) -> str:
    """A protein in which every stretch differs from every other."""
    generator = torch.Generator().manual_seed(start)
    letters = "ACDEFGHIKLMNPQRSTVWY"
    return "M" + "".join(letters[i] for i in torch.randint(20, (length - 1,), generator=generator).tolist())


SHORT, LONG = reference(30), reference(200, start=1)


@pytest.fixture
def layout() -> SequenceLayout:
    """Three genes, one longer than a window of 32, one without a sequence."""
    letters = "ACDEFGHIKLMNPQRSTVWYUOBZX"
    return SequenceLayout(slots=("EGFR", "MET", "KEAP1"), alphabet=letters, references=(SHORT, LONG, ""))


@pytest.fixture
def batch() -> SequenceBatch:
    """Four patients: substitutions, an insertion, a truncation, a frameshift, unknown effects, what was not tested."""
    changes = {
        "EGFR 4": SHORT[:3] + "W" + SHORT[4:],
        "EGFR 12": SHORT[:11] + "GG" + SHORT[11:],
        "MET 150": LONG[:149] + "C" + LONG[150:],
        "MET 90": LONG[:89],
        "MET 60": LONG[:59] + "QXXXX",
    }
    index = torch.tensor(
        [
            [[0, 1], [2, -1], [-3, -1]],
            [[-2, -1], [3, -3], [-2, -1]],
            [[-1, -1], [4, 2], [-1, -1]],
            [[0, -1], [-2, -1], [-1, -1]],
        ]
    )
    return SequenceBatch(rows=torch.arange(4), keys=tuple(changes), sequences=tuple(changes.values()), index=index)
